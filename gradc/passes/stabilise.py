"""Formulas that overflow or cancel -> equal ones that don't: log(1 + e^x) becomes softplus(x)."""

from __future__ import annotations

from collections.abc import Callable

from gradc.ir.graph import Equation, Graph, Value
from gradc.passes.rewrite import Rewriter, rewrite


def stabilise(graph: Graph) -> Graph:
    """Return `graph` with formulas that are equal in maths and better in floating point."""
    return rewrite(graph, _stabilise)


def _stabilise(b: Rewriter, e: Equation) -> Value | None:
    rule = RULES.get(e.primitive.name)
    return rule(b, e) if rule is not None and e.outputs[0].dtype.is_floating_point else None


def _log(b: Rewriter, e: Equation) -> Value | None:
    (x,) = e.inputs
    if (inner := b.definition(x, "exp")) is not None:
        return inner.inputs[0]
    if (inner := b.definition(x, "sigmoid")) is not None:
        return b.op("neg", b.op("softplus", b.op("neg", inner.inputs[0])))
    if (inner := b.definition(x, "broadcast")) is not None:
        return b.broadcast(b.op("log", inner.inputs[0]), x.shape)
    if (inner := b.definition(x, "div")) is not None:
        return _log_of_share(b, inner)
    rest = _one_plus(b, x)
    if rest is None:
        return None
    return _softplus(b, rest) or b.op("log1p", rest)


def _log_of_share(b: Rewriter, quotient: Equation) -> Value | None:
    """log(e^u / s) = u - log(s): the logarithm of a softmax."""
    top, bottom = quotient.inputs
    inner = b.definition(top, "exp")
    if inner is None:
        return None
    spread = b.definition(bottom, "broadcast")
    if spread is None:
        return b.op("sub", inner.inputs[0], b.op("log", bottom))
    log = b.broadcast(b.op("log", spread.inputs[0]), bottom.shape)
    return b.op("sub", inner.inputs[0], log)


def _one_plus(b: Rewriter, x: Value) -> Value | None:
    """Return u where x is 1 + u."""
    total = b.definition(x, "add")
    if total is None:
        return None
    left, right = total.inputs
    if b.constant(left) == 1:
        return right
    return left if b.constant(right) == 1 else None


def _softplus(b: Rewriter, x: Value) -> Value | None:
    """log(1 + e^u) = softplus(u)."""
    inner = b.definition(x, "exp")
    return b.op("softplus", inner.inputs[0]) if inner is not None else None


def _log1p(b: Rewriter, e: Equation) -> Value | None:
    return _softplus(b, e.inputs[0])


def _add(b: Rewriter, e: Equation) -> Value | None:
    """e^u + -1 = expm1(u)."""
    x, y = e.inputs
    for power, number in ((x, y), (y, x)):
        inner = b.definition(power, "exp")
        if inner is not None and b.constant(number) == -1:
            return b.op("expm1", inner.inputs[0])
    return None


def _sub(b: Rewriter, e: Equation) -> Value | None:
    """e^u - 1 = expm1(u);  1 - erf(u) = erfc(u)."""
    x, y = e.inputs
    if (inner := b.definition(x, "exp")) is not None and b.constant(y) == 1:
        return b.op("expm1", inner.inputs[0])
    if (inner := b.definition(y, "erf")) is not None and b.constant(x) == 1:
        return b.op("erfc", inner.inputs[0])
    return None


def _reciprocal(b: Rewriter, e: Equation) -> Value | None:
    return _one_over(b, e.inputs[0])


def _div(b: Rewriter, e: Equation) -> Value | None:
    """e^u / (1 + e^u) = sigmoid(u)."""
    x, y = e.inputs
    if b.constant(x) == 1:
        return _one_over(b, y)
    power = b.definition(x, "exp")
    if power is None or _one_plus(b, y) is not x:
        return None
    return b.op("sigmoid", power.inputs[0])


def _mul(b: Rewriter, e: Equation) -> Value | None:
    """Turn c / (1 + e^u) * e^u, from the derivative of log(1 + e^u), into c * sigmoid(u)."""
    for share, x in (e.inputs, e.inputs[::-1]):
        power = b.definition(x, "exp")
        if power is None:
            continue
        (u,) = power.inputs
        if _is_rest(b, share, u):
            return b.op("sigmoid", u)
        quotient = b.definition(share, "div")
        if quotient is not None and _one_plus(b, quotient.inputs[1]) is x:
            return b.op("mul", quotient.inputs[0], b.op("sigmoid", u))
        product = b.definition(share, "mul")
        for rest, c in (product.inputs, product.inputs[::-1]) if product is not None else ():
            if _is_rest(b, rest, u):
                return b.op("mul", c, b.op("sigmoid", u))
    return None


def _is_rest(b: Rewriter, x: Value, u: Value) -> bool:
    """Return whether x is sigmoid(-u), which 1 / (1 + e^u) has become."""
    inner = b.definition(x, "sigmoid")
    if inner is None:
        return False
    (v,) = inner.inputs
    minus_u, minus_v = b.definition(u, "neg"), b.definition(v, "neg")
    return (minus_u is not None and minus_u.inputs[0] is v) or (
        minus_v is not None and minus_v.inputs[0] is u
    )


def _one_over(b: Rewriter, x: Value) -> Value | None:
    """1 / sqrt(u) = rsqrt(u);  1 / (1 + e^u) = sigmoid(-u)."""
    if (root := b.definition(x, "sqrt")) is not None:
        return b.op("rsqrt", root.inputs[0])
    rest = _one_plus(b, x)
    inner = b.definition(rest, "exp") if rest is not None else None
    if inner is None:
        return None
    (u,) = inner.inputs
    minus = b.definition(u, "neg")
    return b.op("sigmoid", minus.inputs[0] if minus is not None else b.op("neg", u))


RULES: dict[str, Callable[[Rewriter, Equation], Value | None]] = {
    "log": _log,
    "log1p": _log1p,
    "add": _add,
    "sub": _sub,
    "reciprocal": _reciprocal,
    "div": _div,
    "mul": _mul,
}
