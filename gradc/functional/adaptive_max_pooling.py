"""Fold an image into the largest elements of a given number of windows, whatever its size."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.errors import ShapeError
from gradc.functional.adaptive_pooling import Size, wanted_sizes
from gradc.functional.pooling import largest_of_windows
from gradc.functional.spatial import Ints, batched, sizes_of
from gradc.tensor import Tensor
from gradc.tensor.data import placed
from gradc.tensor.link import in_steps


def adaptive_max_pool1d(input: Tensor, output_size: Size, return_indices: bool = False) -> Any:
    """Return the largest elements of windows that part the input evenly.

    Window i covers the elements from floor(i L / P) to before ceil((i + 1) L / P).

    Args:
        input: `[N, C, L]` or `[C, L]`.
        output_size: P.
        return_indices: return also where along the axis the largest elements are.

    Returns:
        `[N, C, P]`, or a pair of it and int64 indices.
    """
    return largest_of_parts("adaptive_max_pool1d", 1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Size, return_indices: bool = False) -> Any:
    """Return the largest elements of windows that part the input evenly.

    Window i of P covers the rows from floor(i H / P) to before ceil((i + 1) H / P); columns
    likewise. Where several elements are the largest, the gradient goes to the first.

    Args:
        input: `[N, C, H, W]` or `[C, H, W]`.
        output_size: P, or (P, Q); None keeps the input's size.
        return_indices: return also where in the flattened image the largest elements are.

    Returns:
        `[N, C, P, Q]`, or a pair of it and int64 indices.

    Raises:
        ShapeError: an input of another rank, or without elements.
        ArgumentError: sizes below 1.

    Example:
        >>> import gradc
        >>> adaptive_max_pool2d(gradc.tensor([[[1.0, 5.0], [3.0, 3.0]]]), (1, 2)).tolist()
        [[[3.0, 5.0]]]
    """
    return largest_of_parts("adaptive_max_pool2d", 2, input, output_size, return_indices)


def largest_of_parts(
    name: str, count: int, input: Tensor, output_size: Size, return_indices: bool
) -> Any:
    """Return the largest elements of windows that part the input along `count` axes."""
    x, alone = batched(name, input, count)
    sizes = sizes_of(x, count)
    if 0 in sizes:
        raise ShapeError(f"{name}: input {list(input.shape)} has no largest elements")
    wanted = wanted_sizes(name, output_size, sizes)
    if set(wanted) == {1}:
        # One window over everything: a reduction, not a comparison written out for each element.
        largest, index = in_steps(x).flatten(2).max(-1)
        one = (*x.shape[:2], *wanted)
        pair = largest.reshape(one), index.reshape(one)
        values, index = (t.squeeze(0) for t in pair) if alone else pair
        return (values, index) if return_indices else values
    places = [_places(n, p) for n, p in zip(sizes, wanted, strict=True)]
    for a, taken in enumerate(places):
        if taken.size != sizes[a]:
            x = x.index_select(a + 2, placed(taken.reshape(-1), x.device))
    window: Ints = tuple(taken.shape[1] for taken in places)
    largest, index = largest_of_windows(name, count, x, window, None, 0, 1, False, True)
    if alone:
        largest = largest.squeeze(0)
    if not return_indices:
        return largest
    # From places in the repeated image to places in the image itself.
    original = places[0].reshape(-1)
    for n, taken in zip(sizes[1:], places[1:], strict=True):
        original = (original[:, None] * n + taken.reshape(-1)).reshape(-1)
    found = placed(original, index.device).index_select(0, index.reshape(-1))
    found = found.reshape(index.shape)
    return largest, found.squeeze(0) if alone else found


def _places(size: int, wanted: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the elements of each window, its last one repeated to a common length."""
    begins = np.arange(wanted) * size // wanted
    ends = -(-np.arange(1, wanted + 1) * size // wanted)
    steps = np.arange(int((ends - begins).max()))
    return np.minimum(begins[:, None] + steps, ends[:, None] - 1).astype(np.int64)
