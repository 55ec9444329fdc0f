"""A slice of a convolution -> the convolution of a slice: only places that are read."""

from __future__ import annotations

from collections import Counter

from gradc.ir.graph import Equation, Graph, Value
from gradc.passes.rewrite import Rewriter, rewrite
from gradc.primitives.convolution import reach


def narrow(graph: Graph) -> Graph:
    """Return `graph` with convolutions at those places only that are read."""
    uses = Counter(v for e in graph.equations for v in e.inputs)
    uses.update(graph.results())

    def rule(b: Rewriter, e: Equation) -> Value | None:
        if e.primitive.name != "slice" or uses[e.inputs[0]] > 1:
            return None
        (source,) = e.inputs
        reshape = b.definition(source, "reshape")
        if reshape is not None and uses[reshape.inputs[0]] > 1:
            return None
        conv = b.definition(reshape.inputs[0] if reshape is not None else source, "conv")
        return _narrowed(b, e, conv) if conv is not None else None

    return rewrite(graph, rule)


def _narrowed(b: Rewriter, e: Equation, conv: Equation) -> Value | None:
    """Return the convolution of the part of x that the sliced places see."""
    (x, w), (y,), (source,) = conv.inputs, conv.outputs, e.inputs
    n = len(conv.params["stride"])
    start, stop, step = (e.params[k] for k in ("start", "stop", "step"))
    others = (0, *range(n + 1, len(start)))
    whole = all(start[a] == 0 and stop[a] == source.shape[a] for a in others)
    if source.shape[: n + 1] != y.shape[: n + 1] or not whole or any(s != 1 for s in step):
        return None
    covered = reach(w.shape[:n], conv.params["dilation"])
    stride = conv.params["stride"]
    places = [(start[a + 1], stop[a + 1]) for a in range(n)]
    if any(low == high for low, high in places):
        return None
    first = tuple(low * s for (low, _), s in zip(places, stride, strict=True))
    last = tuple(
        (high - 1) * s + c for (_, high), s, c in zip(places, stride, covered, strict=True)
    )
    part = b.op(
        "slice",
        x,
        start=(0, *first, 0, 0),
        stop=(x.shape[0], *last, *x.shape[n + 1 :]),
        step=(1,) * (n + 3),
    )
    result = b.op("conv", part, w, **conv.params)
    return b.reshape(result, e.outputs[0].shape)
