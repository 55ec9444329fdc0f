"""Batching rules of what folds, sorts or slides along axes: their numbers go up by one."""

from __future__ import annotations

from gradc.batching.batch import Batch, Flags, Operands, Params
from gradc.ir.builder import several
from gradc.ir.primitive import Primitive


def elementwise(
    batch: Batch, primitive: Primitive, params: Params, operands: Operands, flags: Flags
) -> Operands:
    """Return the result of an elementwise primitive, batched."""
    return several(batch.builder.apply(primitive, batch.all_spread(operands, flags), params))


def along_axes(
    batch: Batch, primitive: Primitive, params: Params, operands: Operands, flags: Flags
) -> Operands:
    """Return the results of a reduction, a running fold or a sort, batched."""
    moved = dict(params)
    if "axes" in moved:
        moved["axes"] = tuple(a + 1 for a in moved["axes"])
    else:
        moved["axis"] += 1
    return several(batch.builder.apply(primitive, operands, moved))


def window(
    batch: Batch, primitive: Primitive, params: Params, operands: Operands, flags: Flags
) -> Operands:
    """Return the result of a pooling primitive, batched: windows hold one example each."""
    moved = {k: (1, *v) for k, v in params.items()}
    if "shape" in moved:
        moved["shape"] = (batch.size, *params["shape"])
    return several(batch.builder.apply(primitive, batch.all_spread(operands, flags), moved))
