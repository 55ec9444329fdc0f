"""Batching rules of movements: parameters get one more axis in front."""

from __future__ import annotations

from typing import Any

from gradc.batching.batch import Batch, Flags, Operands, Params
from gradc.ir.primitive import Primitive


def movement(batch: Batch, primitive: Primitive, params: Params, x: Any) -> Any:
    """Return a movement of one operand, applied to each example."""
    b, size = batch.builder, batch.size
    match primitive.name:
        case "reshape":
            return b.reshape(x, (size, *params["shape"]))
        case "permute":
            return b.op("permute", x, axes=(0, *(a + 1 for a in params["axes"])))
        case "flip":
            return b.op("flip", x, axes=tuple(a + 1 for a in params["axes"]))
        case "slice":
            start, stop, step = ((*params[k],) for k in ("start", "stop", "step"))
            return b.op("slice", x, start=(0, *start), stop=(size, *stop), step=(1, *step))
        case "pad":
            sides = {k: (0, *params[k]) for k in ("low", "high", "interior")}
            return b.op("pad", x, **sides, value=params["value"])
        case "broadcast":
            old, new = b.typeof(x).shape[1:], params["shape"]
            aligned = b.reshape(x, (size, *(1,) * (len(new) - len(old)), *old))
            return b.broadcast(aligned, (size, *new))
        case _:
            raise KeyError(primitive.name)


def move(
    batch: Batch, primitive: Primitive, params: Params, operands: Operands, flags: Flags
) -> Operands:
    """Return the results of a movement, batched."""
    if primitive.name == "concatenate":
        parts = batch.all_spread(operands, flags)
        return (batch.builder.op("concatenate", *parts, axis=params["axis"] + 1),)
    return (movement(batch, primitive, params, operands[0]),)
