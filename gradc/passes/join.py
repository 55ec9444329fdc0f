"""Sums of slices' adjoints, each padded with zeros -> one concatenation.

x + 0 is x; only the sign of a zero may be lost, and only here.
"""

from __future__ import annotations

from collections import Counter

from gradc.ir.graph import Equation, Graph, Value
from gradc.passes.rewrite import Rewriter, rewrite


def join(graph: Graph) -> Graph:
    """Return `graph` with pads that tile a value, and are added up, written side by side."""
    uses = Counter(v for e in graph.equations for v in e.inputs)
    uses.update(graph.results())

    def rule(b: Rewriter, e: Equation) -> Value | None:
        if e.primitive.name != "add":
            return None
        pads = _pads(b, e, uses)
        axis = _axis(pads) if pads else None
        if axis is None:
            return None
        ordered = sorted(pads, key=lambda p: p.params["low"][axis])
        ends = [p.params["low"][axis] + p.inputs[0].shape[axis] for p in ordered]
        starts = [p.params["low"][axis] for p in ordered]
        if starts[0] or ends[-1] != e.outputs[0].shape[axis] or ends[:-1] != starts[1:]:
            return None
        return b.op("concatenate", *(p.inputs[0] for p in ordered), axis=axis)

    return rewrite(graph, rule)


def _pads(b: Rewriter, e: Equation, uses: Counter[Value]) -> list[Equation]:
    """Return the pads that an addition adds up; empty where it adds something else too."""
    found: list[Equation] = []
    stack = list(e.inputs)
    while stack:
        v = stack.pop()
        pad, inner = b.definition(v, "pad"), b.definition(v, "add")
        if pad is not None and not pad.params["value"] and not any(pad.params["interior"]):
            found.append(pad)
        elif inner is not None and uses[v] == 1:
            stack += inner.inputs
        else:
            return []
    return found


def _axis(pads: list[Equation]) -> int | None:
    """Return the only axis along which values are padded."""
    axes = {
        a
        for p in pads
        for a, (low, high) in enumerate(zip(p.params["low"], p.params["high"], strict=True))
        if low or high
    }
    negative = any(n < 0 for p in pads for n in (*p.params["low"], *p.params["high"]))
    return axes.pop() if len(axes) == 1 and not negative else None
