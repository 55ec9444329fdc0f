"""Axes and sizes as users write them (negative, -1, lists or several arguments) -> plain tuples."""

from __future__ import annotations

import operator
from typing import Any

from gradc.errors import ArgumentError, ArgumentTypeError, ShapeError, TensorIndexError
from gradc.tensor.kinds import is_sequence

Ints = tuple[int, ...]


def axis(name: str, dim: Any, ndim: int) -> int:
    """Return an axis counted from the front; a 0-d tensor counts as having one axis."""
    try:
        i = operator.index(dim)
    except TypeError:
        raise ArgumentTypeError(f"{name}: dim must be an int, got {type(dim).__name__}") from None
    n = max(ndim, 1)
    if not -n <= i < n:
        raise TensorIndexError(
            f"{name}: Dimension out of range (expected to be in range of [{-n}, {n - 1}], "
            f"but got {i})"
        )
    return i % n


def axes(name: str, dim: Any, ndim: int) -> Ints:
    """Return axes in order; None and () mean all of them."""
    if dim is None or (is_sequence(dim) and not dim):
        return tuple(range(ndim))
    given = dim if is_sequence(dim) else (dim,)
    found = [axis(name, d, ndim) for d in given]
    if len(set(found)) != len(found):
        raise ArgumentError(f"{name}: dim {tuple(given)} names an axis twice")
    return () if ndim == 0 else tuple(sorted(found))


def sizes(name: str, given: tuple[Any, ...]) -> Ints:
    """Return sizes given as one sequence or as several arguments."""
    if len(given) == 1 and is_sequence(given[0]):
        given = tuple(given[0])
    try:
        return tuple([operator.index(n) for n in given])
    except TypeError:
        wrong = next(n for n in given if not hasattr(n, "__index__"))
        raise ArgumentTypeError(f"{name}: sizes must be ints, got {type(wrong).__name__}") from None


def filled(name: str, shape: Ints, count: int) -> Ints:
    """Return `shape` with its -1 replaced by what is left of `count` elements."""
    known = 1
    for n in shape:
        if n < -1:
            raise ShapeError(f"{name}: invalid shape dimension {n}")
        known *= n if n != -1 else 1
    if shape.count(-1) > 1:
        raise ShapeError(f"{name}: only one dimension can be inferred, got {list(shape)}")
    if -1 in shape:
        if known == 0:
            raise ShapeError(
                f"{name}: cannot reshape tensor of {count} elements into shape {list(shape)} "
                "because the unspecified dimension size -1 can be any value"
            )
        if count % known == 0:
            return tuple([count // known if n == -1 else n for n in shape])
    if -1 in shape or known != count:
        raise ShapeError(f"{name}: shape {list(shape)} is invalid for input of size {count}")
    return shape


def broadcast_shapes(*shapes: Ints) -> Ints | None:
    """Return the shape that all shapes broadcast to, or None where they don't fit."""
    out: list[int] = []
    for i in range(1, max(map(len, shapes), default=0) + 1):
        size = 1
        for shape in shapes:
            n = shape[-i] if i <= len(shape) else 1
            if n != 1:
                if size not in (1, n):
                    return None
                size = n
        out.append(size)
    return tuple(reversed(out))
