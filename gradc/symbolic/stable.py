"""SymPy expression -> the same with numerically stable functions: log(1 + e^u) -> softplus(u)."""

from __future__ import annotations

from typing import Any

from gradc.symbolic.algebra import sp
from gradc.symbolic.read import function


def stabilise(expression: Any) -> Any:
    """Return an equal expression whose sums of 1 and e^u can't cancel or overflow.

    log(1 + e^u) -> softplus(u);  1 / (1 + e^u) -> sigmoid(-u);  e^u / (1 + e^u) -> sigmoid(u);
    log(1 + u) -> log1p(u);  e^u - 1 -> expm1(u);  1 - erf(u) -> erfc(u).
    """
    if not expression.args:
        return expression
    arguments = [stabilise(a) for a in expression.args]
    node = expression if arguments == list(expression.args) else expression.func(*arguments)
    if isinstance(node, sp.log):
        return _logarithm(node)
    if node.is_Pow:
        return _power(node)
    if node.is_Mul:
        return _product(node)
    if node.is_Add:
        return _sum(node)
    return node


def _one_plus(expression: Any) -> Any:
    """Return u where the expression is 1 + u, otherwise None."""
    if not expression.is_Add:
        return None
    number, rest = expression.as_coeff_Add()
    return rest if number == 1 else None


def _logarithm(node: Any) -> Any:
    """Turn log(1 + e^u) into softplus(u), and log(1 + u) into log1p(u)."""
    u = _one_plus(node.args[0])
    if u is None:
        return node
    if isinstance(u, sp.exp):
        return function("softplus")(u.args[0])
    return function("log1p")(u)


def _power(node: Any) -> Any:
    """Turn (1 + e^u)^-n into sigmoid(-u)^n."""
    u = _one_plus(node.base)
    if isinstance(u, sp.exp) and node.exp.is_Integer and node.exp.is_negative:
        return function("sigmoid")(-u.args[0]) ** -node.exp
    return node


def _product(node: Any) -> Any:
    """Turn e^u sigmoid(-u) into sigmoid(u)."""
    sigmoid = function("sigmoid")
    factors = list(node.args)
    for e in [f for f in factors if isinstance(f, sp.exp)]:
        u = e.args[0]
        for i, f in enumerate(factors):
            base, power = f.as_base_exp()
            if isinstance(base, sigmoid) and base.args[0] == -u and power.is_positive:
                factors[i] = base ** (power - 1) * sigmoid(u)
                factors.remove(e)
                return _product(sp.Mul(*factors))
    return node


def _sum(node: Any) -> Any:
    """Turn c e^u - c into c expm1(u), and c - c erf(u) into c erfc(u)."""
    number, rest = node.as_coeff_Add()
    if number == 0:
        return node
    for term in sp.Add.make_args(rest):
        factor, body = term.as_coeff_Mul()
        if factor != -number:
            continue
        if isinstance(body, sp.exp):
            return rest - term + factor * function("expm1")(body.args[0])
        if isinstance(body, sp.erf):
            return rest - term + number * sp.erfc(body.args[0])
    return node
