"""User-defined elementwise primitives -> the primitives that they stand for."""

from __future__ import annotations

from gradc.ir.graph import Equation, Graph, Value
from gradc.passes.rewrite import Rewriter, rewrite
from gradc.symbolic.lower import apply_expression


def expand(graph: Graph) -> Graph:
    """Return `graph` without primitives that have an expansion instead of code."""
    while any(e.primitive.expansion and not e.primitive.code for e in graph.equations):
        graph = rewrite(graph, _expand)
    return graph


def _expand(b: Rewriter, e: Equation) -> Value | None:
    if e.primitive.code or not e.primitive.expansion:
        return None
    operands = dict(zip(e.primitive.operands, e.inputs, strict=True))
    return apply_expression(b, e.primitive.expansion, operands, e.outputs[0].type)
