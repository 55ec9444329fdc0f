"""The partial derivatives of the elementwise primitives, derived by SymPy.

Written by `python -m gradc.symbolic.derive` from definitions.py, which is to be edited.
`out` is the result; None is a derivative that is zero wherever there is one.
"""

from __future__ import annotations

from gradc.ir.derivative import Partials

PARTIALS: dict[str, Partials] = {
    # neg(x) = -x
    "neg": Partials(("x",), ("-1",)),
    "abs": Partials(("x",), ("sign(x)",)),
    "sign": Partials(("x",), (None,)),
    # reciprocal(x) = 1 / x
    "reciprocal": Partials(("x",), ("-out * out",)),
    # add(x, y) = x + y
    "add": Partials(("x", "y"), ("1", "1")),
    # sub(x, y) = x - y
    "sub": Partials(("x", "y"), ("1", "-1")),
    # mul(x, y) = x * y
    "mul": Partials(("x", "y"), ("y", "x")),
    # div(x, y) = x / y
    "div": Partials(("x", "y"), ("1 / y", "-out / y")),
    "floor_divide": Partials(("x", "y"), (None, None)),
    # remainder(x, y) = x - y * floor_divide(x, y)
    "remainder": Partials(("x", "y"), ("1", "-floor_divide(x, y)")),
    # pow(x, y) = x ** y
    "pow": Partials(
        ("x", "y"),
        (
            "where(y == 0, 0, y * x ** (y - 1))",
            "where((x == 0) & (y >= 0), 0, out * log(x))",
        ),
    ),
    "maximum": Partials(
        ("x", "y"),
        (
            "where(x == y, 0.5, where(x < y, 0, 1))",
            "where(y == x, 0.5, where(y < x, 0, 1))",
        ),
    ),
    "minimum": Partials(
        ("x", "y"),
        (
            "where(y == x, 0.5, where(y < x, 0, 1))",
            "where(x == y, 0.5, where(x < y, 0, 1))",
        ),
    ),
    # relu(x) = where(x <= 0, 0, x)
    "relu": Partials(("x",), ("where(out <= 0, 0, 1)",)),
    "exp": Partials(("x",), ("out",)),
    # expm1(x) = exp(x) - 1
    "expm1": Partials(("x",), ("out + 1",)),
    "log": Partials(("x",), ("1 / x",)),
    # log1p(x) = log(1 + x)
    "log1p": Partials(("x",), ("1 / (x + 1)",)),
    "sqrt": Partials(("x",), ("0.5 / out",)),
    # rsqrt(x) = 1 / sqrt(x)
    "rsqrt": Partials(("x",), ("-0.5 * out * out * out",)),
    "sin": Partials(("x",), ("cos(x)",)),
    "cos": Partials(("x",), ("-sin(x)",)),
    "tan": Partials(("x",), ("out * out + 1",)),
    "asin": Partials(("x",), ("rsqrt(1 - x * x)",)),
    "acos": Partials(("x",), ("-rsqrt(1 - x * x)",)),
    "atan": Partials(("x",), ("1 / (x * x + 1)",)),
    "sinh": Partials(("x",), ("cosh(x)",)),
    "cosh": Partials(("x",), ("sinh(x)",)),
    "tanh": Partials(("x",), ("1 - out * out",)),
    "asinh": Partials(("x",), ("rsqrt(x * x + 1)",)),
    "acosh": Partials(("x",), ("rsqrt((x + 1) * (x - 1))",)),
    "atanh": Partials(("x",), ("1 / (1 - x * x)",)),
    # sigmoid(x) = 1 / (1 + exp(-x))
    "sigmoid": Partials(("x",), ("out * (1 - out)",)),
    # softplus(x) = log(1 + exp(x))
    "softplus": Partials(("x",), ("sigmoid(x)",)),
    "erf": Partials(("x",), ("1.1283791670955126 * exp(-x * x)",)),
    # erfc(x) = 1 - erf(x)
    "erfc": Partials(("x",), ("-1.1283791670955126 * exp(-x * x)",)),
    "atan2": Partials(
        ("y", "x"),
        (
            "where((x == 0) & (y == 0), 0, x / (y * y + x * x))",
            "where((x == 0) & (y == 0), 0, -y / (y * y + x * x))",
        ),
    ),
    "floor": Partials(("x",), (None,)),
    "ceil": Partials(("x",), (None,)),
    "trunc": Partials(("x",), (None,)),
    "round": Partials(("x",), (None,)),
    "where": Partials(("c", "a", "b"), (None, "where(c, 1, 0)", "where(c, 0, 1)")),
}
