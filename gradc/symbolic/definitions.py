"""What each differentiable elementwise primitive is, as expression text: the input of derive.py.

What cannot come from calculus is declared here: the value of a partial derivative where there
is none (kinks, 0 / 0), and equalities that need an argument (relu: x > 0 just where out > 0).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kink:
    """The partial by `operand` is `value` where `condition` holds.

    Args:
        operand: name of the operand.
        condition: expression over the operands.
        value: expression over the operands.
    """

    operand: str
    condition: str
    value: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A primitive as an expression of simpler ones.

    Args:
        operands: names of the operands, in order.
        text: the expression, in the names that symbolic/read.py knows.
        kinks: declared values of the partials.
        facts: (expression in operands, equal expression in `out`) that algebra can't find.
        conditions: operands that are bool and have no derivative.
        combine_roots: whether sqrt(a) sqrt(b) may become sqrt(a b): true on the domain.
    """

    operands: tuple[str, ...]
    text: str
    kinks: tuple[Kink, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    conditions: tuple[str, ...] = ()
    combine_roots: bool = False


X, XY = ("x",), ("x", "y")
AT_ORIGIN = "(x == 0) & (y == 0)"

DEFINITIONS: dict[str, Definition] = {
    "neg": Definition(X, "-x"),
    "abs": Definition(X, "abs(x)"),
    "sign": Definition(X, "sign(x)"),
    "reciprocal": Definition(X, "1 / x"),
    "add": Definition(XY, "x + y"),
    "sub": Definition(XY, "x - y"),
    "mul": Definition(XY, "x * y"),
    "div": Definition(XY, "x / y"),
    "floor_divide": Definition(XY, "floor_divide(x, y)"),
    "remainder": Definition(XY, "x - y * floor_divide(x, y)"),
    "pow": Definition(
        XY,
        "x ** y",
        kinks=(Kink("x", "y == 0", "0"), Kink("y", "(x == 0) & (y >= 0)", "0")),
    ),
    "maximum": Definition(XY, "maximum(x, y)"),
    "minimum": Definition(XY, "minimum(x, y)"),
    "relu": Definition(X, "where(x <= 0, 0, x)", facts=(("x <= 0", "out <= 0"),)),
    "exp": Definition(X, "exp(x)"),
    "expm1": Definition(X, "exp(x) - 1"),
    "log": Definition(X, "log(x)"),
    "log1p": Definition(X, "log(1 + x)"),
    "sqrt": Definition(X, "sqrt(x)"),
    "rsqrt": Definition(X, "1 / sqrt(x)"),
    "sin": Definition(X, "sin(x)"),
    "cos": Definition(X, "cos(x)"),
    "tan": Definition(X, "tan(x)"),
    "asin": Definition(X, "asin(x)"),
    "acos": Definition(X, "acos(x)"),
    "atan": Definition(X, "atan(x)"),
    "sinh": Definition(X, "sinh(x)"),
    "cosh": Definition(X, "cosh(x)"),
    "tanh": Definition(X, "tanh(x)"),
    "asinh": Definition(X, "asinh(x)"),
    "acosh": Definition(X, "acosh(x)", combine_roots=True),
    "atanh": Definition(X, "atanh(x)"),
    "sigmoid": Definition(X, "1 / (1 + exp(-x))"),
    "softplus": Definition(X, "log(1 + exp(x))"),
    "erf": Definition(X, "erf(x)"),
    "erfc": Definition(X, "1 - erf(x)"),
    "atan2": Definition(
        ("y", "x"), "atan2(y, x)", kinks=(Kink("y", AT_ORIGIN, "0"), Kink("x", AT_ORIGIN, "0"))
    ),
    "floor": Definition(X, "floor(x)"),
    "ceil": Definition(X, "ceil(x)"),
    "trunc": Definition(X, "trunc(x)"),
    "round": Definition(X, "round(x)"),
    "where": Definition(("c", "a", "b"), "where(c, a, b)", conditions=("c",)),
}
