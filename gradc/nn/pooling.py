"""Pooling layers: the functions of pooling with their arguments kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradc.functional.norm_pooling import lp_pool1d, lp_pool2d
from gradc.functional.pooling import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
from gradc.nn.module import Module
from gradc.tensor import Tensor

Size = int | Sequence[int]


class MaxPoolBase(Module):
    """What the layers of largest elements share."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        """Return the windows."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(MaxPoolBase):
    """The largest element of each window; the gradient goes to the first of several.

    Args:
        kernel_size: length of a window.
        stride: distance of two windows; kernel_size when not given.
        padding: -inf added at both ends.
        dilation: distance of two elements of a window.
        return_indices: return also where along the axis the largest elements are.
        ceil_mode: whether a last window may reach beyond the end.

    Example:
        >>> import gradc
        >>> gradc.nn.MaxPool1d(2)(gradc.tensor([[1.0, 4.0, 3.0, 2.0]])).tolist()
        [[4.0, 3.0]]
    """

    def forward(self, input: Tensor) -> Any:
        """Return the largest elements of an input `[N, C, L]` or `[C, L]`."""
        return max_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        )  # fmt: skip


class MaxPool2d(MaxPoolBase):
    """The largest element of each window; the gradient goes to the first of several.

    Args:
        kernel_size: height and width of a window; one number, or one per axis.
        stride: distance of two windows; kernel_size when not given.
        padding: -inf added on all sides.
        dilation: distance of two elements of a window.
        return_indices: return also where in the flattened image the largest elements are.
        ceil_mode: whether a last window may reach beyond the border.

    Example:
        >>> import gradc
        >>> gradc.nn.MaxPool2d(2)(gradc.tensor([[[1.0, 5.0], [3.0, 2.0]]])).tolist()
        [[[5.0]]]
    """

    def forward(self, input: Tensor) -> Any:
        """Return the largest elements of an input `[N, C, H, W]` or `[C, H, W]`."""
        return max_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        )  # fmt: skip


class AvgPoolBase(Module):
    """What the layers of means share."""

    def extra_repr(self) -> str:
        """Return the windows."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(AvgPoolBase):
    """The mean of each window.

    Args:
        kernel_size: length of a window.
        stride: distance of two windows; kernel_size when not given.
        padding: zeros added at both ends.
        ceil_mode: whether a last window may reach beyond the end.
        count_include_pad: whether the added zeros count as elements.

    Example:
        >>> import gradc
        >>> gradc.nn.AvgPool1d(2)(gradc.tensor([[1.0, 4.0, 3.0, 2.0]])).tolist()
        [[2.5, 2.5]]
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = _single(kernel_size)
        self.stride = self.kernel_size if stride is None else _single(stride)
        self.padding = _single(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """Return the means of an input `[N, C, L]` or `[C, L]`."""
        return avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad,
        )  # fmt: skip


class AvgPool2d(AvgPoolBase):
    """The mean of each window.

    Args:
        kernel_size: height and width of a window; one number, or one per axis.
        stride: distance of two windows; kernel_size when not given.
        padding: zeros added on all sides.
        ceil_mode: whether a last window may reach beyond the border.
        count_include_pad: whether the added zeros count as elements.
        divisor_override: divide by this instead of the number of elements.

    Example:
        >>> import gradc
        >>> gradc.nn.AvgPool2d(2)(gradc.tensor([[[1.0, 5.0], [3.0, 3.0]]])).tolist()
        [[[3.0]]]
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
        """Return the means of an input `[N, C, H, W]` or `[C, H, W]`."""
        return avg_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip


def _single(given: Size) -> tuple[int, ...]:
    """Return an int as a tuple of it."""
    return (given,) if isinstance(given, int) else tuple(given)


class _LPPool(Module):
    """What the layers of norms share."""

    def __init__(
        self,
        norm_type: float,
        kernel_size: Size,
        stride: Size | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        """Return order and windows."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """The sum of x^p over each window, to the power 1 / p.

    Args:
        norm_type: p.
        kernel_size: length of a window.
        stride: distance of two windows; kernel_size when not given.
        ceil_mode: whether a last window may reach beyond the end.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the norms of an input `[N, C, L]` or `[C, L]`."""
        return lp_pool1d(input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)


class LPPool2d(_LPPool):
    """The sum of x^p over each window, to the power 1 / p.

    Args:
        norm_type: p.
        kernel_size: height and width of a window; one number, or one per axis.
        stride: distance of two windows; kernel_size when not given.
        ceil_mode: whether a last window may reach beyond the border.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the norms of an input `[N, C, H, W]` or `[C, H, W]`."""
        return lp_pool2d(input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)
