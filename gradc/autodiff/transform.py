"""Graph -> graph of its JVP or VJP: one walk forward, or one walk back."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.autodiff.rules import differentiable, jvp_rule, rule_text, vjp_rule
from gradc.errors import GradientError
from gradc.ir.builder import GraphBuilder, several
from gradc.ir.graph import Graph, Section, Value


def inline(b: GraphBuilder, graph: Graph, operands: Sequence[Value]) -> dict[Value, Value]:
    """Append `graph` to a builder; return what each of its values became."""
    env: dict[Value, Value] = dict(zip(graph.inputs, operands, strict=True))
    for e in graph.equations:
        b.origin, b.section, b.rule = e.origin, e.section, e.rule
        result = b.apply(e.primitive, tuple(env[v] for v in e.inputs), dict(e.params))
        results = several(result)
        for old, new in zip(e.outputs, results, strict=True):
            new.name, env[old] = old.name, new
    return env


def active_values(graph: Graph, wrt: Sequence[int]) -> set[Value]:
    """Return the values that depend differentiably on the inputs at positions `wrt`."""
    active = {graph.inputs[i] for i in wrt if graph.inputs[i].dtype.is_floating_point}
    for e in graph.equations:
        if differentiable(e.primitive) and any(v in active for v in e.inputs):
            active.update(v for v in e.outputs if v.dtype.is_floating_point)
    return active


def jvp(graph: Graph, wrt: Sequence[int] | None = None) -> Graph:
    """Return the graph of (inputs, x_dot ...) -> (outputs, y_dot ...), forward mode.

    Args:
        graph: the primal program.
        wrt: positions of the inputs that have tangents; None: all floating inputs.

    Source: Griewank, Walther, "Evaluating Derivatives", 2nd ed., chapter 3.
    """
    wrt = _floating_inputs(graph) if wrt is None else wrt
    b = GraphBuilder(f"{graph.name}_jvp")
    env = {v: b.input(v.type, v.name) for v in graph.inputs}
    dots: dict[Value, Value] = {}
    for i in wrt:
        v = graph.inputs[i]
        dots[v] = b.input(v.type, f"{v.name}_dot" if v.name else "")
    for e in graph.equations:
        b.origin, b.section, b.rule = e.origin, e.section, e.rule
        inputs = tuple(env[v] for v in e.inputs)
        result = b.apply(e.primitive, inputs, dict(e.params))
        results = several(result)
        for old, new in zip(e.outputs, results, strict=True):
            new.name, env[old] = old.name, new
        if not any(v in dots for v in e.inputs):
            continue
        given = tuple(dots.get(v) for v in e.inputs)
        for v, dot in zip(
            e.outputs, jvp_rule(b, e.primitive, dict(e.params), inputs, results, given), strict=True
        ):
            if dot is not None and v.dtype.is_floating_point:
                dots[v] = dot
    primal = tuple(env[v] for v in graph.outputs)
    tangent = tuple(dots[v] if v in dots else b.zeros_like(env[v]) for v in graph.outputs)
    return b.finish(primal + tangent)


def vjp(graph: Graph, wrt: Sequence[int] | None = None) -> Graph:
    """Return the graph of (inputs, y_bar ...) -> (outputs, x_bar ...), reverse mode.

    Args:
        graph: the primal program.
        wrt: positions of the inputs to differentiate by; None: all floating inputs.

    Raises:
        GradientError: if a position names an input that is not floating.

    Source: Griewank, Walther, "Evaluating Derivatives", 2nd ed., chapter 3.
    """
    wrt = _floating_inputs(graph) if wrt is None else wrt
    for i in wrt:
        if not graph.inputs[i].dtype.is_floating_point:
            raise GradientError(
                f"vjp: input {i} of {graph.name} is {graph.inputs[i].type}; "
                "only floating inputs have gradients"
            )
    b = GraphBuilder(f"{graph.name}_vjp")
    env = inline(b, graph, [b.input(v.type, v.name) for v in graph.inputs])
    bars: dict[Value, Value] = {}
    for v in graph.outputs:
        if v.dtype.is_floating_point:
            seed = b.input(v.type, f"{v.name}_bar" if v.name else "")
            accumulate(b, bars, v, seed)
    b.section = Section.BACKWARD
    backward(b, graph, env, bars, active_values(graph, wrt))
    gradients = tuple(
        bars[v] if v in bars else b.zeros_like(env[v]) for v in (graph.inputs[i] for i in wrt)
    )
    return b.finish(tuple(env[v] for v in graph.outputs) + gradients)


def backward(
    b: GraphBuilder,
    graph: Graph,
    env: dict[Value, Value],
    bars: dict[Value, Value],
    active: set[Value],
) -> None:
    """Walk the equations of `graph` in reverse, adding to the adjoints in `bars`."""
    for e in reversed(graph.equations):
        cotangents = tuple(bars.get(v) for v in e.outputs)
        needed = [v in active for v in e.inputs]
        if not any(needed) or all(c is None for c in cotangents):
            continue
        b.origin = e.origin
        inputs, outputs = (tuple(env[v] for v in side) for side in (e.inputs, e.outputs))
        b.rule = rule_text(e.primitive, needed.index(True))
        adjoints = vjp_rule(b, e.primitive, dict(e.params), inputs, outputs, cotangents, needed)
        for v, adjoint in zip(e.inputs, adjoints, strict=True):
            if adjoint is not None:
                accumulate(b, bars, v, adjoint)
                if bars[v].adjoint_of is None and not bars[v].name:
                    bars[v].adjoint_of = env[v]


def accumulate(b: GraphBuilder, bars: dict[Value, Value], value: Value, adjoint: Value) -> None:
    """Fan-out: the adjoint of a value used twice is the sum of both contributions."""
    bars[value] = b.op("add", bars[value], adjoint) if value in bars else adjoint


def _floating_inputs(graph: Graph) -> tuple[int, ...]:
    return tuple(i for i, v in enumerate(graph.inputs) if v.dtype.is_floating_point)
