"""Batching rules of indexing: positions that differ by example pick single elements.

An index is never turned into a position in several examples' memory, so one that is out of range
can't reach a neighbour.
"""

from __future__ import annotations

from typing import Any

from gradc.batching.batch import Batch, Flags, Operands, Params
from gradc.ir.primitive import Primitive

Ints = tuple[int, ...]


def index(
    batch: Batch, primitive: Primitive, params: Params, operands: Operands, flags: Flags
) -> Operands:
    """Return the result of an indexing primitive, batched."""
    axis: int = params["axis"]
    match primitive.name:
        case "index_select":
            x, at = operands
            return (_select(batch, x, at, axis, flags),)
        case "index_add":
            return (_add(batch, operands, axis, flags),)
        case _:  # gather and scatter_add pair all axes but one
            given = batch.all_spread(operands, flags)
            return (batch.builder.op(primitive.name, *given, axis=axis + 1),)


def _select(batch: Batch, x: Any, at: Any, axis: int, flags: Flags) -> Any:
    b = batch.builder
    if flags == (True, False):
        return b.op("index_select", x, at, axis=axis + 1)
    if flags == (False, True):
        return batch.to_front(b.op("index_select", x, at, axis=axis), axis)
    shape, picked = batch.shape(x, True), batch.shape(at, True)
    rows = (*shape[:axis], _size(picked), *shape[axis + 1 :])
    found = b.op("gather", x, _along(batch, at, rows, axis), axis=axis + 1)
    return b.reshape(found, (batch.size, *shape[:axis], *picked, *shape[axis + 1 :]))


def _add(batch: Batch, operands: Operands, axis: int, flags: Flags) -> Any:
    b = batch.builder
    x, at, updates = operands
    x, updates = batch.all_spread((x, updates), (flags[0], flags[2]))
    if not flags[1]:
        return b.op("index_add", x, at, updates, axis=axis + 1)
    shape = batch.shape(x, True)
    rows = (*shape[:axis], _size(batch.shape(at, True)), *shape[axis + 1 :])
    added = b.reshape(updates, (batch.size, *rows))
    return b.op("scatter_add", x, _along(batch, at, rows, axis), added, axis=axis + 1)


def _along(batch: Batch, at: Any, rows: Ints, axis: int) -> Any:
    """Return an index of whole slices as one of single elements, `[size, *rows]`."""
    b = batch.builder
    line = [1] * len(rows)
    line[axis] = rows[axis]
    return b.broadcast(b.reshape(at, (batch.size, *line)), (batch.size, *rows))


def _size(shape: Ints) -> int:
    n = 1
    for s in shape:
        n *= s
    return n
