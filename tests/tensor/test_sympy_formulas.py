"""SymPy expressions as functions of tensors, and functions of tensors as SymPy expressions."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import gradc
from gradc.autograd import gradcheck
from gradc.errors import ArgumentError, ArgumentTypeError, TraceError, UnsupportedError
from gradc.tensor.formula import from_sympy
from gradc.tensor.symbols import to_sympy

X, Y, A = sp.symbols("x y a", real=True)
POINTS = np.array([[-1.7, 0.6], [0.4, 2.5], [1.3, -0.8]])

EXPRESSIONS = [
    X * sp.exp(-A * X) + sp.sin(Y) / 3,
    sp.log(1 + sp.exp(X)) * Y**3,
    sp.Piecewise((X, X > Y), (Y * A, True)),
    sp.Max(X, Y, 0) + sp.Min(X, A) - sp.Abs(X - Y),
    sp.sqrt(X**2 + Y**2) * sp.atan2(X, Y),
    sp.floor(3 * X) + sp.ceiling(Y) + sp.sign(X) + sp.Mod(X, 2),
    sp.erf(X) + sp.tanh(Y) + 1 / (1 + sp.exp(-A)),
    sp.diff(sp.exp(X * Y) / (1 + A**2), A),
    sp.pi * X + sp.E * Y,
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_a_formula_computes_what_sympy_computes(expression):
    f = from_sympy(expression, (X, Y, A))
    arguments = [*POINTS.T, np.array([0.5, 1.5, -2.0])]
    expected = [float(expression.subs(dict(zip((X, Y, A), p)))) for p in zip(*arguments)]  # noqa: B905
    got = f(*map(gradc.tensor, arguments))
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-13)


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_there_and_back(expression):
    again = to_sympy(from_sympy(expression, (X, Y, A)), X, Y, A)
    for x, y in POINTS:
        at = {X: x, Y: y, A: 1.25}
        assert float(again.subs(at)) == pytest.approx(float(expression.subs(at)), rel=1e-13)


def test_a_formula_differentiates_and_compiles(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADC_CACHE", str(tmp_path / "cache"))
    f = from_sympy(X * sp.exp(-A * X), ("x", "a"))
    x = gradc.tensor(POINTS, requires_grad=True)
    assert gradcheck(f, (x, gradc.tensor(0.3, dtype=gradc.float64, requires_grad=True)))
    compiled = gradc.compile(lambda x: f(x, 0.5))(gradc.tensor(POINTS))
    np.testing.assert_allclose(compiled.numpy(), POINTS * np.exp(-0.5 * POINTS), rtol=1e-14)


def test_formulas_are_stable_and_keep_float32():
    f = from_sympy(sp.log(1 + sp.exp(X)), X)
    assert repr(f) == "<formula (x) -> softplus(x)>"
    assert f(gradc.tensor([800.0, -800.0])).tolist() == [800.0, 0.0]
    assert f(gradc.tensor([1.0])).dtype is gradc.float32


def test_an_unused_argument_takes_part_in_broadcasting():
    assert from_sympy(2 * X, (X, Y))(gradc.ones(3, 1), gradc.ones(2)).shape == (3, 2)
    assert from_sympy(sp.Integer(1), (X,))(gradc.ones(3)).tolist() == [1.0, 1.0, 1.0]


def test_conditions():
    assert from_sympy(X > Y, (X, Y))(gradc.tensor([1.0, 3.0]), 2).tolist() == [False, True]


FUNCTIONS = [
    (lambda x: x * x + 0.5, (X,), X**2 + sp.Rational(1, 2)),
    (lambda x: gradc.sigmoid(x), (X,), 1 / (1 + sp.exp(-X))),
    (lambda x: gradc.log1p(x) + gradc.expm1(x), (X,), sp.log(X + 1) + sp.exp(X) - 1),
    (lambda x, y: gradc.maximum(x, y) % 2, (X, Y), sp.Mod(sp.Max(X, Y), 2)),
    (lambda x: gradc.where(x > 0, x, -x), (X,), sp.Piecewise((X, X > 0), (-X, True))),
    (lambda x: (x > 1).float() * x, (X,), sp.Piecewise((1, X > 1), (0, True)) * X),
    (lambda x: x.floor() + x.trunc(), (X,), sp.floor(X) + sp.sign(X) * sp.floor(sp.Abs(X))),
    (lambda x: x.long().float(), (X,), sp.sign(X) * sp.floor(sp.Abs(X))),
    (lambda x, y: x**y, (X, Y), X**Y),
    (lambda x: gradc.stack([x, x * x]).sum(), (X,), X**2 + X),
    (lambda x: gradc.tensor([1.0, 2.0]) @ gradc.stack([x, x * x]).float(), (X,), 2 * X**2 + X),
    (lambda x: 3 * gradc.ones(()), (X,), sp.Integer(3)),
]


@pytest.mark.parametrize(("function", "symbols", "expected"), FUNCTIONS)
def test_functions_as_expressions(function, symbols, expected):
    assert sp.simplify(to_sympy(function, *symbols) - expected) == 0


def test_names_and_parameters():
    def neuron(w, x, b=0.0):
        return (w * x + b).tanh()

    w, x = sp.symbols("w x", real=True)
    assert to_sympy(neuron) == sp.tanh(w * x)
    assert to_sympy(neuron, "w", "x", "b") == sp.tanh(w * x + sp.Symbol("b", real=True))
    assert to_sympy(neuron, sp.Symbol("u"), 2) == sp.tanh(2 * sp.Symbol("u"))


def test_a_module_is_a_function():
    layer = gradc.nn.Linear(2, 1, dtype=gradc.float64)
    with gradc.no_grad():
        layer.weight.copy_(gradc.tensor([[0.5, -2.0]]))
        layer.bias.fill_(1)
    x0, x1 = sp.symbols("input_0 input_1", real=True)
    x = gradc.ones(2, dtype=gradc.float64)
    assert to_sympy(layer, x) == sp.Array([x0 / 2 - 2 * x1 + 1])


def test_derivatives_by_func():
    f = gradc.func.grad(gradc.func.grad(lambda x: x * gradc.sin(x)))
    assert to_sympy(f, X) == sp.diff(X * sp.sin(X), X, 2)


def test_a_derivative_as_an_expression():
    def slope(x):
        x = x.detach().requires_grad_()
        (x * x.sin()).backward()
        return x.grad

    assert sp.simplify(to_sympy(slope, X) - sp.diff(X * sp.sin(X), X)) == 0


def test_a_user_defined_operation_is_taken_apart():
    swish = gradc.elementwise("formula_swish", "x / (1 + exp(-beta * x))")
    beta = sp.Symbol("beta", real=True)
    assert to_sympy(lambda x, beta: swish(x, beta)) == X / (1 + sp.exp(-X * beta))


def test_tensors_with_axes():
    x0, x1 = sp.symbols("x_0 x_1", real=True)
    assert to_sympy(lambda x: (x * x).sum(), gradc.ones(2)) == x0**2 + x1**2
    assert to_sympy(lambda x: x.max(), gradc.ones(2)) == sp.Max(x0, x1)
    assert to_sympy(lambda x: x.cumsum(0), gradc.ones(2)) == sp.Array([x0, x0 + x1])
    assert to_sympy(lambda x, i: x[i], gradc.ones(2), gradc.tensor([1, 0])) == sp.Array([x1, x0])
    assert to_sympy(lambda x: (x.prod(), x.all()), np.ones(2)) == (
        x0 * x1,
        sp.And(sp.Ne(x0, 0), sp.Ne(x1, 0)),
    )
    w = gradc.tensor([[1.0, 2.0], [0.5, 0.3]])
    assert to_sympy(lambda x: w @ x, gradc.ones(2)) == sp.Array(
        [x0 + 2 * x1, x0 / 2 + sp.Float(0.3) * x1]
    )
    soft = to_sympy(lambda x: x.softmax(0), gradc.ones(2))
    at = {x0: 0.3, x1: -1.1}
    expected = np.exp([0.3, -1.1]) / np.exp([0.3, -1.1]).sum()
    assert [float(e.subs(at)) for e in soft] == pytest.approx(expected)


def test_the_function_is_left_as_it_was():
    w = gradc.tensor(2.0, requires_grad=True)
    assert to_sympy(lambda x: w * x, X) == 2 * X
    assert w.grad is None
    with pytest.raises(UnsupportedError) as caught:
        to_sympy(lambda x: w.detach().add_(x), X)
    assert caught.value.message == (
        "to_sympy: the function changes tensors from outside (a random state counts)"
    )
    assert w.item() == 2.0


def test_what_has_no_expression():
    with pytest.raises(UnsupportedError) as caught:
        to_sympy(lambda x: x.argmax(), gradc.ones(2))
    assert caught.value.message == "to_sympy: argmax has no SymPy form"
    with pytest.raises(UnsupportedError, match="random state counts"):
        to_sympy(lambda x: x * gradc.rand(()), X)
    with pytest.raises(TraceError):
        to_sympy(lambda x: x if x > 0 else -x, X)


REFUSED = [
    (lambda: to_sympy(lambda *xs: xs[0]), "to_sympy: can't tell the arguments of the function"),
    (
        lambda: to_sympy(lambda x: x, None),
        "to_sympy: x must be a name, a symbol, a Tensor or a number, got NoneType",
    ),
    (
        lambda: to_sympy(lambda x: 3, X),
        "to_sympy: the function must return a Tensor or a tuple of them, got int",
    ),
    (lambda: from_sympy("x", X), "from_sympy: expected a SymPy expression, got str"),
    (lambda: from_sympy(X, X)(1.0), "from_sympy: at least one operand must be a Tensor"),
    (lambda: from_sympy(X, X)(), "from_sympy: takes 1 operand (x), got 0"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_refusals(call, message):
    with pytest.raises(ArgumentTypeError) as caught:
        call()
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("expression", "symbols", "message"),
    [
        (X + Y, (X,), "from_sympy: x + y uses 'y', which is not among its operands x"),
        (sp.gamma(X), (X,), "expression: no primitive for SymPy's 'gamma' in gamma(x)"),
        (X + sp.oo * sp.I, (X,), "expression: oo*I is not a finite real number"),
    ],
)
def test_expressions_that_are_refused(expression, symbols, message):
    with pytest.raises(ArgumentError) as caught:
        from_sympy(expression, symbols)
    assert caught.value.message == message
