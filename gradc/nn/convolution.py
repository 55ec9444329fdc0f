"""Convolution layers with PyTorch's names, weight layout and initial values."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradc.errors import ArgumentError
from gradc.functional.convolution import conv1d, conv2d, same_padding
from gradc.functional.pad import pad
from gradc.functional.spatial import Ints, per_axis
from gradc.ir.dtype import DType
from gradc.nn import init
from gradc.nn.linear import check_size
from gradc.nn.module import Module
from gradc.nn.parameter import Parameter
from gradc.primitives.convolution import reach
from gradc.tensor import Tensor, empty

Size = int | Sequence[int]
MODES = ("zeros", "reflect", "replicate", "circular")


class ConvBase(Module):
    """Base of the convolution layers, transposed ones among them.

    Args: as for Conv2d, and
        axes: number of spatial axes.
        output_padding: of transposed ones.
    """

    transposed = False
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        axes: int,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size,
        padding: Size | str,
        dilation: Size,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: str | None,
        dtype: DType | None,
        output_padding: Size = 0,
    ) -> None:
        super().__init__()
        name = self._get_name()
        self.in_channels, self.out_channels = in_channels, out_channels
        check_size(name, "in_channels", in_channels)
        check_size(name, "out_channels", out_channels)
        check_size(name, "groups", groups)
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ArgumentError(
                f"{name}: groups must divide in_channels and out_channels, got groups={groups}, "
                f"in_channels={in_channels}, out_channels={out_channels}"
            )
        if padding_mode not in MODES:
            raise ArgumentError(
                f"{name}: padding_mode must be one of {', '.join(MODES)}, got {padding_mode!r}"
            )
        self.kernel_size = per_axis(name, "kernel_size", kernel_size, axes, 1)
        self.stride = per_axis(name, "stride", stride, axes, 1)
        self.dilation = per_axis(name, "dilation", dilation, axes, 1)
        self.padding = self._padding(padding, axes)
        self.groups = groups
        self.padding_mode = padding_mode
        self.output_padding = per_axis(name, "output_padding", output_padding, axes, 0)
        sizes = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        shape = (sizes[0], sizes[1] // groups, *self.kernel_size)
        self.weight = Parameter(empty(*shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _padding(self, padding: Size | str, axes: int) -> Ints | str:
        """Return the padding as it is kept, after all checks."""
        name = self._get_name()
        if not isinstance(padding, str):
            return per_axis(name, "padding", padding, axes, 0)
        if padding not in ("same", "valid"):
            raise ArgumentError(f"{name}: padding must be ints, 'same' or 'valid', got {padding!r}")
        if padding == "same" and max(self.stride) > 1:
            raise ArgumentError(
                f"{name}: padding='same' is not supported for stride {list(self.stride)}",
                hint="give the padding as a number",
            )
        return padding

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        # kaiming_uniform_ with a = sqrt(5) is U(-k, k) with k = 1 / sqrt(fan_in).
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = math.prod(self.weight.shape[1:])
            bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
            init.uniform_(self.bias, -bound, bound)

    def bordered(self, input: Tensor) -> tuple[Tensor, Ints | str]:
        """Return the input with its border where it isn't of zeros, and the padding left to do."""
        if self.padding_mode == "zeros":
            return input, self.padding
        axes = len(self.kernel_size)
        if self.padding == "same":
            low, high = same_padding(reach(self.kernel_size, self.dilation))
        elif isinstance(self.padding, str):
            low = high = (0,) * axes
        else:
            low = high = self.padding
        amounts = [n for pair in zip(low[::-1], high[::-1], strict=True) for n in pair]
        return pad(input, amounts, self.padding_mode), (0,) * axes

    def extra_repr(self) -> str:
        """Return channels and window, and what differs from the defaults."""
        axes = len(self.kernel_size)
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        # PyTorch's comparison: a padding given as a word is shown always
        if self.padding != (0,) * axes:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * axes:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * axes:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class Conv1d(ConvBase):
    """y[n, o, p] = b[o] + sum over c, k of x[n, c, s p + d k] w[o, c, k].

    Weight and bias start with draws from U(-k, k), k = 1 / sqrt(in_channels / groups * K).

    Args:
        in_channels: size of the input's axis 1.
        out_channels: size of the output's axis 1.
        kernel_size: K, length of a window.
        stride: s, distance of two windows.
        padding: elements added at both ends; `"valid"` for none, `"same"` to keep the length.
        padding_mode: `zeros`, `reflect`, `replicate` or `circular`.
        dilation: d, distance of two elements of a window.
        groups: into how many blocks the channels are cut, each with weights of its own.
        bias: whether to add b.
        device: where weight and bias are made.
        dtype: of weight and bias.

    Attributes:
        weight: `[out_channels, in_channels / groups, K]`.
        bias: `[out_channels]`, or None.

    Example:
        >>> import gradc
        >>> gradc.nn.Conv1d(4, 8, 3, padding=1)(gradc.zeros(2, 4, 10)).shape
        gradc.Size([2, 8, 10])
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
            1, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution of an input `[N, C, L]` or `[C, L]`."""
        x, rest = self.bordered(input)
        return conv1d(x, self.weight, self.bias, self.stride, rest, self.dilation, self.groups)


class Conv2d(ConvBase):
    """y[n, o, p, q] = b[o] + sum over c, i, j of x[n, c, s p + d i, s q + d j] w[o, c, i, j].

    Weight and bias start with draws from U(-k, k), k = 1 / sqrt(in_channels / groups * KH * KW).

    Args:
        in_channels: size of the input's axis 1.
        out_channels: size of the output's axis 1.
        kernel_size: (KH, KW), height and width of a window.
        stride: s, distance of two windows; one number, or one per axis.
        padding: elements added on all sides; `"valid"` for none, `"same"` to keep the size.
        padding_mode: `zeros`, `reflect`, `replicate` or `circular`.
        dilation: d, distance of two elements of a window.
        groups: into how many blocks the channels are cut, each with weights of its own.
        bias: whether to add b.
        device: where weight and bias are made.
        dtype: of weight and bias.

    Attributes:
        weight: `[out_channels, in_channels / groups, KH, KW]`.
        bias: `[out_channels]`, or None.

    Example:
        >>> import gradc
        >>> gradc.nn.Conv2d(3, 8, 5, stride=2)(gradc.zeros(2, 3, 28, 28)).shape
        gradc.Size([2, 8, 12, 12])
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
            2, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution of an input `[N, C, H, W]` or `[C, H, W]`."""
        x, rest = self.bordered(input)
        return conv2d(x, self.weight, self.bias, self.stride, rest, self.dilation, self.groups)
