"""Fold windows of a signal or an image into their p-norms."""

from __future__ import annotations

import math

from gradc.functional.pooling import Size, avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
from gradc.functional.reduction import check_floating
from gradc.functional.spatial import per_axis
from gradc.tensor import Tensor, where


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Return the sum of x^p over each window, to the power 1 / p; NaN of negative sums.

    Args:
        input: `[N, C, L]` or `[C, L]`, floating.
        norm_type: p; inf for the largest absolute value, -inf for the smallest.
        kernel_size: length of a window.
        stride: distance of two windows; kernel_size when not given.
        ceil_mode: whether a last window may reach beyond the end, scaled up to a whole one.

    Returns:
        `[N, C, P]`.
    """
    return _pool("lp_pool1d", 1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Return the sum of x^p over each window, to the power 1 / p; NaN of negative sums.

    Args:
        input: `[N, C, H, W]` or `[C, H, W]`, floating.
        norm_type: p; inf for the largest absolute value, -inf for the smallest.
        kernel_size: height and width of a window; one number, or one per axis.
        stride: distance of two windows; kernel_size when not given.
        ceil_mode: whether a last window may reach beyond the border, scaled up to a whole one.

    Returns:
        `[N, C, P, Q]`.
    """
    return _pool("lp_pool2d", 2, input, norm_type, kernel_size, stride, ceil_mode)


def _pool(
    name: str,
    count: int,
    input: Tensor,
    order: float,
    kernel_size: Size,
    stride: Size | None,
    ceil_mode: bool,
) -> Tensor:
    """Return the norms of windows from their means."""
    check_floating(name, "input", input)
    largest = max_pool1d if count == 1 else max_pool2d
    if order == math.inf:
        return largest(input.abs(), kernel_size, stride, ceil_mode=ceil_mode)
    if order == -math.inf:
        return -largest(-input.abs(), kernel_size, stride, ceil_mode=ceil_mode)
    mean = avg_pool1d if count == 1 else avg_pool2d
    size = math.prod(per_axis(name, "kernel_size", kernel_size, count, 1))
    powers = mean(input**order, kernel_size, stride, ceil_mode=ceil_mode)
    # At 0 the root has no derivative; 0 is taken.
    return (where(powers == 0, 0.0, powers) * size) ** (1.0 / order)
