"""Equations of a loop's body that are the same at each step -> equations before the loop."""

from __future__ import annotations

from dataclasses import replace

from gradc.ir.builder import several
from gradc.ir.graph import Equation, Graph, Value
from gradc.ir.primitive import Kind
from gradc.passes.rewrite import Rewriter
from gradc.primitives.loop import Body

MANY = 8  # steps from which a transposed copy is worth making: products then read it in order
KINDS = (Kind.ELEMENTWISE, Kind.REDUCTION, Kind.CONTRACTION, Kind.MOVEMENT)


def hoist(b: Rewriter, loop: Body, operands: tuple[Value, ...]) -> tuple[Body, tuple[Value, ...]]:
    """Return the loop, and its operands, with what only depends on constants done before it.

    Args:
        b: takes the equations before the loop.
        loop: any.
        operands: of the scan.
    """
    body = loop.body
    outside = dict(zip(body.inputs, operands, strict=True))
    fixed = set(body.inputs[loop.constants :])
    kept: list[Equation] = []
    moved: list[Value] = []
    numbers: dict[Value, Equation] = {}  # constants stay, and are made anew where needed
    for e in body.equations:
        same = all(v in fixed or v in numbers for v in e.inputs)
        if not (same and any(v in fixed for v in e.inputs) and _pays(e, loop)):
            kept.append(e)
            if e.primitive.name == "full":
                numbers[e.outputs[0]] = e
            continue
        b.origin, b.section, b.rule = e.origin, e.section, e.rule
        for v in e.inputs:
            if v not in outside:
                outside[v] = b.apply(numbers[v].primitive, (), dict(numbers[v].params))
        result = b.apply(e.primitive, tuple(outside[v] for v in e.inputs), dict(e.params))
        for inner, outer in zip(e.outputs, several(result), strict=True):
            outer.name = inner.name
            outside[inner] = outer
            fixed.add(inner)
            moved.append(inner)
    if not moved:
        return loop, operands
    inputs = (*body.inputs, *moved)
    graph = Graph(body.name, inputs, tuple(kept), body.outputs, dict(body.roles))
    return replace(loop, body=graph), (*operands, *(outside[v] for v in moved))


def _pays(e: Equation, loop: Body) -> bool:
    """Return whether keeping a result costs less than computing it at each step."""
    if e.primitive.name == "permute":
        return loop.length >= MANY and _in_order(e.outputs[0], loop.body)
    largest = max(v.type.nbytes for v in e.inputs)
    smaller = all(v.type.nbytes <= largest for v in e.outputs)
    return smaller and e.primitive.kind in KINDS


def _in_order(value: Value, body: Graph) -> bool:
    """Return whether products want a matrix as it is, and not its transpose."""
    users = [e for e in body.equations if value in e.inputs]
    if value in body.outputs or any(e.primitive.name != "dot" for e in users):
        return False
    last = value.type.ndim - 1
    for e in users:
        left, right = e.params["contract"]
        wrong_left = e.inputs[0] is value and left != (last,)
        wrong_right = e.inputs[1] is value and right != (last - 1,)
        if wrong_left or wrong_right:
            return False
    return bool(users)
