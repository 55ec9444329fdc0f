"""Every activation function against PyTorch: values, gradients, kinks, special values, draws."""

import math

import numpy as np
import pytest

import gradc
from gradc.nn import functional as F

pytest.importorskip("torch")
from case_table import check  # it needs torch

rng = np.random.default_rng(5)
X = rng.standard_normal((4, 6)) * 3
IMAGE = rng.standard_normal((2, 6, 2, 3))
# The ends of all straight pieces, and what they are tried with.
KINKS = np.array([-6, -3, -1, -0.5, -0.3, 0, 0.3, 0.5, 1, 3, 6.0])
SPECIAL = np.array([0.0, 1.0, -1.0, 30.0, -30.0, 800.0, -800.0, math.inf, -math.inf, math.nan])
# PyTorch's gradient of hardsigmoid multiplies by 1 / 6 in float32.
LOOSE = ("hardsigmoid",)
ELEMENTWISE = {
    "relu6": {},
    "hardtanh": {},
    "hardtanh of bounds": {"min_val": -0.3, "max_val": 3.0},
    "hardsigmoid": {},
    "hardswish": {},
    "threshold": {"threshold": 0.5, "value": 9.0},
    "softsign": {},
    "tanhshrink": {},
    "hardshrink": {},
    "hardshrink of 3": {"lambd": 3.0},
    "softshrink": {},
    "softshrink of 0.3": {"lambd": 0.3},
    "selu": {},
    "celu": {},
    "celu of a half": {"alpha": 0.5},
    "mish": {},
    "rrelu": {"lower": 0.1, "upper": 0.2},
    "logsigmoid": {},
}


def case(name, options, *arrays):
    return (lambda L, *xs: getattr(L.nn.functional, name)(*xs, **options), *arrays)


def elementwise(array):
    return {n: case(n.split()[0], options, array) for n, options in ELEMENTWISE.items()}


OTHERS = {
    "prelu": case("prelu", {}, X, [0.2]),
    "prelu of channels": case("prelu", {}, IMAGE, rng.standard_normal(6)),
    "prelu of a row": case("prelu", {}, KINKS, [0.5]),
    "prelu of a number": case("prelu", {}, np.array(-2.0), [0.5]),
    "glu": case("glu", {}, X),
    "glu of dim 1": case("glu", {"dim": 1}, IMAGE),
    "softmin": case("softmin", {"dim": 1}, X),
    "softmin of channels": case("softmin", {"dim": 1}, IMAGE),
    "Softmax2d": (lambda L, x: L.nn.Softmax2d()(x), IMAGE),
    "Softmax2d of one": (lambda L, x: L.nn.Softmax2d()(x), IMAGE[0]),
    "integers": (lambda L, x: L.nn.functional.relu6(x), np.array([-3, 2, 9])),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_and_gradients(dtype):
    table = elementwise(X) | OTHERS
    check(table, list(table), dtype, loose=LOOSE)


def test_derivatives_at_kinks():
    table = elementwise(KINKS)
    check(table, list(table), loose=LOOSE)


def test_special_values():
    table = elementwise(SPECIAL)
    check(table, list(table), gradients=False)


def test_slopes_that_meet_no_negative_element_have_no_gradient():
    x, weight = gradc.tensor([math.inf, 1.0]), gradc.tensor([0.5], requires_grad=True)
    F.prelu(x, weight).sum().backward()
    assert weight.grad.tolist() == [0.0]


INPLACE = "relu6 hardtanh hardsigmoid hardswish selu celu mish rrelu".split()


@pytest.mark.parametrize("name", INPLACE)
def test_inplace(name):
    x = gradc.tensor(X)
    y = x.clone()
    expected = getattr(F, name)(x)
    assert getattr(F, name)(y, inplace=True) is y
    np.testing.assert_array_equal(y.numpy(), expected.numpy())
    leaf = gradc.tensor(X, requires_grad=True)
    getattr(F, name)(leaf * 1.0, inplace=True).sum().backward()
    again = gradc.tensor(X, requires_grad=True)
    getattr(F, name)(again).sum().backward()
    np.testing.assert_array_equal(leaf.grad.numpy(), again.grad.numpy())


def test_threshold_inplace():
    x = gradc.tensor([0.0, 2.0])
    assert F.threshold(x, 1.0, 5.0, inplace=True) is x
    assert x.tolist() == [5.0, 2.0]


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_rrelu_draws_a_slope_for_each_negative_element(compiled):
    layer = gradc.nn.RReLU(0.1, 0.4)
    run = gradc.compile(layer) if compiled else layer
    gradc.manual_seed(3)
    x = -gradc.ones(2000)
    slopes = -run(x).numpy()
    assert slopes.min() >= 0.1
    assert slopes.max() < 0.4
    assert abs(slopes.mean() - 0.25) < 0.01
    assert run(-x).tolist() == [1.0] * 2000
    layer.eval()
    np.testing.assert_allclose(run(x).numpy(), -0.25, rtol=1e-6)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_gumbel_softmax_draws_by_the_probabilities(compiled):
    p = np.array([0.1, 0.6, 0.3])
    logits = gradc.tensor(np.tile(np.log(p), (4000, 1)), requires_grad=True)

    def draw(logits, hard):
        y = F.gumbel_softmax(logits, tau=0.5, hard=hard)
        (y * gradc.arange(3)).sum().backward()
        return y.detach()

    run = gradc.compile(draw) if compiled else draw
    gradc.manual_seed(1)
    hard = run(logits, True).numpy()
    assert set(np.unique(hard.round(9))) == {0.0, 1.0}
    np.testing.assert_allclose(hard.mean(0), p, atol=0.03)
    slopes = logits.grad.numpy()
    assert np.abs(slopes).max() > 0.1
    np.testing.assert_allclose(slopes.sum(1), 0.0, atol=1e-12)
    logits.grad = None
    gradc.manual_seed(1)
    soft = run(logits, False).numpy()
    np.testing.assert_allclose(soft.sum(1), 1.0)
    np.testing.assert_array_equal(soft.argmax(1), hard.argmax(1))
    np.testing.assert_allclose(logits.grad.numpy(), slopes, rtol=1e-9, atol=1e-12)
