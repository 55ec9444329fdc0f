"""Loops -> loops with optimised bodies, without operands and results that nobody needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gradc.ir.builder import several
from gradc.ir.graph import Equation, Graph, Value
from gradc.ir.primitive import Kind
from gradc.passes.hoist import hoist
from gradc.passes.rewrite import Rewriter, rewrite
from gradc.primitives.loop import Body


def has_loops(graph: Graph) -> bool:
    """Return whether a graph has loops in it."""
    return any(e.primitive.kind is Kind.CONTROL for e in graph.equations)


def loops(graph: Graph, optimise: Callable[[Graph], Graph]) -> Graph:
    """Return `graph` with each loop reduced to what is needed.

    Args:
        graph: any.
        optimise: what is done to the bodies.
    """
    read = {v for e in graph.equations for v in e.inputs} | set(graph.results())

    def rule(b: Rewriter, e: Equation) -> Value | None:
        if e.primitive.kind is not Kind.CONTROL:
            return None
        loop = Body(**e.params)
        if loop.length == 1:
            return _once(b, e, loop)
        return _reduced(b, e, loop, read, optimise)

    return rewrite(graph, rule)


def _once(b: Rewriter, e: Equation, loop: Body) -> Value | None:
    """A loop of one step is its body."""
    known: dict[Value, Value] = {}
    for i, (inner, outer) in enumerate(zip(loop.body.inputs, e.inputs, strict=True)):
        is_sequence = loop.carries <= i < loop.constants
        known[inner] = b.reshape(outer, inner.shape) if is_sequence else outer
    for step in loop.body.equations:
        b.origin, b.section, b.rule = step.origin, step.section, step.rule
        result = b.apply(step.primitive, tuple(known[v] for v in step.inputs), dict(step.params))
        for old, new in zip(step.outputs, several(result), strict=True):
            new.name = old.name
            known[old] = new
    for inner, outer in zip(loop.body.outputs, e.outputs, strict=True):
        b.replace(outer, b.reshape(known[inner], outer.shape))
    return None


def _reduced(
    b: Rewriter,
    e: Equation,
    loop: Body,
    read: set[Value],
    optimise: Callable[[Graph], Graph],
) -> Value | None:
    """Leave away results that are not read or there twice, then operands that are not read."""
    loop = replace(loop, body=optimise(loop.body))
    loop, operands = hoist(b, loop, e.inputs)
    b.origin, b.section, b.rule = e.origin, e.section, e.rule
    body = loop.body
    for inner, outer in zip(body.inputs, operands, strict=True):
        inner.name = inner.name or outer.hint
    first: dict[Value, int] = {}
    kept: list[int] = []
    same: dict[int, int] = {}
    for i in range(loop.carries, len(body.outputs)):
        if e.outputs[i] in read:
            same[i] = first.setdefault(body.outputs[i], i)
            if same[i] == i:
                kept.append(i)
    outputs = tuple(body.outputs[i] for i in (*range(loop.carries), *kept))
    body = optimise(Graph(body.name, body.inputs, body.equations, outputs, dict(body.roles)))
    needed = {v for step in body.equations for v in step.inputs} | set(body.outputs)
    places = [i for i, v in enumerate(body.inputs) if i < loop.carries or v in needed]
    body.inputs = tuple(body.inputs[i] for i in places)
    sequences = sum(loop.carries <= i < loop.constants for i in places)
    new = Body(body, loop.length, loop.reverse, loop.carries, sequences)
    results = several(b.apply(e.primitive, tuple(operands[i] for i in places), new.params))
    for i in range(loop.carries):
        _replace(b, e.outputs[i], results[i])
    where = {i: loop.carries + place for place, i in enumerate(kept)}
    for i, source in same.items():
        _replace(b, e.outputs[i], results[where[source]])
    return None


def _replace(b: Rewriter, old: Value, new: Value) -> None:
    """Let a new loop's result stand for the old one's, under its name."""
    new.name, new.adjoint_of = old.name or new.name, old.adjoint_of or new.adjoint_of
    b.replace(old, new)
