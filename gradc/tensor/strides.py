"""Steps in memory, in elements: real ones of ndarrays, those that they would have of others."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.tensor.core import resolve, shape_of

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

Ints = tuple[int, ...]


def strides(x: Tensor) -> Ints:
    """Return how many elements lie between neighbours along each axis."""
    of = resolve(x)
    place = of._storage.place
    if place is None:
        return array_strides(of._data)
    shape = of._storage.content.shape
    steps = place.base_strides(of._storage) or row_major(shape)
    for primitive, params in of._path:
        shape, steps = _moved(primitive.name, shape, steps, params)
    return steps


def array_strides(array: np.ndarray[Any, Any]) -> Ints:
    """Return an array's strides in elements."""
    size = array.itemsize
    return tuple([s // size for s in array.strides])


def row_major(shape: Ints) -> Ints:
    """Return the strides of a contiguous array."""
    steps, n = [1] * len(shape), 1
    for i in range(len(shape) - 1, -1, -1):
        steps[i] = n
        n *= max(shape[i], 1)
    return tuple(steps)


def is_contiguous(x: Tensor) -> bool:
    """Return whether the elements lie in memory in order and without gaps."""
    of = resolve(x)
    if of._storage.place is None:
        return bool(of._data.flags.c_contiguous)
    shape = shape_of(of)
    return 0 in shape or all(
        n == 1 or a == b for n, a, b in zip(shape, strides(of), row_major(shape), strict=True)
    )


def reshaped(shape: Ints, steps: Ints, new: Ints) -> Ints | None:
    """Return the strides of a view of another shape, or None where only a copy would do.

    Runs of old axes that lie next to each other in memory may be merged and cut anew.
    """
    if 0 in shape:
        return row_major(new)
    old = [(n, s) for n, s in zip(shape, steps, strict=True) if n != 1]
    result: list[int] = [0] * len(new)
    i = j = 0
    while i < len(old):
        first, size, wanted = i, old[i][0], 1
        start = j
        while wanted < size or (j < len(new) and new[j] == 1):
            wanted *= new[j]
            j += 1
            while wanted > size:
                i += 1
                size *= old[i][0]
        if any(old[k][1] != old[k + 1][0] * old[k + 1][1] for k in range(first, i)):
            return None
        step = old[i][1]
        for k in range(j - 1, start - 1, -1):
            result[k] = step
            step *= new[k]
        i += 1
    for k in range(len(new) - 1, -1, -1):
        if result[k] == 0 and new[k] == 1:
            result[k] = result[k + 1] * new[k + 1] if k + 1 < len(new) else 1
    return tuple(result)


def _moved(name: str, shape: Ints, steps: Ints, params: dict[str, Any]) -> tuple[Ints, Ints]:
    """Return (shape, strides) after one movement."""
    match name:
        case "permute":
            axes: Ints = params["axes"]
            return tuple(shape[a] for a in axes), tuple(steps[a] for a in axes)
        case "slice":
            cut = zip(params["start"], params["stop"], params["step"], strict=True)
            lengths = tuple(-((a - o) // s) for a, o, s in cut)
            return lengths, tuple(n * s for n, s in zip(steps, params["step"], strict=True))
        case "broadcast":
            new: Ints = params["shape"]
            lead = len(new) - len(shape)
            kept = [0 if n != m else s for n, m, s in zip(shape, new[lead:], steps, strict=True)]
            return new, (0,) * lead + tuple(kept)
        case "reshape":
            return params["shape"], reshaped(shape, steps, params["shape"]) or row_major(
                params["shape"]
            )
        case _:
            return shape, steps
