"""Elementwise operations that a user defines: eager, both modes, second order, compiled."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import sympy as sp

import gradc
from gradc.autograd import gradcheck
from gradc.errors import ArgumentError, ArgumentTypeError, GradcError, ShapeError
from gradc.tensor.formula import Elementwise, elementwise

torch = pytest.importorskip("torch")
F = torch.nn.functional
INF, NAN = np.inf, np.nan
SMOOTH = np.array([-2.5, -0.7, 0.3, 1.9])
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 1e30, -1e30, INF, -INF, NAN])
U = sp.Symbol("u")

# name -> (expression, PyTorch's function, points)
ONE = {
    "user_silu": ("x / (1 + exp(-x))", F.silu, [*SMOOTH, 0.0, -0.0, 90.0, INF, NAN]),
    "user_softplus": ("log(1 + exp(x))", F.softplus, [*SMOOTH, 0.0, -100.0, 15.0, INF, NAN]),
    "user_relu": ("where(x > 0, x, 0)", F.relu, [*SMOOTH, 0.0, -0.0, INF, -INF]),
    "user_abs": (sp.Abs(U), torch.abs, [*SMOOTH, 0.0, -0.0, INF, -INF, NAN]),
    "user_leaky": ("where(x > 0, x, 0.01 * x)", F.leaky_relu, [*SMOOTH, 0.0, INF, -INF, NAN]),
    "user_hardtanh": ("where(x > -1, where(x < 1, x, 1), -1)", F.hardtanh, [*SMOOTH, INF, -INF]),
    "user_logistic": ("1 / (1 + exp(-x))", torch.sigmoid, SPECIAL),
    "user_square": (U**2, torch.square, SPECIAL),
    "user_log1p": (sp.log(1 + U), torch.log1p, [*SMOOTH[1:], 0.0, -1.0, -2.0, 1e-20, INF, NAN]),
    "user_sqrt": (sp.sqrt(U), torch.sqrt, [0.0, -0.0, 0.3, 4.0, -1.0, INF, NAN]),
    "user_reciprocal": ("1 / x", torch.reciprocal, [*SMOOTH, 0.0, -0.0, INF, -INF, NAN]),
    "user_expm1": ("exp(x) - 1", torch.expm1, [*SMOOTH, 1e-20, 0.0, INF, -INF, NAN]),
    "user_xlogx": (
        "where(x == 0, 0, x * log(x))",
        lambda x: torch.where(x == 0, 0, torch.special.xlogy(x, x)),
        [0.5, 2.0, -1.0, NAN],
    ),
    "user_erfc": (1 - sp.erf(U), torch.erfc, [*SMOOTH, 10.0, 0.0, INF, -INF, NAN]),
}
TWO = {
    "user_max": (sp.Max(*sp.symbols("x y")), torch.maximum),
    "user_pow": ("x ** y", torch.pow),
    "user_hypot2": ("x * x + y * y", lambda x, y: x * x + y * y),
    "user_atan2": ("atan2(x, y)", torch.atan2),
    "user_choice": ("where(x > y, x, 2 * y)", lambda x, y: torch.where(x > y, x, 2 * y)),
}
PAIRS = np.array([(x, y) for x in (-2.0, 0.0, 0.5, 2.0, INF) for y in (-1.0, 0.0, 0.5, 2.0, INF)])


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


def values_and_gradients(function, lib, arrays):
    leaves = [lib.tensor(a, requires_grad=True) for a in arrays]
    y = function(*leaves)
    y.sum().backward()
    return [y.detach().numpy(), *(x.grad.numpy() for x in leaves)]


def of_one(name):
    expression, reference, points = ONE[name]
    return elementwise(name, expression), reference, np.array(points)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ONE)
def test_values_and_gradients_are_pytorchs_at_kinks_zeros_inf_and_nan(name, dtype):
    function, reference, x = of_one(name)
    got = values_and_gradients(function, gradc, [x.astype(dtype)])
    expected = values_and_gradients(reference, torch, [x.astype(dtype)])
    for g, e in zip(got, expected, strict=True):
        assert g.dtype == dtype
        np.testing.assert_allclose(g, e, rtol=1e-6 if dtype == np.float32 else 1e-13, atol=1e-30)


@pytest.mark.parametrize("name", TWO)
def test_two_operands(name):
    expression, reference = TWO[name]
    function = elementwise(name, expression, ("x", "y"))
    arrays = [PAIRS[:, 0].copy(), PAIRS[:, 1].copy()]
    got = values_and_gradients(function, gradc, arrays)
    for g, e in zip(got, values_and_gradients(reference, torch, arrays), strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-13)


@pytest.mark.parametrize("name", ONE)
def test_compiled_code_gives_what_eager_code_gives(name):
    function, _, x = of_one(name)

    @gradc.compile
    def step(x, by):
        x = x.detach().requires_grad_()
        y = function(x)
        (y * by).sum().backward()
        return y.detach(), x.grad

    by = np.linspace(0.5, 2.0, x.size)
    leaf = gradc.tensor(x, requires_grad=True)
    y = function(leaf)
    (y * gradc.tensor(by)).sum().backward()
    got = step(gradc.tensor(x), gradc.tensor(by))
    np.testing.assert_allclose(got[0].numpy(), y.detach().numpy(), rtol=1e-13)
    np.testing.assert_allclose(got[1].numpy(), leaf.grad.numpy(), rtol=1e-13)


@pytest.mark.parametrize("name", TWO)
def test_two_operands_compiled(name):
    function = elementwise(name, TWO[name][0], ("x", "y"))

    @gradc.compile
    def step(x, y):
        x, y = x.detach().requires_grad_(), y.detach().requires_grad_()
        z = function(x, y)
        z.sum().backward()
        return z.detach(), x.grad, y.grad

    arrays = [PAIRS[:, 0].copy(), PAIRS[:, 1].copy()]
    expected = values_and_gradients(function, gradc, arrays)
    for g, e in zip(step(*map(gradc.tensor, arrays)), expected, strict=True):
        np.testing.assert_allclose(g.numpy(), e, rtol=1e-13)


def test_a_branch_that_is_not_taken_leaks_no_nan():
    xlogx = elementwise("user_xlogx", "where(x == 0, 0, x * log(x))")
    x = gradc.tensor([0.0, 1.0], requires_grad=True)
    xlogx(x).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("name", ["user_silu", "user_softplus", "user_logistic", "user_square"])
def test_second_order(name):
    function, reference, _ = of_one(name)

    def second(function, lib):
        x = lib.tensor(SMOOTH, requires_grad=True)
        (first,) = lib.autograd.grad(function(x).sum(), x, create_graph=True)
        return lib.autograd.grad((first * first).sum(), x)[0].numpy()

    np.testing.assert_allclose(second(function, gradc), second(reference, torch), rtol=1e-12)


def test_gradcheck_with_broadcasting():
    swish = elementwise("user_swish", "x / (1 + exp(-beta * x))")
    x = gradc.tensor(SMOOTH.reshape(2, 2), requires_grad=True)
    beta = gradc.tensor([0.5, 2.0], dtype=gradc.float64, requires_grad=True)
    assert gradcheck(swish, (x, beta))
    assert gradcheck(lambda x: swish(x, beta=gradc.sigmoid(swish(x, 2.0))), (x,))


def test_broadcasting_and_promotion():
    swish = elementwise("user_swish", "x / (1 + exp(-beta * x))")
    column, row = gradc.ones(3, 1), gradc.ones(2, dtype=gradc.float64)
    assert swish(column, row).shape == (3, 2)
    assert swish(column, row).dtype is gradc.float64
    assert swish(column, 2).dtype is gradc.float32
    assert swish(2.0, column).shape == (3, 1)
    assert swish(beta=column, x=1).shape == (3, 1)
    assert swish(gradc.arange(3), True).dtype is gradc.float32
    assert swish(column, gradc.tensor(1.0, dtype=gradc.float64)).dtype is gradc.float32
    assert swish(np.ones(3), column).shape == (3, 3)
    assert swish(gradc.ones(0, 3), column[:1]).shape == (0, 3)


def test_inside_a_module_it_is_copied_and_pickled():
    swish = elementwise("user_swish", "x / (1 + exp(-beta * x))")
    for again in (copy.deepcopy(swish), pickle.loads(pickle.dumps(swish))):
        assert isinstance(again, Elementwise)
        assert again.primitive is swish.primitive


def test_in_another_process_it_is_derived_again():
    swish = elementwise("user_swish", "x / (1 + exp(-beta * x))")
    code = (
        "import pickle, sys, gradc\n"
        "assert 'sympy' not in sys.modules\n"
        f"swish = pickle.loads({pickle.dumps(swish)!r})\n"
        "print(swish.derivatives['beta'], swish(gradc.ones(1), 0).tolist())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "out * x * (1 - sigmoid(x * beta)) [0.5]\n"


def test_what_it_says_of_itself():
    swish = elementwise("user_swish", "x / (1 + exp(-beta * x))")
    assert repr(swish) == "<elementwise user_swish(x, beta) = x * sigmoid(x * beta)>"
    assert swish.derivatives == {
        "x": "(x * beta * (1 - sigmoid(x * beta)) + 1) * sigmoid(x * beta)",
        "beta": "out * x * (1 - sigmoid(x * beta))",
    }


def test_generated_code_names_the_users_line():
    cube = elementwise("user_cube", "x * x * x")

    @gradc.compile
    def f(x):
        y = cube(x)
        return y

    f(gradc.ones(3))
    assert "y = cube(x)" in f.source


def test_operands_may_be_symbols():
    x, a = sp.symbols("x a")
    assert elementwise("user_scaled", a * sp.sin(x), (x, a)).operands == ("x", "a")


SWISH = ("user_swish", "x / (1 + exp(-beta * x))")
CALLS = [
    ((1,), {}, "user_swish: takes 2 operands (x, beta), got 1"),
    ((1, 2, 3), {}, "user_swish: takes 2 operands (x, beta), got 3"),
    ((1,), {"x": 2}, "user_swish: takes x, beta; got 'x', twice"),
    ((1,), {"y": 2}, "user_swish: takes x, beta; got 'y', which it does not take"),
    ((1, 2), {}, "user_swish: at least one operand must be a Tensor"),
    (("a", 2), {}, "user_swish: expected a Tensor or a number, got str"),
]


@pytest.mark.parametrize(("args", "kwargs", "message"), CALLS)
def test_wrong_calls(args, kwargs, message):
    with pytest.raises(ArgumentTypeError) as caught:
        elementwise(*SWISH)(*args, **kwargs)
    assert caught.value.message == message


def test_shapes_that_do_not_broadcast():
    user_swish = elementwise(*SWISH)
    a, b = gradc.ones(3), gradc.ones(2)
    with pytest.raises(ShapeError) as caught:
        user_swish(a, b)
    assert caught.value.message == "user_swish: shapes don't broadcast: a [3] and b [2]"


DEFINITIONS = [
    (("exp", "x * x"), "elementwise: a primitive called 'exp' exists already"),
    (("user_bad", "x + gamma(x)"), "expression 'x + gamma(x)': unknown function 'gamma'"),
    (("user_bad", "x + y", ("x",)), "elementwise: user_bad uses 'y', which is not among its "
                                    "operands x"),
    (("user_bad", "x - x + y"), "elementwise: user_bad does not use its operand 'x'"),
    (("user_bad", "factor_ * 2"), "elementwise: user_bad: 'factor_' can't be the name of an "
                                  "operand"),
    (("user_bad", "sum(x)"), "expression 'sum(x)': unknown function 'sum'"),
    (("user_bad", "x[0]"), "expression 'x[0]': can't use 'x[0]'"),
    (("user_bad", "x + True"), "expression 'x + True': 'True' is bool, not a number"),
    (("user_bad", "2 * (x > 0)"), "expression '2 * (x > 0)': 'x > 0' is bool, not a number"),
    (("user_bad", "exp(x > 0)"), "expression 'exp(x > 0)': 'x > 0' is bool, not a number"),
    (("user_bad", "-(x > 0)"), "expression '-(x > 0)': 'x > 0' is bool, not a number"),
    (("user_bad", "where(x, 1, 2)"), "where: the condition must be bool, got float64[2]"),
    (("user_bad", "x and y"), "elementwise: user_bad: 'x & y' is bool, not a number"),
    (("user_bad", "x +"), "expression 'x +': not a Python expression: invalid syntax"),
    (("user_bad", sp.Sum(U, (U, 0, 3))), "elementwise: user_bad has no operands"),
    (("user_bad", "x", "x"), "elementwise: user_bad: operands must be a tuple of names, got 'x'"),
    (("user_bad", 3), "elementwise: user_bad must be text or a SymPy expression, got int"),
]  # fmt: skip


@pytest.mark.parametrize(("args", "message"), DEFINITIONS)
def test_refused_definitions(args, message):
    with pytest.raises(GradcError) as caught:
        gradc.elementwise(*args)
    assert caught.value.message == message


def test_one_name_can_not_mean_two_things():
    elementwise("user_clash", "x * x")
    with pytest.raises(ArgumentError) as caught:
        elementwise("user_clash", "x * x * x")
    assert str(caught.value.message) == (
        "elementwise: a primitive called 'user_clash' exists already"
    )
    assert caught.value.hint == "another name"
