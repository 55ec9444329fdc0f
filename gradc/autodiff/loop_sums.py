"""Contributions of single steps to a constant's adjoint -> one product or sum over all steps.

W_bar = sum over t of g_t^T h_t  is one product of the stacked g and h: no matrix is added to
another at each step.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from gradc.ir.builder import Builder, GraphBuilder
from gradc.ir.graph import Equation, Value
from gradc.ir.primitive import Primitive
from gradc.primitives.sixteen_bits import COTANGENTS

ROOM = 4  # a contribution is postponed if what must be kept per step is at most so many times it
MOVES = ("reshape", "permute", *COTANGENTS)
Moves = tuple[tuple[Primitive, dict[str, Any]], ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """A product or a sum at each step, that may be done for all steps at once.

    Args:
        equation: it, in the adjoint step.
        moves: what is done to its result: reshapes, permutes, and what rounds cotangents.
    """

    equation: Equation
    moves: Moves

    @property
    def operands(self) -> tuple[Value, ...]:
        """What must be stacked."""
        return self.equation.inputs

    def over_time(self, b: Builder, stacks: Sequence[Any]) -> Any:
        """Return the sum over all steps, from the stacked operands."""
        params, type = self.equation.params, self.equation.outputs[0].type
        if self.equation.primitive.name == "dot":
            contract = tuple((0, *(a + 1 for a in side)) for side in params["contract"])
            batch = params.get("batch", ((), ()))
            batch = tuple(tuple(a + 1 for a in side) for side in batch)
            total = b.op("dot", *stacks, contract=contract, batch=batch)
        else:
            axes = (0, *(a + 1 for a in params["axes"]))
            total = b.reshape(b.op("sum", *stacks, axes=axes, keepdims=False), type.shape)
        for primitive, given in self.moves:
            total = b.apply(primitive, (total,), given)
        return total


def postponed(
    b: GraphBuilder, total: Value, constants: Collection[Value], stacked: Collection[Value]
) -> tuple[list[Sum], Value | None]:
    """Return what of an adjoint can wait until after the loop, and the rest (None: nothing).

    Args:
        b: the adjoint step; sums of what is left are appended to it.
        total: the contribution of one step.
        constants: values that are the same at each step.
        stacked: values that are kept for each step anyway.
    """
    known = {v: e for e in b.equations for v in e.outputs}
    sums: list[Sum] = []
    left: list[Value] = []
    _split(total, (), known, constants, sums, left)
    new = {v for s in sums for v in s.operands} - set(stacked)
    if left or sum(v.type.nbytes for v in new) > ROOM * total.type.nbytes:
        return [], total
    return sums, None


def _split(
    value: Value,
    moves: Moves,
    known: dict[Value, Equation],
    constants: Collection[Value],
    sums: list[Sum],
    left: list[Value],
) -> None:
    """Gather the terms of a value."""
    e = known.get(value)
    name = "" if e is None else e.primitive.name
    if e is not None and name == "add":
        for v in e.inputs:
            _split(v, moves, known, constants, sums, left)
    elif e is not None and name in MOVES:
        _split(e.inputs[0], ((e.primitive, dict(e.params)), *moves), known, constants, sums, left)
    elif e is not None and name in ("dot", "sum") and not any(v in constants for v in e.inputs):
        sums.append(Sum(e, moves))
    else:
        left.append(value)
