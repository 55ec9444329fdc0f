"""A captured program -> compiled, and bound to the arrays of what it captured."""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.compiler.buffers import Array, GradientOutput, address
from gradc.compiler.capture import Captured
from gradc.compiler.flow import BackwardProgram, C, Residual
from gradc.compiler.native import FIRST, Executable, executable, whole
from gradc.compiler.program import Bound, Program
from gradc.compiler.split import Halves, split
from gradc.ir.graph import Value
from gradc.tensor.tree import Leaf


def build(captured: Captured) -> Program:
    """Optimise, plan, write out, compile and bind a captured graph."""
    backward = None
    if captured.seeds:
        # imported here: a warm start of a whole program needs neither passes nor planner
        from gradc.passes.pipeline import optimise

        halves = split(optimise(captured.graph), captured.seeds, len(captured.sources))
        name_residuals(halves, captured)
        code = executable(halves.forward)
        backward = backward_of(captured, halves, executable(halves.backward))
    else:
        code = whole(captured.graph)
    numbers: Any = np.zeros(max(len(captured.hypers), 1), np.float64)
    hypers = list(captured.hypers)
    bound: dict[Value, Bound] = {}
    count = len(captured.positions)
    updated = {old for old, _ in captured.graph.updates}
    for i, value in enumerate(code.inputs[count:], count):
        if value in captured.hypers:
            code.table[FIRST + i] = address(numbers) + 8 * hypers.index(value)
        else:
            b = bound[value] = _bind(FIRST + i, value, captured, value in updated)
            code.table[b.slot] = address(b.array if b.copy is None else b.copy)
    return Program(
        captured=captured,
        code=code,
        backward=backward,
        moving=[b for b in bound.values() if b.owner is not None],
        copied=[b for b in bound.values() if b.copy is not None],
        changed=[b for v, b in bound.items() if v in updated],
        hypers=[(h.owner, h.key) for h in captured.hypers.values()],
        numbers=numbers,
        gradients=_gradients(captured, code),
        ranges=_ranges(captured, bound, updated),
        last=[None] * count,
        fresh=code.pools[: captured.returned],
        single=backward is None and captured.passed == (None,) and captured.result == Leaf(0),
        plain=backward is None and all(own is None for own in captured.passed),
    )


def name_residuals(halves: Halves, captured: Captured) -> None:
    """Give what both graphs know the same names in both texts."""
    from gradc.emit.namer import Values

    hints = Values(halves.forward)
    for value in halves.residuals:
        if not value.hint:
            value.name = hints.hint(value)
    for seed, position in zip(captured.seeds, captured.differentiable, strict=True):
        seed.name = f"{hints.hint(halves.forward.outputs[position])}_bar"


def _bind(slot: int, value: Value, captured: Captured, updated: bool) -> Bound:
    storage = captured.cells[value].storage
    array: Array = storage.content
    plain = array.flags.c_contiguous and array.flags.writeable
    copy = None if plain else np.empty(array.shape, array.dtype)
    return Bound(slot, storage, array, copy, captured.grads_of.get(value), updated)


def _gradients(captured: Captured, code: Executable) -> list[GradientOutput]:
    first = captured.returned
    return [
        GradientOutput(
            owner, code.first_output + i, code.pools[i], again=owner not in captured.read
        )
        for i, owner in enumerate(captured.gradients, first)
    ]


def _ranges(
    captured: Captured, bound: dict[Value, Bound], updated: set[Value]
) -> tuple[list[int], list[int]]:
    """Return the memory that no argument may lie in: what changes, or all if an argument does."""
    arrays = [b.array for v, b in bound.items() if captured.updated_arguments or v in updated]
    spans = sorted((address(a), address(a) + a.nbytes) for a in arrays if a.size)
    return [begin for begin, _ in spans], [end for _, end in spans]


def backward_of(captured: Captured, halves: Halves, code: C) -> BackwardProgram[C]:
    """Return the second half, compiled as `code`, with where it finds what it reads."""
    forward = halves.forward

    def residual(value: Value) -> Residual:
        if value in forward.outputs:
            return Residual(output=forward.outputs.index(value))
        position = forward.inputs.index(value)
        if position < len(captured.positions):
            return Residual(argument=position)
        return Residual(storage=captured.cells[value].storage)

    return BackwardProgram(
        forward.name,
        code,
        tuple(map(residual, halves.residuals)),
        captured.differentiable,
        captured.sources,
    )
