"""Window primitives -> slices, comparisons and choices, which fuse with what surrounds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradc.ir.graph import Equation, Graph, Value
from gradc.passes.dead import dead
from gradc.passes.rewrite import Rewriter, full, rewrite
from gradc.primitives.window import taps
from gradc.schedule.tiled import Groups, join_late

Shape = tuple[int, ...]


def expand_windows(graph: Graph) -> tuple[Graph, dict[Value, str]]:
    """Return `graph` without window primitives, and values that are worth keeping, with reasons."""
    if not any(e.primitive.name in RULES for e in graph.equations):
        return graph, {}
    largest: dict[Value, tuple[Value, dict[str, Any], Value]] = {}
    kept: dict[Value, str] = {}
    joined: dict[Value, Groups] = {}
    put = {e.inputs[1] for e in graph.equations if e.primitive.name == "window_put"}

    def rule(b: Rewriter, e: Equation) -> Value | None:
        if e.primitive.name == "window_argmax":
            best, index = _largest(b, e)
            (x,) = e.inputs
            largest[index] = (x, dict(e.params), best)
            sizes = zip(e.params["window"], e.params["stride"], strict=True)
            if x in b.known and any(k > s for k, s in sizes):
                kept[x] = "its elements are in several windows"
            if e.outputs[0] in put:
                kept[index] = "it says where the largest of each window is"
            return index
        if e.primitive.name == "window_pick":
            x, index = e.inputs
            source, params, best = largest.get(index, (None, None, None))
            if best is not None and source is x and params == e.params:
                kept[best] = "it is the largest of each window"
                return best
        if e.primitive.name == "window_put" and (cut := _tiling(e)) is not None:
            result = _tiled(b, e, cut)
            joined[result] = cut
            return result
        make = RULES.get(e.primitive.name)
        return make(b, e) if make is not None else None

    expanded = dead(join_late(rewrite(graph, rule), joined))
    left = {v for e in expanded.equations for v in e.outputs}
    return expanded, {v: reason for v, reason in kept.items() if v in left}


def _elements(b: Rewriter, e: Equation, count: Shape) -> list[Value]:
    """Return the first, second ... element of all windows, each as a slice."""
    params, (x, *_) = e.params, e.inputs
    step = params["stride"]
    parts = taps(params["window"], step, params["dilation"], count)
    return [b.op("slice", x, start=start, stop=stop, step=step) for start, stop in parts]


def _largest(b: Rewriter, e: Equation) -> tuple[Value, Value]:
    """Return the largest elements, and the number of the first of them; NaN counts as largest."""
    first, *rest = _elements(b, e, e.outputs[0].shape)
    best, index = first, full(b, e.outputs[0], 0)
    for number, here in enumerate(rest, 1):
        larger = b.op("gt", here, best)
        if here.dtype.is_floating_point:
            larger = b.op("logical_or", larger, b.op("isnan", here))
        best = b.op("where", larger, here, best)
        index = b.op("where", larger, full(b, index, number), index)
    return best, index


def _pick(b: Rewriter, e: Equation) -> Value:
    index = e.inputs[1]
    out, *rest = _elements(b, e, e.outputs[0].shape)
    for number, here in enumerate(rest, 1):
        out = b.op("where", b.op("eq", index, full(b, index, number)), here, out)
    return out


def _put(b: Rewriter, e: Equation) -> Value:
    """Add up what each element of the windows gets."""
    y, index = e.inputs
    shape, window, stride = e.params["shape"], e.params["window"], e.params["stride"]
    total: Value | None = None
    zero = full(b, y, 0)
    parts = taps(window, stride, e.params["dilation"], y.shape)
    for number, (low, stop) in enumerate(parts):
        here = b.op("eq", index, full(b, index, number))
        high = tuple(n - o for n, o in zip(shape, stop, strict=True))
        interior = tuple(s - 1 for s in stride)
        part = b.op(
            "pad", b.op("where", here, y, zero), low=low, high=high, interior=interior, value=0
        )
        total = part if total is None else b.op("add", total, part)
    assert total is not None
    return total


def _tiling(e: Equation) -> Groups | None:
    """Return (windows, places in a window) of each axis where windows tile the whole result."""
    y, params = e.inputs[0], e.params
    window = params["window"]
    unspread = all(d == 1 or k == 1 for d, k in zip(params["dilation"], window, strict=True))
    sizes = zip(y.shape, window, params["shape"], strict=True)
    if window != params["stride"] or not unspread or any(n * k != m for n, k, m in sizes):
        return None
    return tuple((n, k) if k > 1 else (n,) for n, k in zip(y.shape, window, strict=True))


def _tiled(b: Rewriter, e: Equation, cut: Groups) -> Value:
    """Cut each pooled axis into windows, and compare each place's number with the index."""
    y, index = e.inputs
    whole = tuple(n for group in cut for n in group)
    single = tuple(n for group in cut for n in (group[0], *(1,) * (len(group) - 1)))
    inside: list[int] = []
    at = 0
    for group in cut:
        at += len(group)
        inside += [at - 1] * (len(group) > 1)
    spread = b.broadcast(b.reshape(y, single), whole)
    here = b.broadcast(b.reshape(index, single), whole)
    number = _numbers(b, here, inside)
    chosen = b.op("where", b.op("eq", here, number), spread, full(b, spread, 0))
    return b.reshape(chosen, e.params["shape"])


def _numbers(b: Rewriter, like: Value, inside: list[int]) -> Value:
    """Return the number of each place in its window, in row-major order."""
    number: Value | None = None
    scale = 1
    type = like.type
    for axis in reversed(inside):
        place = b.op("iota", shape=type.shape, dtype=type.dtype, axis=axis, device=type.device)
        if scale > 1:
            place = b.op("mul", place, full(b, place, scale))
        number = place if number is None else b.op("add", number, place)
        scale *= type.shape[axis]
    return full(b, like, 0) if number is None else number


def _argmax(b: Rewriter, e: Equation) -> Value:
    return _largest(b, e)[1]


RULES: dict[str, Callable[[Rewriter, Equation], Value | None]] = {
    "window_argmax": _argmax,
    "window_pick": _pick,
    "window_put": _put,
}
