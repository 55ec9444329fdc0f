"""A plan -> what the forward pass saves for the backward pass, and what is computed again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gradc.ir.graph import Equation, Section, Value
from gradc.ir.primitive import Kind
from gradc.schedule.loops import Compute, Node, Read, Store, parts, walk
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Kernel, Plan

Names = Mapping[Value, str]


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that is saved, or computed again where it is used, and why.

    Attributes:
        name: in the generated text, or the operation and the user's line.
        type: "float32[64, 256]".
        nbytes: size.
        saved: whether it lies in memory.
        reason: in words.
    """

    name: str
    type: str
    nbytes: int
    saved: bool
    reason: str


def choices(plan: Plan, names: Names) -> tuple[Choice, ...]:
    """Return what backward kernels read of the forward pass, then what they compute again."""
    return (*_saved_choices(plan, names), *_recomputed_choices(plan, names))


def choices_of_halves(forward: Plan, backward: Plan, names: Names) -> tuple[Choice, ...]:
    """Return what the forward program hands on, then what the backward program computes again.

    Args:
        forward: the plan whose results want gradients.
        backward: the plan that `backward()` runs.
        names: of values in the backward program's text.
    """
    handed = set(forward.graph.outputs)
    found = [
        Choice(names[v], str(v.type), v.type.nbytes, True, "the backward program reads it")
        for v in backward.graph.inputs
        if v in handed
    ]
    return (*found, *_recomputed_choices(backward, names))


def _saved_choices(plan: Plan, names: Names) -> list[Choice]:
    return [
        Choice(names[v], str(v.type), v.type.nbytes, True, _reason(plan, v)) for v in _saved(plan)
    ]


def _recomputed_choices(plan: Plan, names: Names) -> list[Choice]:
    found: list[Choice] = []
    for value, node in _recomputed(plan).items():
        sources = sorted({names[n.root] for n in walk(node, set()) if isinstance(n, Read)})
        bits = any(
            isinstance(n, Compute) and n.primitive.kind is Kind.RANDOM for n in walk(node, set())
        )
        origin = ", ".join(sources) or ("random bits" if bits else "constants")
        name = names.get(value) or _described(plan.program.known[value])
        found.append(
            Choice(name, str(value.type), value.type.nbytes, False, f"recomputed from {origin}")
        )
    return found


def _saved(plan: Plan) -> Iterator[Value]:
    """Yield the arrays in memory that forward kernels write and later kernels read."""
    later = {v for k in plan.kernels if k.section is not Section.FORWARD for v in k.reads}
    for kernel in plan.kernels:
        if kernel.section is Section.FORWARD:
            yield from (v for v in kernel.values if v in later and _is_forward(plan, v))


def _is_forward(plan: Plan, value: Value) -> bool:
    """Return whether the user's own code computes a value of more than one element."""
    equation = plan.program.known.get(value)
    forward = equation is not None and equation.section is Section.FORWARD
    return forward and value.type.size > 1 and value.adjoint_of is None


def _reason(plan: Plan, value: Value) -> str:
    root = plan.program.roots[value]
    return root.reason or f"it is a {root.form.value}"


def _recomputed(plan: Plan) -> dict[Value, Node]:
    """Return the forward values that backward kernels compute themselves, as they use them."""
    found: dict[Value, Node] = {}
    for kernel in plan.kernels:
        if kernel.section is not Section.FORWARD:
            for node in _nodes(kernel):
                if node.value is None or _is_forward(plan, node.value):
                    continue
                for below in parts(node):
                    value = below.value
                    if isinstance(below, Compute) and value is not None and value not in found:
                        if _is_forward(plan, value) and value not in kernel.values:
                            found[value] = below
    return found


def _nodes(kernel: Kernel) -> Iterator[Node]:
    if isinstance(kernel.work, Nest):
        seen: set[Node] = set()
        stores = (a.touched.node for a in kernel.work.accesses if isinstance(a.touched, Store))
        for top in (*stores, *(f.operand for f in kernel.work.folds)):
            yield from walk(top, seen)


def _described(equation: Equation) -> str:
    """Return how to call a value that has no name: `relu at mlp.py:10`."""
    origin = equation.origin
    word = (origin.scope if origin else "") or equation.primitive.name
    return f"{word} at {origin.place}" if origin else word
