"""Changes of an image's size as modules; the maths is that of gradc.nn.functional.interpolate."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.functional.resampling import interpolate
from gradc.nn.module import Module
from gradc.tensor import Tensor

Sizes = int | Sequence[int] | None
Factors = float | Sequence[float] | None


class Upsample(Module):
    """The input at evenly spaced places of its spatial axes.

    Args:
        size: of the result; one number, or one per axis.
        scale_factor: the result's size over the input's; one number, or one per axis.
        mode: `nearest`, `nearest-exact`, `linear`, `bilinear` or `area`.
        align_corners: whether first and last elements stay where they are.
        recompute_scale_factor: take the scale from the sizes instead of scale_factor.

    Example:
        >>> import gradc
        >>> gradc.nn.Upsample(scale_factor=2)(gradc.tensor([[[1.0, 2.0]]])).tolist()
        [[[1.0, 1.0, 2.0, 2.0]]]
    """

    def __init__(
        self,
        size: Sizes = None,
        scale_factor: Factors = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = tuple(size) if isinstance(size, Sequence) else size
        if isinstance(scale_factor, Sequence):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Return `[N, C, P]` or `[N, C, P, Q]`."""
        return interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        """Return size or factor, and the mode."""
        if self.scale_factor is not None:
            return f"scale_factor={self.scale_factor!r}, mode={self.mode!r}"
        return f"size={self.size!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Upsample by the nearest pixel.

    Args:
        size: of the result; one number, or one per axis.
        scale_factor: the result's size over the input's; one number, or one per axis.
    """

    def __init__(self, size: Sizes = None, scale_factor: Factors = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample by lines between pixels, with aligned corners.

    Args:
        size: of the result; one number, or one per axis.
        scale_factor: the result's size over the input's; one number, or one per axis.
    """

    def __init__(self, size: Sizes = None, scale_factor: Factors = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
