"""An equation of one example -> the equations of a batch, by the kind of its primitive."""

from __future__ import annotations

from gradc.batching.attention import attend
from gradc.batching.axes import along_axes, elementwise, window
from gradc.batching.batch import Batch, Flags, Operands, Params, Rule
from gradc.batching.contraction import contract
from gradc.batching.indexing import index
from gradc.batching.movement import move
from gradc.errors import UnsupportedError
from gradc.ir.builder import several
from gradc.ir.primitive import Kind, Primitive

RULES: dict[Kind, Rule] = {
    Kind.ELEMENTWISE: elementwise,
    Kind.REDUCTION: along_axes,
    Kind.SCAN: along_axes,
    Kind.SORT: along_axes,
    Kind.CONTRACTION: contract,
    Kind.ATTENTION: attend,
    Kind.MOVEMENT: move,
    Kind.INDEXING: index,
    Kind.WINDOW: window,
}


def batched(
    batch: Batch, primitive: Primitive, params: Params, operands: Operands, flags: Flags
) -> tuple[Operands, bool]:
    """Return the results of a primitive for all examples, and whether they differ by example.

    Args:
        batch: of examples.
        primitive: anything but a loop.
        params: its static parameters for one example.
        operands: its operands.
        flags: which of them have the examples along axis 0; the others are every example's.

    Raises:
        UnsupportedError: if the primitive has no batching rule.
    """
    if not any(flags):
        if primitive.kind is not Kind.RANDOM or not batch.different:
            return several(batch.builder.apply(primitive, operands, params)), False
        own = {**params, "shape": (batch.size, *params["shape"])}
        return several(batch.builder.apply(primitive, operands, own)), True
    rule = RULES.get(primitive.kind)
    if rule is None:
        raise UnsupportedError(
            f"vmap: {primitive.name} ({primitive.kind.value}) has no batching rule",
            hint="call it outside of the function, or loop over the examples in Python",
        )
    return rule(batch, primitive, params, operands, flags), True
