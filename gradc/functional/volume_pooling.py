"""Fold windows of a volume into their largest element or their mean."""

from __future__ import annotations

from typing import Any

from gradc.errors import ArgumentError
from gradc.functional import adaptive_max_pooling, adaptive_pooling
from gradc.functional.pooling import Size, largest_of_windows, means_of_windows
from gradc.tensor import Tensor


def max_pool3d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the largest element of each window; where several are, the gradient goes to the first.

    Args:
        input: `[N, C, D, H, W]` or `[C, D, H, W]`.
        kernel_size: depth, height and width of a window; one number, or one per axis.
        stride: distance of two windows; kernel_size when not given.
        padding: -inf added on all sides.
        dilation: distance of two elements of a window.
        ceil_mode: whether a last window may reach beyond the border.
        return_indices: return also where in the flattened volume the largest elements are.

    Returns:
        `[N, C, P, Q, R]`, or a pair of it and int64 indices.

    Raises:
        ShapeError: windows that don't fit.
        ArgumentError: numbers out of range.
    """
    return largest_of_windows(
        "max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def avg_pool3d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return the mean of each window.

    Args:
        input: `[N, C, D, H, W]` or `[C, D, H, W]`, floating.
        kernel_size: depth, height and width of a window; one number, or one per axis.
        stride: distance of two windows; kernel_size when not given.
        padding: zeros added on all sides.
        ceil_mode: whether a last window may reach beyond the border.
        count_include_pad: whether the added zeros count as elements.
        divisor_override: divide by this instead of the number of elements.

    Returns:
        `[N, C, P, Q, R]`.

    Raises:
        ShapeError: windows that don't fit.
        ArgumentError: numbers out of range.
    """
    if divisor_override == 0:
        raise ArgumentError("avg_pool3d: divisor_override must not be 0")
    return means_of_windows(
        "avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip


def adaptive_avg_pool3d(input: Tensor, output_size: adaptive_pooling.Size) -> Tensor:
    """Return means of windows that part the input evenly.

    Args:
        input: `[N, C, D, H, W]` or `[C, D, H, W]`, floating.
        output_size: how many windows along each axis, or one number; None keeps the input's size.

    Returns:
        `[N, C, *output_size]`.
    """
    return adaptive_pooling.means_of_parts("adaptive_avg_pool3d", 3, input, output_size)


def adaptive_max_pool3d(
    input: Tensor, output_size: adaptive_pooling.Size, return_indices: bool = False
) -> Any:
    """Return the largest elements of windows that part the input evenly.

    Args:
        input: `[N, C, D, H, W]` or `[C, D, H, W]`.
        output_size: how many windows along each axis, or one number; None keeps the input's size.
        return_indices: return also where in the flattened volume the largest elements are.

    Returns:
        `[N, C, *output_size]`, or a pair of it and int64 indices.
    """
    return adaptive_max_pooling.largest_of_parts(
        "adaptive_max_pool3d", 3, input, output_size, return_indices
    )
