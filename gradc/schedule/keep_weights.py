"""Attention equations -> the same with their weights kept, or other primitives without a kernel."""

from __future__ import annotations

from gradc.ir.derivative import Composed
from gradc.ir.graph import Equation, Graph, Value
from gradc.ir.primitive import Kind
from gradc.passes.pipeline import optimise
from gradc.passes.rewrite import Rewriter, rewrite
from gradc.schedule.target import CPU, Target

Key = tuple[object, ...]


def keep_weights(graph: Graph, target: Target) -> Graph:
    """Return `graph` with the weights of small attentions kept for their adjoints.

    They are kept where they take no more memory than q, k, v and the result, and else computed
    again. A GPU, and operands without elements, get the primitives that attention stands for.
    """
    if not any(e.primitive.kind is Kind.ATTENTION for e in graph.equations):
        return graph
    wanted = {_key(e, e.inputs[4]) for e in graph.equations if _is(e, "attention_adjoint")}
    kept: dict[Key, Value] = {}
    expanded: list[Equation] = []

    def rule(b: Rewriter, e: Equation) -> Value | None:
        if e.primitive.kind is not Kind.ATTENTION:
            return None
        if target is not CPU or not all(v.type.size for v in e.inputs):
            expanded.append(e)
            assert isinstance(e.primitive.derivative, Composed)
            return _replaced(b, e, e.primitive.derivative.parts(b, e.inputs, dict(e.params)))
        if _is(e, "attention") and _key(e, e.outputs[1]) in wanted and is_small(e):
            *results, weights = b.apply(e.primitive, e.inputs, {**e.params, "keep": True})
            weights.name = "weights"
            kept[_key(e, results[1])] = weights
            return _replaced(b, e, tuple(results))
        if _is(e, "attention_adjoint") and (weights := kept.get(_key(e, e.inputs[4]))):
            operands = (*e.inputs, weights)
            return _replaced(b, e, b.apply(e.primitive, operands, {**e.params, "kept": True}))
        return None

    changed = rewrite(graph, rule)
    return optimise(changed) if expanded else changed


def is_small(e: Equation) -> bool:
    """Return whether the weights are no more than the operands and the result."""
    q, k, v = e.inputs[:3]
    weights = q.type.size // max(q.shape[3], 1) * k.shape[1]
    return weights <= sum(x.type.size for x in (q, k, v, e.outputs[0]))


def _is(e: Equation, name: str) -> bool:
    return e.primitive.name == name


def _key(e: Equation, log_sum: Value) -> Key:
    """Return what an attention and its adjoint have in common."""
    masks = e.inputs[3:] if _is(e, "attention") else e.inputs[6:]
    return (*e.inputs[:3], log_sum, *masks, e.params["scale"], e.params["causal"])


def _replaced(b: Rewriter, e: Equation, results: tuple[Value, ...]) -> Value:
    """Let results stand for those of an equation; return the first."""
    for old, new in zip(e.outputs[1:], results[1:], strict=False):
        b.replace(old, new)
    return results[0]
