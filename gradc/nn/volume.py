"""Convolutions over volumes as layers, with PyTorch's weight layout and initial values."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.functional.volume import conv3d, conv_transpose3d
from gradc.ir.dtype import DType
from gradc.nn.convolution import ConvBase, Size
from gradc.nn.transposed_convolution import TransposedBase
from gradc.tensor import Tensor


class Conv3d(ConvBase):
    """The sums of windows of a volume, weighted, plus b: a Conv2d with one more axis, the depth.

    Weight and bias start with draws from U(-k, k), k = 1 / sqrt(in_channels / groups KD KH KW).

    Args:
        in_channels: size of the input's axis 1.
        out_channels: size of the output's axis 1.
        kernel_size: (KD, KH, KW), depth, height and width of a window.
        stride: distance of two windows; one number, or one per axis.
        padding: elements added on all sides; `"valid"` for none, `"same"` to keep the size.
        padding_mode: `zeros`, `reflect`, `replicate` or `circular`.
        dilation: distance of two elements of a window.
        groups: into how many blocks the channels are cut, each with weights of its own.
        bias: whether to add b.
        device: where weight and bias are made.
        dtype: of weight and bias.

    Attributes:
        weight: `[out_channels, in_channels / groups, KD, KH, KW]`.
        bias: `[out_channels]`, or None.

    Example:
        >>> import gradc
        >>> gradc.nn.Conv3d(3, 8, 5, stride=2)(gradc.zeros(2, 3, 28, 28, 28)).shape
        gradc.Size([2, 8, 12, 12, 12])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            3, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution of an input `[N, C, D, H, W]` or `[C, D, H, W]`."""
        x, rest = self.bordered(input)
        return conv3d(x, self.weight, self.bias, self.stride, rest, self.dilation, self.groups)


class ConvTranspose3d(TransposedBase):
    """The transpose of a Conv3d by its input, plus b.

    Weight and bias start with draws from U(-k, k), k = 1 / sqrt(out_channels / groups KD KH KW).

    Args:
        in_channels: size of the input's axis 1.
        out_channels: size of the output's axis 1.
        kernel_size: (KD, KH, KW), depth, height and width of a window.
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
        weight: `[in_channels, out_channels / groups, KD, KH, KW]`.
        bias: `[out_channels]`, or None.

    Example:
        >>> import gradc
        >>> up = gradc.nn.ConvTranspose3d(3, 8, 4, stride=2, padding=1)
        >>> up(gradc.zeros(2, 3, 5, 5, 5)).shape
        gradc.Size([2, 8, 10, 10, 10])
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
            3, in_channels, out_channels, kernel_size, stride, padding, output_padding, groups,
            bias, dilation, padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Return the transposed convolution of `[N, C, D, H, W]` or `[C, D, H, W]`.

        Args:
            input: the volume.
            output_size: sizes of the output, where several are possible.
        """
        more = self.added(input, output_size)
        return conv_transpose3d(
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups,
            self.dilation,
        )  # fmt: skip
