"""Transposed convolutions as layers, with PyTorch's weight layout and initial values."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.errors import ArgumentError, UnsupportedError
from gradc.functional.spatial import Ints
from gradc.functional.transposed_convolution import conv_transpose1d, conv_transpose2d
from gradc.ir.dtype import DType
from gradc.nn.convolution import ConvBase, Size
from gradc.tensor import Tensor


class TransposedBase(ConvBase):
    """What the layers of transposed convolutions share."""

    transposed = True
    padding: Ints

    def __init__(
        self,
        axes: int,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size,
        padding: Size,
        output_padding: Size,
        groups: int,
        bias: bool,
        dilation: Size,
        padding_mode: str,
        device: str | None,
        dtype: DType | None,
    ) -> None:
        name = self._get_name()
        if padding_mode != "zeros":
            raise UnsupportedError(
                f"{name}: padding_mode must be 'zeros', got {padding_mode!r}",
            )
        if isinstance(padding, str):
            raise ArgumentError(f"{name}: padding must be an int or ints, got {padding!r}")
        super().__init__(
            axes, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype, output_padding,
        )  # fmt: skip

    def added(self, input: Tensor, output_size: Sequence[int] | None) -> Ints:
        """Return output_padding, or what it must be for the output to be of a given size."""
        if output_size is None:
            return self.output_padding
        axes = len(self.kernel_size)
        wanted = tuple(int(n) for n in output_size)[-axes:]
        sizes = tuple(int(n) for n in input.shape[input.ndim - axes :])
        least = tuple(
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(
                sizes, self.stride, self.padding, self.dilation, self.kernel_size, strict=True
            )
        )
        most = tuple(a + s - 1 for a, s in zip(least, self.stride, strict=True))
        fits = len(wanted) == axes and len(output_size) in (axes, input.ndim)
        if not fits or any(not a <= n <= b for a, n, b in zip(least, wanted, most, strict=True)):
            raise ArgumentError(
                f"{self._get_name()}: output_size must be from {list(least)} to {list(most)} for "
                f"input {list(input.shape)}, got {list(output_size)}"
            )
        return tuple(n - a for n, a in zip(wanted, least, strict=True))


class ConvTranspose1d(TransposedBase):
    """y[n, o, s p + d k - padding] = b[o] + the sum over c, p, k of x[n, c, p] w[c, o, k].

    Weight and bias start with draws from U(-k, k), k = 1 / sqrt(out_channels / groups * K).

    Args:
        in_channels: size of the input's axis 1.
        out_channels: size of the output's axis 1.
        kernel_size: K, length of a window.
        stride: s, distance of two windows in the output.
        padding: elements cut off at both ends of the output.
        output_padding: elements added at its end.
        groups: into how many blocks the channels are cut, each with weights of its own.
        bias: whether to add b.
        dilation: d, distance of two elements of a window.
        padding_mode: must be `zeros`.
        device: where weight and bias are made.
        dtype: of weight and bias.

    Attributes:
        weight: `[in_channels, out_channels / groups, K]`.
        bias: `[out_channels]`, or None.

    Example:
        >>> import gradc
        >>> gradc.nn.ConvTranspose1d(4, 8, 2, stride=2)(gradc.zeros(2, 4, 5)).shape
        gradc.Size([2, 8, 10])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            1, in_channels, out_channels, kernel_size, stride, padding, output_padding, groups,
            bias, dilation, padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Return the transposed convolution of `[N, C, L]` or `[C, L]`.

        Args:
            input: the signal.
            output_size: length of the output, where several are possible.
        """
        more = self.added(input, output_size)
        return conv_transpose1d(
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups,
            self.dilation,
        )  # fmt: skip


class ConvTranspose2d(TransposedBase):
    """The transpose of a Conv2d by its input, plus b.

    Weight and bias start with draws from U(-k, k), k = 1 / sqrt(out_channels / groups * KH * KW).

    Args:
        in_channels: size of the input's axis 1.
        out_channels: size of the output's axis 1.
        kernel_size: (KH, KW), height and width of a window.
        stride: distance of two windows in the output; one number, or one per axis.
        padding: elements cut off on all sides of the output.
        output_padding: rows and columns added at its ends.
        groups: into how many blocks the channels are cut, each with weights of its own.
        bias: whether to add b.
        dilation: distance of two elements of a window.
        padding_mode: must be `zeros`.
        device: where weight and bias are made.
        dtype: of weight and bias.

    Attributes:
        weight: `[in_channels, out_channels / groups, KH, KW]`.
        bias: `[out_channels]`, or None.

    Example:
        >>> import gradc
        >>> gradc.nn.ConvTranspose2d(3, 8, 4, stride=2, padding=1)(gradc.zeros(2, 3, 7, 7)).shape
        gradc.Size([2, 8, 14, 14])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            2, in_channels, out_channels, kernel_size, stride, padding, output_padding, groups,
            bias, dilation, padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Return the transposed convolution of `[N, C, H, W]` or `[C, H, W]`.

        Args:
            input: the image.
            output_size: height and width of the output, where several are possible.
        """
        more = self.added(input, output_size)
        return conv_transpose2d(
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups,
            self.dilation,
        )  # fmt: skip
