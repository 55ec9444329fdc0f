"""Bring tensors to more axes or one shape; the places of triangles; turns and blocks."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import ArgumentError, ShapeError
from gradc.ir.dtype import DType, int64
from gradc.tensor import axes as axis_rules
from gradc.tensor.core import is_tensor, shape_of
from gradc.tensor.data import tensor
from gradc.tensor.joining import cat, flip
from gradc.tensor.movement import broadcast_view, reshape_to, transpose
from gradc.tensor.promotion import not_broadcastable
from gradc.tensor.size import Size

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def numel(input: Tensor) -> int:
    """Return the number of elements."""
    return input.numel()


def is_floating_point(input: Tensor) -> bool:
    """Return whether the elements have fractions."""
    return input._dtype.is_floating_point


def broadcast_shapes(*shapes: int | Sequence[int]) -> Size:
    """Return the shape that all shapes broadcast to."""
    given = [(s,) if isinstance(s, int) else tuple(int(n) for n in s) for s in shapes]
    found = axis_rules.broadcast_shapes(*given)
    if found is None:
        raise ShapeError(
            f"broadcast_shapes: shapes don't broadcast: {' and '.join(str(list(s)) for s in given)}"
        )
    return Size(found)


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Return views of tensors in the shape that all of them broadcast to."""
    given = _all(tensors)
    shape = axis_rules.broadcast_shapes(*(shape_of(t) for t in given))
    if shape is None:
        raise not_broadcastable("broadcast_tensors", tuple(given))
    return tuple([broadcast_view(t, shape) for t in given])


def atleast_1d(*tensors: Any) -> Any:
    """Return tensors with at least one axis."""
    return _each(tensors, _one)


def atleast_2d(*tensors: Any) -> Any:
    """Return tensors with at least two axes; vectors become rows."""
    return _each(tensors, _two)


def atleast_3d(*tensors: Any) -> Any:
    """Return tensors with at least three axes; matrices `[n, m]` become `[n, m, 1]`."""
    return _each(tensors, _three)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors joined along the second axis; vectors are columns."""
    flat = [reshape_to(t, (-1, 1)) if len(shape_of(t)) == 0 else t for t in tensors]
    return cat([reshape_to(t, (*shape_of(t), 1)) if len(shape_of(t)) == 1 else t for t in flat], 1)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors joined along the third axis."""
    return cat([_three(t) for t in tensors], 2)


def block_diag(*tensors: Any) -> Tensor:
    """Return a matrix with tensors as blocks along its diagonal and zeros elsewhere."""
    blocks = [_two(t) for t in _all(tensors)]
    if any(len(shape_of(b)) > 2 for b in blocks):
        raise ShapeError("block_diag: expected tensors of at most 2 dimensions")
    width = sum(shape_of(b)[1] for b in blocks)
    rows: list[Tensor] = []
    before = 0
    for b in blocks:
        n, m = shape_of(b)
        parts = [b.new_zeros(n, before), b, b.new_zeros(n, width - before - m)]
        rows.append(cat(parts, 1))
        before += m
    return cat(rows, 0)


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Return a copy turned k times by 90 degrees, from the first of two axes to the second."""
    n = len(shape_of(input))
    if len(dims) != 2:
        raise ArgumentError(f"rot90: dims must be two axes, got {list(dims)}")
    i, j = (axis_rules.axis("rot90", d, n) for d in dims)
    if i == j:
        raise ArgumentError(f"rot90: dims must be two axes, got {list(dims)}")
    match k % 4:
        case 0:
            return input.clone()
        case 1:
            return transpose(flip(input, j), i, j).contiguous()
        case 2:
            return flip(input, i, j)
        case _:
            return flip(transpose(input, i, j), j)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: DType = int64, device: object = "cpu"
) -> Tensor:
    """Return `[2, n]`: the rows and columns of a matrix's places on a diagonal and below.

    Args:
        row: rows of the matrix.
        col: its columns.
        offset: the diagonal, positive ones lie above the main one.
        dtype: of the result.
        device: where it is made.
    """
    return tensor(np.stack(np.tril_indices(row, offset, col)), dtype=dtype, device=device)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: DType = int64, device: object = "cpu"
) -> Tensor:
    """Return `[2, n]`: the rows and columns of a matrix's places on a diagonal and above.

    Args: as for `tril_indices`.
    """
    return tensor(np.stack(np.triu_indices(row, offset, col)), dtype=dtype, device=device)


def _all(tensors: tuple[Any, ...]) -> list[Tensor]:
    """Return tensors given as several arguments or as one sequence."""
    one = len(tensors) == 1 and not is_tensor(tensors[0])
    return list(tensors[0] if one else tensors)


def _each(tensors: tuple[Any, ...], change: Any) -> Any:
    """Return one tensor for one, a tuple for several."""
    if len(tensors) == 1 and is_tensor(tensors[0]):
        return change(tensors[0])
    return tuple([change(t) for t in _all(tensors)])


def _one(x: Tensor) -> Tensor:
    return x if shape_of(x) else reshape_to(x, (1,))


def _two(x: Tensor) -> Tensor:
    return reshape_to(x, (1, *shape_of(x)) if shape_of(x) else (1, 1)) if x.ndim < 2 else x


def _three(x: Tensor) -> Tensor:
    shape = shape_of(x)
    if len(shape) > 2:
        return x
    return reshape_to(x, ((1, 1, 1), (1, *shape, 1), (*shape, 1))[len(shape)])
