"""Long running sums -> sums of parts, their running sums, and a running sum in each part.

On a GPU a group of threads goes along a line step by step. Few long lines would keep most of it
idle, so they are cut into parts, each of which begins with the sum of the parts before it.
"""

from __future__ import annotations

import math

from gradc.ir.dtype import int32
from gradc.ir.graph import Equation, Graph, Value
from gradc.ir.primitive import lookup
from gradc.passes.rewrite import Rewriter, full, rewrite

LONG = 16384  # elements; shorter lines are not cut
PART = 4096  # elements, more or less
ENOUGH = 512  # lines that keep a GPU busy


def split_long_scans(graph: Graph) -> Graph:
    """Return `graph` with each long running sum in two levels."""
    return rewrite(graph, _rule)


def _rule(b: Rewriter, e: Equation) -> Value | None:
    if e.primitive.name != "cumsum":
        return None
    (x,) = e.inputs
    axis: int = e.params["axis"]
    length = x.shape[axis]
    if length < LONG or x.type.size // length >= ENOUGH:
        return None
    reverse = bool(e.params.get("reverse", False))
    part = _part(length)
    parts = -(-length // part)
    x = _padded(b, x, axis, high=parts * part - length)
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    cut = b.reshape(x, (*before, parts, part, *after))
    totals = b.op("sum", cut, axes=(axis + 1,), keepdims=True)
    first = _beginnings(b, totals, axis, reverse=reverse)
    # The first element of each part has what comes before the part: one sum, no second pass.
    shape = cut.shape
    numbers = {"shape": shape, "dtype": int32, "axis": axis + 1, "device": cut.type.device}
    place = b.apply(lookup("iota"), (), numbers)
    here = b.op("eq", place, full(b, place, part - 1 if reverse else 0))
    started = b.op("add", cut, b.broadcast(first, shape))
    summed = b.op("cumsum", b.op("where", here, started, cut), axis=axis + 1, reverse=reverse)
    whole = b.reshape(summed, x.shape)
    if parts * part == length:
        return whole
    stop = (*before, length, *after)
    return b.op("slice", whole, start=(0,) * len(stop), stop=stop, step=(1,) * len(stop))


def _part(length: int) -> int:
    """Return the size of a part: a divisor of the length where there is one of a good size."""
    found = [n for n in range(PART // 2, 2 * PART + 1) if length % n == 0]
    return min(found, key=lambda n: abs(math.log(n / PART)), default=PART)


def _beginnings(b: Rewriter, totals: Value, axis: int, *, reverse: bool) -> Value:
    """Return the sum of all parts before each part, or of all after it."""
    count = totals.shape[axis]
    start, stop = [0] * totals.type.ndim, list(totals.shape)
    start[axis], stop[axis] = (1, count) if reverse else (0, count - 1)
    others = b.op("slice", totals, start=tuple(start), stop=tuple(stop), step=(1,) * len(stop))
    moved = _padded(b, others, axis, low=not reverse, high=reverse)
    return b.op("cumsum", moved, axis=axis, reverse=reverse)


def _padded(b: Rewriter, x: Value, axis: int, *, low: int = 0, high: int = 0) -> Value:
    """Return `x` with zeros at the ends of an axis."""
    if not (low or high):
        return x
    lows, highs, none = [0] * x.type.ndim, [0] * x.type.ndim, (0,) * x.type.ndim
    lows[axis], highs[axis] = int(low), int(high)
    return b.op("pad", x, low=tuple(lows), high=tuple(highs), interior=none, value=0)
