"""Fold windows of a signal or an image into their largest element or their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.errors import ArgumentError, ShapeError
from gradc.functional.reduction import check_floating
from gradc.functional.spatial import Ints, batched, per_axis, sizes_of
from gradc.ir.dtype import int64
from gradc.ir.primitive import lookup
from gradc.primitives.convolution import reach
from gradc.tensor import Tensor, arange, tensor
from gradc.tensor.dispatch import apply
from gradc.tensor.link import in_steps

Size = int | Sequence[int]


@dataclass(frozen=True, slots=True)
class _Windows:
    """Windows over the spatial axes; one number per axis in each field.

    Attributes:
        sizes: of the input.
        window, stride, padding, dilation: as given.
        places: how many windows there are.
    """

    sizes: Ints
    window: Ints
    stride: Ints
    padding: Ints
    dilation: Ints
    places: Ints

    @property
    def beyond(self) -> Ints:
        """How far the last window reaches beyond the end of the input."""
        used = zip(self.places, self.stride, reach(self.window, self.dilation), strict=True)
        ends = ((p - 1) * s + c for p, s, c in used)
        sides = zip(ends, self.sizes, self.padding, strict=True)
        return tuple(max(end - n - low, 0) for end, n, low in sides)


def _windows(
    name: str,
    input: Tensor,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    dilation: Size,
    ceil_mode: bool,
    count: int,
) -> _Windows:
    """Return the windows of a pooling, after all checks."""
    window = per_axis(name, "kernel_size", kernel_size, count, 1)
    unset = stride is None or (isinstance(stride, Sequence) and not stride)
    steps = window if unset else per_axis(name, "stride", stride, count, 1)
    around = per_axis(name, "padding", padding, count, 0)
    spread = per_axis(name, "dilation", dilation, count, 1)
    covered = reach(window, spread)
    if any(p > c // 2 for p, c in zip(around, covered, strict=True)):
        raise ArgumentError(
            f"{name}: padding must be at most half of what a window covers, got padding "
            f"{list(around)} for windows that cover {list(covered)}"
        )
    sizes = sizes_of(input, count)
    places: list[int] = []
    for n, c, s, p in zip(sizes, covered, steps, around, strict=True):
        room = n + 2 * p - c
        number = (room + (s - 1 if ceil_mode else 0)) // s + 1
        # with ceil_mode a window must not begin in the padding behind the input
        number -= ceil_mode and (number - 1) * s >= n + p
        if room < 0 and number < 1:
            raise ShapeError(
                f"{name}: windows that cover {list(covered)} don't fit into input "
                f"{list(input.shape)} with padding {list(around)}"
            )
        places.append(number)
    return _Windows(sizes, window, steps, around, spread, tuple(places))


def max_pool1d(
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
        input: `[N, C, L]` or `[C, L]`.
        kernel_size: length of a window.
        stride: distance of two windows; kernel_size when not given.
        padding: -inf added at both ends.
        dilation: distance of two elements of a window.
        ceil_mode: whether a last window may reach beyond the end.
        return_indices: return also where along the axis the largest elements are.

    Returns:
        `[N, C, P]`, or a pair of it and int64 indices.

    Raises:
        ShapeError: windows that don't fit.
        ArgumentError: numbers out of range.
    """
    return largest_of_windows(
        "max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def max_pool2d(
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
        input: `[N, C, H, W]` or `[C, H, W]`.
        kernel_size: height and width of a window; one number, or one per axis.
        stride: distance of two windows; kernel_size when not given.
        padding: -inf added on all sides.
        dilation: distance of two elements of a window.
        ceil_mode: whether a last window may reach beyond the border.
        return_indices: return also where in the flattened image the largest elements are.

    Returns:
        `[N, C, P, Q]`, or a pair of it and int64 indices.

    Raises:
        ShapeError: windows that don't fit.
        ArgumentError: numbers out of range.

    Example:
        >>> import gradc
        >>> max_pool2d(gradc.tensor([[[1.0, 5.0], [3.0, 2.0]]]), 2).tolist()
        [[[5.0]]]
    """
    return largest_of_windows(
        "max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def largest_of_windows(
    name: str,
    count: int,
    input: Tensor,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    dilation: Size,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    """Return the largest element of each window along `count` axes."""
    x, alone = batched(name, in_steps(input), count)
    over = _windows(name, x, kernel_size, stride, padding, dilation, ceil_mode, count)
    if any(over.padding) or any(over.beyond):
        real = x.dtype.is_floating_point
        x = _bordered(x, over, -np.inf if real else int(np.iinfo(x.dtype.numpy).min))
    params = {
        "window": (1, 1, *over.window),
        "stride": (1, 1, *over.stride),
        "dilation": (1, 1, *over.dilation),
    }
    tap: Tensor = apply(lookup("window_argmax"), x, **params)
    largest: Tensor = apply(lookup("window_pick"), x, tap, **params)
    largest = largest.squeeze(0) if alone else largest
    if not return_indices:
        return largest
    index = _flat_index(tap.to(int64), over)
    return largest, index.squeeze(0) if alone else index


def _bordered(x: Tensor, over: _Windows, value: float) -> Tensor:
    """Return the input with elements of a value around it, as far as windows reach."""
    none = (0,) * x.ndim
    high = (0, 0, *over.beyond)
    return apply(lookup("pad"), x, low=(0, 0, *over.padding), high=high, interior=none, value=value)


def _flat_index(tap: Tensor, over: _Windows) -> Tensor:
    """Return the place in the flattened image of each window's element."""
    index: Tensor | None = None
    rest, scale, count = tap, 1, len(over.sizes)
    for a in reversed(range(count)):
        k, s, p, d = over.window[a], over.stride[a], over.padding[a], over.dilation[a]
        begin = (arange(over.places[a], device=tap.device) * s - p).reshape(
            -1, *(1,) * (count - 1 - a)
        )
        here = (begin + rest % k * d) * scale
        index = here if index is None else index + here
        rest, scale = rest // k, scale * over.sizes[a]
    assert index is not None
    return index


def avg_pool1d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of each window.

    Args:
        input: `[N, C, L]` or `[C, L]`, floating.
        kernel_size: length of a window.
        stride: distance of two windows; kernel_size when not given.
        padding: zeros added at both ends.
        ceil_mode: whether a last window may reach beyond the end.
        count_include_pad: whether the added zeros count as elements.

    Returns:
        `[N, C, P]`.

    Raises:
        ShapeError: windows that don't fit.
        ArgumentError: numbers out of range.
    """
    return means_of_windows(
        "avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None
    )


def avg_pool2d(
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
        input: `[N, C, H, W]` or `[C, H, W]`, floating.
        kernel_size: height and width of a window; one number, or one per axis.
        stride: distance of two windows; kernel_size when not given.
        padding: zeros added on all sides.
        ceil_mode: whether a last window may reach beyond the border.
        count_include_pad: whether the added zeros count as elements.
        divisor_override: divide by this instead of the number of elements.

    Returns:
        `[N, C, P, Q]`.

    Raises:
        ShapeError: windows that don't fit.
        ArgumentError: numbers out of range.

    Example:
        >>> import gradc
        >>> avg_pool2d(gradc.tensor([[[1.0, 5.0], [3.0, 3.0]]]), 2).tolist()
        [[[3.0]]]
    """
    if divisor_override == 0:
        raise ArgumentError("avg_pool2d: divisor_override must not be 0")
    return means_of_windows(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip


def means_of_windows(
    name: str,
    count: int,
    input: Tensor,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Tensor:
    """Return the mean of each window along `count` axes."""
    x, alone = batched(name, in_steps(input), count)
    check_floating(name, "input", x)
    over = _windows(name, x, kernel_size, stride, padding, 1, ceil_mode, count)
    counts = [_counts(over, a, count_include_pad) for a in range(count)]
    if any(over.padding) or any(over.beyond):
        x = _bordered(x, over, 0.0)
    for a in reversed(range(count)):
        x = _summed(x, a + 2, over.window[a], over.stride[a], over.places[a])
    x = x / divisor if divisor is not None else _divided(x, counts)
    return x.squeeze(0) if alone else x


def _summed(x: Tensor, axis: int, window: int, stride: int, places: int) -> Tensor:
    """Return the sums of windows along one axis."""
    if window == 1 and stride == 1:
        return x.narrow(axis, 0, places)
    if window == stride:
        cut = x.narrow(axis, 0, places * window)
        return cut.unflatten(axis, (places, window)).sum(axis + 1)
    before = (slice(None),) * axis
    total: Tensor | None = None
    for k in range(window):
        term = x[(*before, slice(k, k + (places - 1) * stride + 1, stride))]
        total = term if total is None else total + term
    assert total is not None
    return total


def _counts(over: _Windows, axis: int, with_padding: bool) -> list[int]:
    """Return how many elements each window along an axis has."""
    n, k, p = over.sizes[axis], over.window[axis], over.padding[axis]
    found: list[int] = []
    for place in range(over.places[axis]):
        begin = place * over.stride[axis] - p
        low, high = (begin, n + p) if with_padding else (max(begin, 0), n)
        found.append(min(begin + k, high) - low)
    return found


def _divided(x: Tensor, counts: list[list[int]]) -> Tensor:
    """Return sums divided by the number of elements of each window."""
    common = 1
    for a, numbers in enumerate(counts):
        if len(set(numbers)) <= 1:
            common *= numbers[0] if numbers else 1
            continue
        tail = (1,) * (len(counts) - 1 - a)
        x = x / tensor(numbers, dtype=x.dtype, device=x.device).reshape(-1, *tail)
    return x / common
