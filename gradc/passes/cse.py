"""Equations that compute the same -> one equation; inputs are never merged by value."""

from __future__ import annotations

from typing import Any

from gradc.ir.graph import Equation, Graph, Value
from gradc.ir.primitive import Kind
from gradc.passes.rewrite import Rewriter, rewrite

Key = tuple[Any, ...]


def cse(graph: Graph) -> Graph:
    """Return `graph` with each thing computed once, where it was computed first."""
    first: dict[Key, tuple[Value, ...]] = {}

    def rule(b: Rewriter, e: Equation) -> Value | None:
        if e.primitive.kind is Kind.CONTROL:  # a body has no key to compare it by
            return None
        known = first.setdefault(_key(e), e.outputs)
        if known is e.outputs:
            return None
        for old, new in zip(e.outputs, known, strict=True):
            b.replace(old, new)
        return known[0]

    return rewrite(graph, rule)


def _key(e: Equation) -> Key:
    # NOTE: repr, because 0.0 == -0.0 and 1 == True
    params = tuple((name, repr(value)) for name, value in sorted(e.params.items()))
    return e.primitive, e.inputs, params, tuple(v.type for v in e.outputs)
