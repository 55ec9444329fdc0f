"""The partial derivatives of the elementwise primitives."""

from __future__ import annotations

from gradc.ir.derivative import Partials

PARTIALS: dict[str, Partials] = {
    "neg": Partials(("x",), ("-1",)),
    "abs": Partials(("x",), ("sign(x)",)),
    "sign": Partials(("x",), (None,)),
    "reciprocal": Partials(("x",), ("-out * out",)),
    "add": Partials(("x", "y"), ("1", "1")),
    "sub": Partials(("x", "y"), ("1", "-1")),
    "mul": Partials(("x", "y"), ("y", "x")),
    "div": Partials(("x", "y"), ("1 / y", "-out / y")),
    "floor_divide": Partials(("x", "y"), (None, None)),
    "remainder": Partials(("x", "y"), ("1", "-floor_divide(x, y)")),
    "pow": Partials(
        ("x", "y"),
        ("where(y == 0, 0, y * pow(x, y - 1))", "where((x == 0) & (y >= 0), 0, out * log(x))"),
    ),
    "maximum": Partials(
        ("x", "y"),
        ("where(x == y, 0.5, where(x < y, 0, 1))", "where(x == y, 0.5, where(y < x, 0, 1))"),
    ),
    "minimum": Partials(
        ("x", "y"),
        ("where(x == y, 0.5, where(x > y, 0, 1))", "where(x == y, 0.5, where(y > x, 0, 1))"),
    ),
    "relu": Partials(("x",), ("where(out > 0, 1, 0)",)),
    "exp": Partials(("x",), ("out",)),
    "expm1": Partials(("x",), ("out + 1",)),
    "log": Partials(("x",), ("1 / x",)),
    "log1p": Partials(("x",), ("1 / (x + 1)",)),
    "sqrt": Partials(("x",), ("0.5 / out",)),
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
    "acosh": Partials(("x",), ("rsqrt(x * x - 1)",)),
    "atanh": Partials(("x",), ("1 / (1 - x * x)",)),
    "sigmoid": Partials(("x",), ("out * (1 - out)",)),
    "softplus": Partials(("x",), ("sigmoid(x)",)),
    "erf": Partials(("x",), ("1.1283791670955126 * exp(-x * x)",)),
    "erfc": Partials(("x",), ("-1.1283791670955126 * exp(-x * x)",)),
    "atan2": Partials(
        ("y", "x"),
        (
            "where((x == 0) & (y == 0), 0, x / (x * x + y * y))",
            "where((x == 0) & (y == 0), 0, -y / (x * x + y * y))",
        ),
    ),
    "floor": Partials(("x",), (None,)),
    "ceil": Partials(("x",), (None,)),
    "trunc": Partials(("x",), (None,)),
    "round": Partials(("x",), (None,)),
    "where": Partials(("c", "a", "b"), (None, "where(c, 1, 0)", "where(c, 0, 1)")),
}
