"""Partial derivatives: the checked-in table is what SymPy gives, and accurate."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import sympy as sp

import gradc.primitives  # noqa: F401  (fills the registry)
from gradc.autodiff.transform import jvp
from gradc.errors import GradientError
from gradc.ir.builder import ArrayBuilder, GraphBuilder
from gradc.ir.dtype import float64
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import TensorType
from gradc.ir.primitive import lookup
from gradc.symbolic.definitions import DEFINITIONS, Definition
from gradc.symbolic.derive import TABLE, cost, derive, partials, table
from gradc.symbolic.derived import PARTIALS
from gradc.symbolic.lower import apply_expression
from gradc.symbolic.read import read, symbols
from gradc.symbolic.stable import stabilise
from gradc.symbolic.write import write

ANALYTIC = [
    name
    for name, d in DEFINITIONS.items()
    if not d.conditions
    and not any(f in d.text for f in ("floor", "ceil", "trunc", "round", "sign", "mum"))
]


def test_table_is_up_to_date():
    assert TABLE.read_text() == table(), "run: python -m gradc.symbolic.derive"


def test_every_definition_has_a_primitive_with_these_partials():
    for name, definition in DEFINITIONS.items():
        assert lookup(name).derivative is PARTIALS[name]
        assert lookup(name).operands == definition.operands == PARTIALS[name].operands


def smooth_samples(name):
    return [s for s in lookup(name).samples() if s.smooth and s.arrays[0].dtype.kind == "f"]


@pytest.mark.parametrize("name", ANALYTIC)
def test_meaning_and_partials_agree_with_the_definition_to_thirty_digits(name):
    """The definition, evaluated by SymPy with 30 digits, is the oracle of both."""
    definition = DEFINITIONS[name]
    variables = symbols(definition.operands)
    expression = read(definition.text, variables)
    sample = smooth_samples(name)[0]
    out = lookup(name).meaning(*sample.arrays)
    operands = dict(zip(definition.operands, sample.arrays, strict=True))
    for operand, text in zip(definition.operands, PARTIALS[name].expressions, strict=True):
        b = ArrayBuilder()
        found = apply_expression(b, text, operands | {"out": out}, b.typeof(out))
        slope = sp.diff(expression, variables[operand])
        for i in range(0, out.size, 4):
            at = {variables[n]: sp.Float(float(a.flat[i]), 40) for n, a in operands.items()}
            assert out.flat[i] == pytest.approx(float(expression.evalf(30, subs=at)), rel=2e-15)
            exact = float(slope.evalf(30, subs=at))
            assert found.flat[i] == pytest.approx(exact, rel=3e-14, abs=1e-300)


@pytest.mark.parametrize("name", ANALYTIC)
def test_second_derivative(name):
    """Forward mode twice: partials are themselves made of differentiable primitives."""
    definition = DEFINITIONS[name]
    variables = symbols(definition.operands)
    direction = dict.fromkeys(definition.operands, 1)
    expression = read(definition.text, variables)
    first = sum(sp.diff(expression, variables[o]) * direction[o] for o in direction)
    second = sum(sp.diff(first, variables[o]) * direction[o] for o in direction)
    arrays = [a[0] for a in smooth_samples(name)[0].arrays]
    b = GraphBuilder(name)
    inputs = [b.input(TensorType(arrays[0].shape, float64), o) for o in definition.operands]
    graph = b.finish((b.op(name, *inputs),))
    count = len(arrays)
    twice = jvp(jvp(graph), wrt=range(count))
    ones = [np.ones_like(a) for a in arrays]
    (_, _, _, found), _ = evaluate(twice, [*arrays, *ones, *ones])
    for i in range(0, arrays[0].size, 2):
        at = {
            variables[n]: sp.Float(float(a[i]), 40) for n, a in zip(direction, arrays, strict=True)
        }
        exact = float(sp.sympify(second).evalf(30, subs=at))
        assert found[i] == pytest.approx(exact, rel=1e-12, abs=1e-13)


DERIVED = [
    ("1 / (1 + exp(-x))", "out * (1 - out)"),
    ("x * exp(y)", "exp(y)"),
    ("x / (1 - x)", "1 / (x - 1) ** 2"),
    ("log(x / (1 - x))", "1 / (x * (1 - x))"),
    ("where(abs(x) < 1, x * x / 2, abs(x) - 0.5)", "where(abs(x) < 1, x, sign(x))"),
    ("floor(x) * x", "floor(x)"),
    ("2 ** x", "0.6931471805599453 * out"),
    ("x ** 2.5", "2.5 * x ** 1.5"),
    ("abs(x)", "sign(x)"),
]


@pytest.mark.parametrize(("text", "expected"), DERIVED)
def test_partial_by_x(text, expected):
    names = ("x", "y") if "y" in text else ("x",)
    assert derive(Definition(names, text)).expressions[0] == expected


def test_out_is_not_divided_by_an_operand():
    """20 * out / y would be cheaper than 20 * x * y ** 19, and 0 / 0 at y = 0."""
    facts = derive(Definition(("x", "y"), "x * y ** 20"))
    assert facts.expressions == ("y ** 20", "20 * x * y ** 19")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("log(1 + exp(x))", "softplus(x)"),
        ("log(exp(-2 * x) + 1)", "softplus(-2 * x)"),
        ("log(1 + x)", "log1p(x)"),
        ("log(x + y)", "log(x + y)"),
        ("1 / (1 + exp(-x))", "sigmoid(x)"),
        ("x / (1 + exp(x)) ** 2", "x * sigmoid(-x) ** 2"),
        ("exp(x) / (1 + exp(x))", "sigmoid(x)"),
        ("exp(x) / (1 + exp(x)) ** 2", "sigmoid(-x) * sigmoid(x)"),
        ("exp(x) - 1", "expm1(x)"),
        ("3 - 3 * exp(x)", "-3 * expm1(x)"),
        ("2 * exp(x) - 1", "2 * exp(x) - 1"),
        ("1 - erf(x)", "erfc(x)"),
        ("1 + erf(x)", "erf(x) + 1"),
        ("sin(log(1 + exp(x)))", "sin(softplus(x))"),
    ],
)
def test_stable_forms(text, expected):
    assert write(stabilise(read(text)), ("x", "y")) == expected


@pytest.mark.parametrize(
    "text",
    [
        "x - (y - 1)",
        "-(x + y)",
        "-x * y / (x + 2)",
        "x / 3",
        "2 * x / 3",
        "x / (y * (1 - x))",
        "(x + y) ** 2 * x ** 7",
        "(-x) ** 3",
        "x ** -0.5 + y ** 0.5",
        "x ** (1 - y)",
        "where((x > 0) & (y > 1), x, where(x <= y, y, -1))",
        "where((x != 1) | (not (y < 1)), x, y)",
        "maximum(x, minimum(y, 1))",
        "remainder(x, 2) + floor_divide(x, y)",
        "1e-3 * x + 1234.5",
        "-(2 * x) ** 2 - -y",
    ],
)
def test_writing_what_was_read_keeps_the_value(text):
    b = ArrayBuilder()
    x = np.array([0.3, 0.7, 1.9])
    names = {"x": x, "y": np.array([0.4, 1.1, 0.6])}
    like = b.typeof(x)
    again = write(read(text), ("x", "y"))
    expected = apply_expression(b, text, names, like)
    np.testing.assert_allclose(apply_expression(b, again, names, like), expected, rtol=1e-14)


def test_cost_counts_equal_subexpressions_once():
    assert cost("exp(x) + exp(x)") == cost("exp(x)") + 1
    assert cost("out * (1 - out)") < cost("sigmoid(x) * (1 - sigmoid(x))")


def test_no_derivative_is_an_error():
    x = sp.Symbol("x", real=True)
    with pytest.raises(GradientError) as caught:
        partials(sp.Function("f")(x), Definition(("x",), "f(x)"))
    assert caught.value.message == "elementwise: f(x) has no derivative by x"


def test_importing_the_primitives_imports_no_sympy():
    code = "import sys, gradc.primitives; print('sympy' in sys.modules, 'scipy' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["False", "False"]
