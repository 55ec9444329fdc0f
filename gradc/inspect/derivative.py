"""The graph of a function -> the graph of its results and its reverse-mode derivative."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.autodiff.transform import accumulate, active_values, backward, inline
from gradc.errors import GradientError
from gradc.ir.builder import GraphBuilder
from gradc.ir.graph import Graph, Section, Value


def with_gradient(graph: Graph, wrt: Sequence[int]) -> Graph:
    """Return the graph of (inputs) -> (results, gradients).

    A single scalar result L is differentiated itself (L_bar = 1). Otherwise the adjoints of the
    results are further inputs, and the gradients are products of them with the Jacobian.

    Args:
        graph: the primal program; what it updates is left out.
        wrt: positions of the floating inputs to differentiate by.

    Raises:
        GradientError: if there is nothing to differentiate, or nothing to differentiate by.
    """
    floating = [v for v in graph.outputs if v.dtype.is_floating_point]
    if not floating:
        raise GradientError(
            f"gradient of {graph.name}: none of its {len(graph.outputs)} results is floating",
            hint="return a floating tensor, a loss",
        )
    if not wrt:
        raise GradientError(
            f"gradient of {graph.name}: it takes nothing floating to differentiate by",
            hint="pass a floating tensor, or use a parameter",
        )
    b = GraphBuilder(f"{graph.name}_and_gradient")
    inputs = [b.input(v.type, v.name) for v in graph.inputs]
    env = inline(b, graph, inputs)
    b.graph.roles = {env[v]: role for v, role in graph.roles.items()}
    b.origin, b.section, b.rule = None, Section.BACKWARD, ""
    scalar = len(graph.outputs) == 1 and floating[0].type.size == 1
    bars: dict[Value, Value] = {}
    for v in floating:
        name = f"{v.name}_bar" if v.name else ""
        seed = b.full(v.type, 1) if scalar else b.input(v.type, name)
        seed.adjoint_of = env[v]
        accumulate(b, bars, v, seed)
    backward(b, graph, env, bars, active_values(graph, wrt))
    sources = [graph.inputs[i] for i in wrt]
    gradients = tuple(bars[v] if v in bars else b.zeros_like(env[v]) for v in sources)
    for v, gradient in zip(sources, gradients, strict=True):
        gradient.adjoint_of = gradient.adjoint_of or env[v]
    return b.finish((*(env[v] for v in graph.outputs), *gradients))
