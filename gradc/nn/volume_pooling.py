"""Pooling of volumes: the functions with their arguments kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradc.functional.volume_pooling import (
    adaptive_avg_pool3d,
    adaptive_max_pool3d,
    avg_pool3d,
    max_pool3d,
)
from gradc.nn.adaptive_pooling import AdaptiveMaxPoolBase
from gradc.nn.module import Module
from gradc.nn.pooling import AvgPoolBase, MaxPoolBase, Size
from gradc.tensor import Tensor


class MaxPool3d(MaxPoolBase):
    """The largest element of each window; the gradient goes to the first of several.

    Args:
        kernel_size: depth, height and width of a window; one number, or one per axis.
        stride: distance of two windows; kernel_size when not given.
        padding: -inf added on all sides.
        dilation: distance of two elements of a window.
        return_indices: return also where in the flattened volume the largest elements are.
        ceil_mode: whether a last window may reach beyond the border.
    """

    def forward(self, input: Tensor) -> Any:
        """Return the largest elements of an input `[N, C, D, H, W]` or `[C, D, H, W]`."""
        return max_pool3d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        )  # fmt: skip


class AvgPool3d(AvgPoolBase):
    """The mean of each window.

    Args:
        kernel_size: depth, height and width of a window; one number, or one per axis.
        stride: distance of two windows; kernel_size when not given.
        padding: zeros added on all sides.
        ceil_mode: whether a last window may reach beyond the border.
        count_include_pad: whether the added zeros count as elements.
        divisor_override: divide by this instead of the number of elements.
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """Return the means of an input `[N, C, D, H, W]` or `[C, D, H, W]`."""
        return avg_pool3d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip


class AdaptiveAvgPool3d(Module):
    """Means of windows that part the input evenly.

    Args:
        output_size: how many windows along each axis, or one number; None keeps the input's.
    """

    def __init__(self, output_size: int | Sequence[int | None] | None) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Return the means of an input `[N, C, D, H, W]` or `[C, D, H, W]`."""
        return adaptive_avg_pool3d(input, self.output_size)

    def extra_repr(self) -> str:
        """Return the output's size."""
        return f"output_size={self.output_size}"


class AdaptiveMaxPool3d(AdaptiveMaxPoolBase):
    """The largest elements of windows that part the input evenly.

    Args:
        output_size: how many windows along each axis, or one number; None keeps the input's.
        return_indices: return also where in the flattened volume the largest elements are.
    """

    def forward(self, input: Tensor) -> Any:
        """Return the largest elements of an input `[N, C, D, H, W]` or `[C, D, H, W]`."""
        return adaptive_max_pool3d(input, self.output_size, self.return_indices)
