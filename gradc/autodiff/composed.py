"""A primitive that stands for others -> its JVP and VJP, from the graph of what it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradc.autodiff.transform import jvp, vjp
from gradc.ir.builder import Builder, GraphBuilder, several
from gradc.ir.derivative import Composed
from gradc.ir.graph import Graph, Value

Operands = Sequence[Any]
Params = dict[str, Any]


def composed_vjp(
    b: Builder,
    rule: Composed,
    params: Params,
    inputs: Operands,
    outputs: Operands,
    cotangents: Operands,
    needed: Sequence[bool],
) -> list[Any | None]:
    """Return x_bar for each input, given y_bar for each output."""
    none: list[Any | None] = [None] * len(inputs)
    if all(ct is None for ct in cotangents):
        return none
    if rule.reverse is not None:
        found = rule.reverse(b, inputs, outputs, cotangents, tuple(needed), params)
        if found is not None:
            return [x if want else None for x, want in zip(found, needed, strict=True)]
    wrt = [i for i, want in enumerate(needed) if want]
    graph = vjp(_graph(b, rule, params, inputs), wrt)
    count = len(graph.outputs) - len(wrt)
    given = zip(cotangents, graph.inputs[len(inputs) :], strict=True)
    seeds = [b.full(v.type, 0) if ct is None else ct for ct, v in given]
    for i, adjoint in zip(wrt, replay(b, graph, [*inputs, *seeds], count), strict=True):
        none[i] = adjoint
    return none


def composed_jvp(
    b: Builder, rule: Composed, params: Params, inputs: Operands, tangents: Operands
) -> list[Any | None]:
    """Return y_dot for each output, given x_dot for each input."""
    wrt = [i for i, dot in enumerate(tangents) if dot is not None]
    graph = jvp(_graph(b, rule, params, inputs), wrt)
    count = len(graph.outputs) // 2
    return replay(b, graph, [*inputs, *(tangents[i] for i in wrt)], count)


def _graph(b: Builder, rule: Composed, params: Params, inputs: Operands) -> Graph:
    """Return the graph of what a primitive stands for."""
    made = GraphBuilder("parts")
    operands = tuple(made.input(b.typeof(x)) for x in inputs)
    return made.finish(rule.parts(made, operands, params))


def replay(b: Builder, graph: Graph, operands: Operands, first: int = 0) -> list[Any]:
    """Return the outputs from number `first` on, applying only what they need."""
    wanted = set(graph.outputs[first:])
    live: set[int] = set()
    for number in reversed(range(len(graph.equations))):
        equation = graph.equations[number]
        if not wanted.isdisjoint(equation.outputs):
            live.add(number)
            wanted.update(equation.inputs)
    env: dict[Value, Any] = dict(zip(graph.inputs, operands, strict=True))
    for number, e in enumerate(graph.equations):
        if number in live:
            results = several(b.apply(e.primitive, tuple(env[v] for v in e.inputs), dict(e.params)))
            env.update(zip(e.outputs, results, strict=True))
    return [env[v] for v in graph.outputs[first:]]
