"""Expression text -> primitive applications."""

from __future__ import annotations

import numpy as np
import pytest

import gradc.primitives  # noqa: F401  (fills the registry)
from gradc.errors import ArgumentError
from gradc.ir.builder import ArrayBuilder, GraphBuilder
from gradc.ir.dtype import bool_, float32, int64
from gradc.ir.graph import TensorType
from gradc.symbolic.lower import apply_expression, free_names

X = np.array([0.5, 2.0, -1.5], np.float32)
Y = np.array([2.0, -1.0, 3.0], np.float32)
TYPE = TensorType((3,), float32)

VALUES = [
    ("x", X),
    ("2", np.full(3, 2, np.float32)),
    ("x + 2 * y", X + 2 * Y),
    ("2 - x / y", 2 - X / Y),
    ("1 / x", 1 / X),
    ("-x * x", -X * X),
    ("x ** 2", X * X),
    ("x ** 3", X * X * X),
    ("x ** -2", 1 / (X * X)),
    ("x ** 1", X),
    ("(x * x) ** 0.5", np.abs(X)),
    ("(x * x) ** -0.5", 1 / np.abs(X)),
    ("(x * x) ** 1.5", np.abs(X) ** 3),
    ("2 ** x", np.exp2(X)),
    ("x % 1", np.mod(X, 1)),
    ("x // 1", np.floor(X)),
    ("where(x > 0, 1, 0)", (X > 0).astype(np.float32)),
    ("where((x > 0) & (y > 0), x, y)", np.where((X > 0) & (Y > 0), X, Y)),
    ("where(x > 0 and y > 0, x, y)", np.where((X > 0) & (Y > 0), X, Y)),
    ("where((x > 0) | (y > 2), x, 0)", np.where((X > 0) | (Y > 2), X, 0)),
    ("where((x > 0) ^ (y > 2), x, 0)", np.where((X > 0) ^ (Y > 2), X, 0)),
    ("where(not (x > 0), x, 0)", np.where(X > 0, 0, X)),
    ("where(2 > 1, x, y)", X),
    ("where(True, x, y)", X),
    ("maximum(x, 1)", np.maximum(X, 1)),
    ("exp(-x * x) * sqrt(4)", np.exp(-X * X) * 2),
    ("x * (1 + 1)", X * 2),
    ("1 / 0", np.full(3, np.inf, np.float32)),
]


@pytest.mark.parametrize(("text", "expected"), VALUES, ids=[t for t, _ in VALUES])
def test_values(text, expected):
    found = apply_expression(ArrayBuilder(), text, {"x": X, "y": Y}, TYPE)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def listing(text, names=("x", "out")):
    """Return the primitives that a text becomes on a graph, constants as their values."""
    b = GraphBuilder("f")
    operands = {n: b.input(TYPE, n) for n in names}
    apply_expression(b, text, operands, TYPE)
    return [
        e.params["value"] if e.primitive.name == "full" else e.primitive.name for e in b.equations
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("out", []),
        ("1 * x", []),
        ("1 - out * out", ["mul", 1, "sub"]),
        ("exp(-x) + exp(-x)", ["neg", "exp", "add"]),
        ("(x + 2) * (x - 2)", [2, "add", "sub", "mul"]),
        ("x ** 2", ["mul"]),
        ("x ** 4", ["mul", "mul"]),
        ("x ** 9", [9, "pow"]),
        ("x ** -1", ["reciprocal"]),
        ("1 / x", ["reciprocal"]),
        ("x * (2 * 3 - 1)", [5, "mul"]),
        ("where(x > 0, 1, 0)", [0, "gt", 1, "where"]),
        ("0.5", [0.5]),
    ],
)
def test_equations(text, expected):
    assert listing(text) == expected


def test_numbers_take_the_dtype_of_the_operand_beside_them():
    b = GraphBuilder("f")
    counts = b.input(TensorType((3,), int64), "n")
    result = apply_expression(b, "n + 1", {"n": counts}, TYPE)
    assert result.dtype is int64
    assert b.typeof(apply_expression(b, "n > 1", {"n": counts}, TYPE)).dtype is bool_


def test_signed_zeros_are_different_constants():
    found = apply_expression(ArrayBuilder(), "1 / (x * 0.0) + 1 / (x * -0.0)", {"x": X}, TYPE)
    assert np.isnan(found).all()


def test_free_names():
    assert free_names("where((x == 0) & (y >= 0), 0, out * log(x))") == {"x", "y", "out"}
    assert free_names("1") == frozenset()


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("x +", "expression 'x +': not a Python expression: invalid syntax", ""),
        ("x + z", "expression 'x + z': unknown name 'z'", "the names are x"),
        (
            "foo(x)",
            "expression 'foo(x)': unknown function 'foo'",
            "an elementwise primitive, such as exp, log, tanh, where, maximum",
        ),
        (
            "sum(x)",
            "expression 'sum(x)': unknown function 'sum'",
            "an elementwise primitive, such as exp, log, tanh, where, maximum",
        ),
        (
            "x.real",
            "expression 'x.real': can't use 'x.real'",
            "operands, numbers, operators, comparisons and calls of primitives",
        ),
        (
            "0 < x < 1",
            "expression '0 < x < 1': can't use '0 < x < 1'",
            "operands, numbers, operators, comparisons and calls of primitives",
        ),
    ],
)
def test_refusals(text, message, hint):
    with pytest.raises(ArgumentError) as caught:
        apply_expression(ArrayBuilder(), text, {"x": X}, TYPE)
    assert (caught.value.message, caught.value.hint) == (message, hint)
