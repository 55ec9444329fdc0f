"""Equations that change nothing, or undo each other -> nothing; every rewrite is exact.

No rewrite here may change a result, not even where operands are -0.0, inf or NaN: x * 0 stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from gradc.ir.dtype import DType, bool_, float32, float64, int32, int64, uint8
from gradc.ir.graph import Equation, Graph, Value
from gradc.ir.primitive import Kind
from gradc.passes.rewrite import Rewriter, full, rewrite
from gradc.primitives.sixteen_bits import COTANGENTS, ROUNDS

EXACT: dict[DType, tuple[DType, ...]] = {
    bool_: (uint8, int32, int64, float32, float64),
    uint8: (int32, int64, float32, float64),
    int32: (int64, float64),
    float32: (float64,),
}  # conversions that lose nothing


def simplify(graph: Graph) -> Graph:
    """Return `graph` without needless equations."""
    return rewrite(graph, _simplify)


def _simplify(b: Rewriter, e: Equation) -> Value | None:
    rule = RULES.get(e.primitive.name)
    new = rule(b, e) if rule is not None else None
    if new is None and e.primitive.kind is Kind.MOVEMENT and e.primitive.name != "pad":
        return _move_constant(b, e)
    return new


def _is(b: Rewriter, value: Value, number: float) -> bool:
    """Return whether a value is a constant, of exactly this number and sign."""
    found = b.constant(value)
    if found is None or found != number:
        return False
    return math.copysign(1.0, found) == math.copysign(1.0, number) or not _floating(value)


def _floating(value: Value) -> bool:
    return value.dtype.is_floating_point


def _add(b: Rewriter, e: Equation) -> Value | None:
    x, y = e.inputs
    nothing = -0.0 if _floating(x) else 0  # -0.0 + 0.0 is 0.0, so only -0.0 changes nothing
    if _is(b, y, nothing):
        return x
    if _is(b, x, nothing):
        return y
    if (minus := b.definition(y, "neg")) is not None:
        return b.op("sub", x, minus.inputs[0])
    if (minus := b.definition(x, "neg")) is not None:
        return b.op("sub", y, minus.inputs[0])
    if x is y and _floating(x):
        return b.op("mul", x, full(b, x, 2.0))
    return None


def _sub(b: Rewriter, e: Equation) -> Value | None:
    x, y = e.inputs
    if _is(b, y, 0.0):
        return x
    minus = b.definition(y, "neg")
    return b.op("add", x, minus.inputs[0]) if minus is not None else None


def _mul(b: Rewriter, e: Equation) -> Value | None:
    x, y = e.inputs
    for one, other in ((x, y), (y, x)):
        if _is(b, one, 1):
            return other
        if _is(b, one, -1):
            return b.op("neg", other)
    left, right = b.definition(x, "neg"), b.definition(y, "neg")
    if left is not None and right is not None:
        return b.op("mul", left.inputs[0], right.inputs[0])
    return None


def _div(b: Rewriter, e: Equation) -> Value | None:
    """Division by a power of two is the multiplication by its reciprocal, exactly."""
    x, y = e.inputs
    if _is(b, y, 1):
        return x
    number = b.constant(y)
    if number and math.isfinite(number) and math.frexp(number)[0] in (0.5, -0.5):
        if 2.0**-100 < abs(number) < 2.0**100:
            return b.op("mul", x, full(b, y, 1.0 / number))
    if _is(b, x, 1):
        return b.op("reciprocal", y)
    return None


def _pow(b: Rewriter, e: Equation) -> Value | None:
    """Small whole powers are products."""
    x, y = e.inputs
    match b.constant(y):
        case 1:
            return x
        case 2:
            return b.op("mul", x, x)
        case 3:
            return b.op("mul", b.op("mul", x, x), x)
        case -1 if _floating(x):
            return b.op("reciprocal", x)
        case _:
            return None


def _twice(name: str) -> Callable[[Rewriter, Equation], Value | None]:
    """Return the rule of an operation that is its own inverse."""

    def rule(b: Rewriter, e: Equation) -> Value | None:
        inner = b.definition(e.inputs[0], name)
        return inner.inputs[0] if inner is not None else None

    return rule


def _where(b: Rewriter, e: Equation) -> Value | None:
    condition, x, y = e.inputs
    if x is y:
        return x
    chosen = b.constant(condition)
    return None if chosen is None else (x if chosen else y)


def _cast(b: Rewriter, e: Equation) -> Value | None:
    x, dtype = e.inputs[0], e.params["dtype"]
    if x.dtype is dtype:
        return x
    inner = b.definition(x, "cast")
    if inner is None:
        return None
    source = inner.inputs[0]
    return b.cast(source, dtype) if x.dtype in EXACT.get(source.dtype, ()) else None


def _reshape(b: Rewriter, e: Equation) -> Value | None:
    (x,), shape = e.inputs, e.outputs[0].shape
    fewer = x.shape == shape or b.definition(x, "reshape") is not None
    return _reshaped(b, x, shape) if fewer else None


def _reshaped(b: Rewriter, x: Value, shape: tuple[int, ...]) -> Value:
    """Return `x` reshaped, past a reshape that it comes from."""
    inner = b.definition(x, "reshape")
    return b.reshape(x if inner is None else inner.inputs[0], shape)


def _permute(b: Rewriter, e: Equation) -> Value | None:
    (x,) = e.inputs
    axes: tuple[int, ...] = e.params["axes"]
    if axes == tuple(range(len(axes))):
        return x
    moved = [a for a in axes if x.shape[a] != 1]
    if moved == sorted(moved):  # only axes of size 1 change place
        return _reshaped(b, x, e.outputs[0].shape)
    inner = b.definition(x, "permute")
    if inner is None:
        return None
    both: tuple[int, ...] = tuple(inner.params["axes"][a] for a in axes)
    (source,) = inner.inputs
    return source if both == tuple(range(len(both))) else b.op("permute", source, axes=both)


def _broadcast(b: Rewriter, e: Equation) -> Value | None:
    (x,), shape = e.inputs, e.outputs[0].shape
    if x.shape == shape:
        return x
    inner = b.definition(x, "broadcast")
    return b.broadcast(inner.inputs[0], shape) if inner is not None else None


def _slice(b: Rewriter, e: Equation) -> Value | None:
    return e.inputs[0] if e.inputs[0].shape == e.outputs[0].shape else None


def _pad(b: Rewriter, e: Equation) -> Value | None:
    return e.inputs[0] if e.inputs[0].shape == e.outputs[0].shape else None


def _flip(b: Rewriter, e: Equation) -> Value | None:
    (x,) = e.inputs
    axes: tuple[int, ...] = e.params["axes"]
    return x if all(x.shape[a] == 1 for a in axes) else None


def _concatenate(b: Rewriter, e: Equation) -> Value | None:
    axis: int = e.params["axis"]
    used = tuple(v for v in e.inputs if v.shape[axis])
    if len(used) == 1:
        return used[0]
    return b.op("concatenate", *used, axis=axis) if 1 < len(used) < len(e.inputs) else None


def _fold(b: Rewriter, e: Equation) -> Value | None:
    """A reduction over axes of size 1 is its operand."""
    (x,), out = e.inputs, e.outputs[0]
    axes: tuple[int, ...] = e.params["axes"]
    if x.type.size == 0 or any(x.shape[a] != 1 for a in axes):
        return None
    return _reshaped(b, x, out.shape)


def _alike(b: Rewriter, e: Equation) -> Value | None:
    return e.inputs[0]


def _cotangent(b: Rewriter, e: Equation) -> Value | None:
    """What rounds cotangents is done with; an adjoint is that of what was not rounded yet."""
    (x,) = e.inputs
    x.adjoint_of = e.outputs[0].adjoint_of or x.adjoint_of
    return x


def _round(b: Rewriter, e: Equation) -> Value | None:
    """Rounding twice is rounding once; what is moved is rounded where it lay before."""
    (x,), moves = e.inputs, list[Equation]()
    if x.adjoint_of is not None:
        x.adjoint_of = b.current(x.adjoint_of)
    while (found := _moved(b, x)) is not None:
        moves.append(found)
        x = found.inputs[0]
    known = b.definition(x, e.primitive.name) is not None
    if not moves:
        return x if known else None
    x = x if known else b.op(e.primitive.name, x)
    for move in reversed(moves):
        x = b.apply(move.primitive, (x,), dict(move.params))
    return x


def _moved(b: Rewriter, x: Value) -> Equation | None:
    """Return the movement that a value comes from, if it leaves nothing away."""
    found = (b.definition(x, name) for name in ("permute", "reshape", "broadcast", "flip"))
    return next((e for e in found if e is not None), None)


def _move_constant(b: Rewriter, e: Equation) -> Value | None:
    """A constant moved about is a constant."""
    numbers = [b.constant(v) for v in e.inputs]
    first = numbers[0] if numbers else None
    if first is None or any(n is None or repr(n) != repr(first) for n in numbers):
        return None
    return full(b, e.outputs[0], first)


RULES: dict[str, Callable[[Rewriter, Equation], Value | None]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "pow": _pow,
    "neg": _twice("neg"),
    "logical_not": _twice("logical_not"),
    "where": _where,
    "cast": _cast,
    "stop_gradient": _alike,
    **dict.fromkeys(COTANGENTS, _cotangent),
    **dict.fromkeys(ROUNDS, _round),
    "reshape": _reshape,
    "permute": _permute,
    "broadcast": _broadcast,
    "slice": _slice,
    "pad": _pad,
    "flip": _flip,
    "concatenate": _concatenate,
    **dict.fromkeys(("sum", "prod", "max", "min", "any", "all"), _fold),
}
