"""Batching rule of attention: examples are more samples."""

from __future__ import annotations

from gradc.batching.batch import Batch, Flags, Operands, Params
from gradc.ir.builder import several
from gradc.ir.primitive import Primitive


def attend(
    batch: Batch, primitive: Primitive, params: Params, operands: Operands, flags: Flags
) -> Operands:
    """Return the results of an attention, or of its adjoint, for all examples."""
    b, size = batch.builder, batch.size
    samples = batch.shape(operands[0], flags[0])[0]
    place = 3 if primitive.name == "attention" else 6
    masked = len(operands) - bool(params.get("kept", False)) > place
    merged: list[object] = []
    for number, (x, flag) in enumerate(zip(operands, flags, strict=True)):
        shape = batch.shape(x, flag)
        if masked and number == place and shape[0] == 1:
            if not flag:  # a mask that all share stays one
                merged.append(x)
                continue
            x = b.broadcast(x, (size, samples, *shape[1:]))
        whole = x if flag else batch.spread(x)
        merged.append(b.reshape(whole, (size * samples, *shape[1:])))
    results = several(b.apply(primitive, tuple(merged), params))
    return tuple(b.reshape(y, (size, samples, *b.typeof(y).shape[1:])) for y in results)
