"""Triangles and diagonals of matrices."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING

from gradc.errors import ArgumentError, ShapeError
from gradc.ir.dtype import int64
from gradc.ir.primitive import lookup
from gradc.tensor.arithmetic import add, mul, sub
from gradc.tensor.axes import axis
from gradc.tensor.core import home, shape_of
from gradc.tensor.creation import filled_with
from gradc.tensor.dispatch import apply
from gradc.tensor.elementwise import clamp
from gradc.tensor.logic import eq, le, logical_not, where
from gradc.tensor.movement import broadcast_view, movedim, reshape_to
from gradc.tensor.reductions import sum

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

INDEX_SELECT = lookup("index_select")


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the matrix with zeros above a diagonal."""
    return where(_below("tril", input, diagonal), input, _nothing(input))


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the matrix with zeros below a diagonal."""
    return where(logical_not(_below("triu", input, diagonal - 1)), input, _nothing(input))


def _nothing(x: Tensor) -> int:
    """Return 0 as a number that doesn't change the dtype."""
    return False if x._dtype.is_bool else 0


def _below(name: str, x: Tensor, diagonal: int) -> Tensor:
    """Return column - row <= diagonal."""
    shape = shape_of(x)
    if len(shape) < 2:
        raise ShapeError(f"{name}: input tensor must have at least 2 dimensions, got {list(shape)}")
    rows, columns = (
        apply(lookup("iota"), shape=shape[-2:], dtype=int64, axis=a, device=home(x)) for a in (0, 1)
    )
    return le(sub(columns, rows), diagonal)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Return the diagonal of two axes as a new last axis; a copy, unlike PyTorch's view."""
    shape = shape_of(input)
    i, j = axis("diagonal", dim1, len(shape)), axis("diagonal", dim2, len(shape))
    if i == j:
        raise ArgumentError(f"diagonal: dimensions cannot be identical {dim1}, {dim2}")
    x = movedim(input, (i, j), (-2, -1))
    *lead, n, m = shape_of(x)
    first_row, first_column = max(-offset, 0), max(offset, 0)
    length = max(min(n - first_row, m - first_column), 0)
    flat = reshape_to(x, (*lead, n * m))
    steps = apply(lookup("iota"), shape=(length,), dtype=int64, axis=0, device=home(input))
    index = add(mul(steps, m + 1), first_row * m + first_column)
    return apply(INDEX_SELECT, flat, index, axis=len(lead))


_of_two_axes = diagonal  # the argument below has its name


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the diagonal of a matrix, or the square matrix with a vector on its diagonal."""
    if len(shape_of(input)) == 2:
        return _of_two_axes(input, diagonal)
    return diag_embed(input, diagonal)


def diag_embed(input: Tensor, offset: int = 0) -> Tensor:
    """Return square matrices with the last axis on a diagonal and zeros elsewhere."""
    *lead, n = shape_of(input)
    size = n + (offset if offset >= 0 else -offset)
    shape = (size, size)
    rows, columns = (
        apply(lookup("iota"), shape=shape, dtype=int64, axis=a, device=home(input)) for a in (0, 1)
    )
    on = eq(sub(columns, rows), offset)
    before = max(-offset, 0)
    k = clamp(sub(rows, before), 0, max(n - 1, 0))
    flat = reshape_to(k, (size * size,))
    values = apply(INDEX_SELECT, input, flat, axis=len(lead)) if n else None
    wide = (*lead, size, size)
    if values is None:
        return filled_with("diag_embed", 0, wide, input._dtype, home(input), False)
    return where(broadcast_view(on, wide), reshape_to(values, wide), _nothing(input))


def trace(input: Tensor) -> Tensor:
    """Return the sum of the diagonal of a matrix."""
    return sum(diagonal(input))
