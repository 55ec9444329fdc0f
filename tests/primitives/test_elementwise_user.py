"""Elementwise primitives that a user defines by an expression."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp

import gradc.primitives  # noqa: F401  (fills the registry)
from gradc.autodiff.transform import jvp, vjp
from gradc.errors import ArgumentError, ArgumentTypeError, DTypeError, GradcError
from gradc.ir.builder import GraphBuilder
from gradc.ir.dtype import float64, int64
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import TensorType
from gradc.ir.primitive import lookup, registered
from gradc.primitives.user import define

X = np.array([-2.0, -0.3, 0.4, 1.7])
BETA = np.array([0.5, 1.5, 1.0, 2.0])


def graph_of(name):
    primitive = lookup(name)
    b = GraphBuilder("f")
    inputs = [b.input(TensorType(X.shape, float64), o) for o in primitive.operands]
    return b.finish((b.op(name, *inputs),))


def test_swish_from_text():
    swish = define("test_swish", "x / (1 + exp(-beta * x))")
    assert swish.operands == ("x", "beta")
    assert swish.expansion == "x * sigmoid(x * beta)"
    assert swish.expensive
    np.testing.assert_allclose(swish.meaning(X, BETA), X / (1 + np.exp(-BETA * X)), rtol=1e-15)
    extreme = swish.meaning(np.array([-800.0, 800.0]), np.array([2.0, 2.0]))
    np.testing.assert_array_equal(extreme, [-0.0, 800.0])
    assert swish.meaning(X.astype(np.float32), BETA.astype(np.float32)).dtype == np.float32


def test_swish_forward_reverse_and_second_order():
    define("test_swish", "x / (1 + exp(-beta * x))")
    graph = graph_of("test_swish")
    bar = np.array([1.0, 2.0, -1.0, 0.5])
    (_, x_bar, beta_bar), _ = evaluate(vjp(graph), [X, BETA, bar])
    ones, none = np.ones_like(X), np.zeros_like(X)
    (_, by_x), _ = evaluate(jvp(graph), [X, BETA, ones, none])
    (_, _, _, second), _ = evaluate(jvp(jvp(graph), wrt=[0]), [X, BETA, ones, none, ones])

    def swish(x, beta):
        return x / (1 + mpmath.exp(-beta * x))

    for i in range(X.size):
        point = (float(X[i]), float(BETA[i]))
        with mpmath.workdps(30):
            x1 = float(mpmath.diff(swish, point, (1, 0)))
            beta1 = float(mpmath.diff(swish, point, (0, 1)))
            x2 = float(mpmath.diff(swish, point, (2, 0)))
        assert by_x[i] == pytest.approx(x1, rel=1e-13)
        assert x_bar[i] == pytest.approx(bar[i] * x1, rel=1e-13)
        assert beta_bar[i] == pytest.approx(bar[i] * beta1, rel=1e-13)
        assert second[i] == pytest.approx(x2, rel=1e-12)


def test_a_sympy_expression_of_one_symbol():
    x = sp.Symbol("x")
    mish = define("test_mish", x * sp.tanh(sp.log(1 + sp.exp(x))))
    assert mish.expansion == "x * tanh(softplus(x))"
    np.testing.assert_allclose(mish.meaning(X), X * np.tanh(np.log1p(np.exp(X))), rtol=1e-14)


def test_a_sympy_expression_of_several_symbols_needs_their_order():
    x, a = sp.symbols("x a")
    assert define("test_scaled", a * sp.sin(x), operands=("x", "a")).operands == ("x", "a")
    with pytest.raises(ArgumentError) as caught:
        define("test_unordered", a * sp.sin(x))
    assert (
        caught.value.message
        == "elementwise: test_unordered = a*sin(x) has several symbols, in no order"
    )
    assert caught.value.hint == "operands=('a', 'x')"


def test_the_operands_may_be_in_another_order_than_in_the_text():
    power = define("test_power", "x ** n", operands=("n", "x"))
    np.testing.assert_array_equal(power.meaning(np.array([3.0]), np.array([2.0])), [8.0])


def test_a_user_primitive_may_use_another():
    define("test_swish", "x / (1 + exp(-beta * x))")
    double = define("test_double_swish", "2 * test_swish(x, 1)")
    np.testing.assert_allclose(double.meaning(X), 2 * X / (1 + np.exp(-X)), rtol=1e-15)
    (_, bar), _ = evaluate(vjp(graph_of("test_double_swish")), [X, np.ones_like(X)])
    s = 1 / (1 + np.exp(-X))
    np.testing.assert_allclose(bar, 2 * (s + X * s * (1 - s)), rtol=1e-13)


def test_steps_and_powers_have_the_declared_derivatives():
    x = sp.Symbol("x")
    stair = define("test_stair", sp.floor(x) + x)
    assert stair.derivative.expressions == ("1",)
    assert define("test_soft_power", "x ** y").derivative.expressions == (
        "where(y == 0, 0, y * x ** (y - 1))",
        "where((x == 0) & (y >= 0), 0, out * log(x))",
    )


def test_functions_that_sympy_has_and_we_write_as_quotients():
    x = sp.Symbol("x")
    assert define("test_sec", sp.sec(x)).expansion == "1 / cos(x)"


def test_defining_the_same_again_returns_it():
    first = define("test_again", "x * x")
    assert define("test_again", "x ** 2") is first


def test_typing_is_that_of_floating_elementwise_primitives():
    square = define("test_again", "x * x")
    with pytest.raises(DTypeError) as caught:
        square.typing(TensorType((2,), int64))
    assert caught.value.message == "test_again: takes floating point, got int64[2]"


X_SYMBOL = sp.Symbol("x")
PRIMITIVES = "write it with primitives: exp, log, tanh, erf, Piecewise, Max ..."
REFUSED = [
    ("exp", "x * x", None, "elementwise: a primitive called 'exp' exists already", "another name"),
    ("a b", "x", None, "elementwise: 'a b' can't be the name of a primitive", ""),
    ("lambda", "x", None, "elementwise: 'lambda' can't be the name of a primitive", ""),
    ("t1", "3", None, "elementwise: t1 has no operands", "gradc.full"),
    ("t1", "x", ("x", "x"), "elementwise: t1 has an operand twice: x, x", ""),
    ("t1", "x", ("x", "y"), "elementwise: t1 does not use its operand 'y'", ""),
    (
        "t1",
        "x + y",
        ("x",),
        "elementwise: t1 uses 'y', which is not among its operands x",
        "",
    ),
    ("t1", "out + 1", None, "elementwise: t1: 'out' can't be the name of an operand", ""),
    (
        "t1",
        "gamma(x)",
        None,
        "expression 'gamma(x)': unknown function 'gamma'",
        "an elementwise primitive, such as exp, log, tanh, where, maximum",
    ),
    (
        "t1",
        "cast(x)",
        None,
        "expression 'cast(x)': unknown function 'cast'",
        "an elementwise primitive, such as exp, log, tanh, where, maximum",
    ),
    ("t1", "exp(x, y)", None, "expression 'exp(x, y)': exp takes x, got 2 operands", ""),
    (
        "t1",
        "x > 0",
        None,
        "elementwise: t1: 'x > 0' is bool, not a number",
        "where(condition, 1, 0)",
    ),
    (
        "t1",
        sp.gamma(X_SYMBOL),
        None,
        "expression: no primitive for SymPy's 'gamma' in gamma(x)",
        PRIMITIVES,
    ),
    (
        "t1",
        sp.Function("f")(X_SYMBOL),
        None,
        "expression: no primitive for SymPy's 'f' in f(x)",
        PRIMITIVES,
    ),
    (
        "t1",
        sp.Integral(sp.sin(X_SYMBOL), X_SYMBOL),
        None,
        "expression: no primitive for SymPy's 'Integral' in Integral(sin(x), (x, x))",
        PRIMITIVES,
    ),
    (
        "t1",
        sp.Piecewise((X_SYMBOL, X_SYMBOL > 0)),
        None,
        "expression: Piecewise((x, x > 0)) has no value where none of its conditions hold",
        "end Piecewise with (value, True)",
    ),
    ("t1", sp.I * X_SYMBOL, None, "expression: I is not a finite real number", ""),
]


@pytest.mark.parametrize(("name", "expression", "operands", "message", "hint"), REFUSED)
def test_refusals(name, expression, operands, message, hint):
    before = registered()
    with pytest.raises(GradcError) as caught:
        define(name, expression, operands)
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert registered() == before


@pytest.mark.parametrize(
    ("expression", "operands", "message"),
    [
        (3, None, "elementwise: t1 must be text or a SymPy expression, got int"),
        ("x", "x", "elementwise: t1: operands must be a tuple of names, got 'x'"),
    ],
)
def test_wrong_types(expression, operands, message):
    with pytest.raises(ArgumentTypeError) as caught:
        define("t1", expression, operands)
    assert caught.value.message == message
