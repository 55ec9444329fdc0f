"""Values and gradients at NaN, infinities, zeros and kinks, against PyTorch; see decision 4."""

import itertools
from math import inf, nan

import numpy as np
import pytest

import gradc
from gradc.nn import functional as F

torch = pytest.importorskip("torch")

POINTS = [nan, inf, -inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 3.0, -3.0, 6.0, 20.5, 100.0, 1e-40]
NAMES = """
    relu relu6 elu selu celu leaky_relu silu mish softplus softsign tanhshrink hardtanh hardsigmoid
    hardswish hardshrink softshrink logsigmoid sigmoid tanh gelu
""".split()
METHODS = """
    abs sign exp expm1 log log1p log2 log10 sqrt rsqrt reciprocal sin cos tan asin acos atan sinh
    cosh asinh atanh erf erfc square floor ceil round trunc frac exp2 sinc nan_to_num neg max min
    amax amin norm prod median
""".split()
ONE = {
    **{name: lambda f, m, x, name=name: getattr(f, name)(x) for name in NAMES},
    "threshold": lambda f, m, x: f.threshold(x, 0.5, 7.0),
    "elu of 2": lambda f, m, x: f.elu(x, 2.0),
    "leaky_relu of -0.5": lambda f, m, x: f.leaky_relu(x, -0.5),
    "rrelu": lambda f, m, x: f.rrelu(x, training=False),
    "clamp": lambda f, m, x: x.clamp(-0.5, 3.0),
    "clamp, swapped": lambda f, m, x: x.clamp(3.0, -0.5),
    "median along": lambda f, m, x: x.median(0).values,
    **{f"power {n}": lambda f, m, x, n=n: x**n for n in (0, 0.5, 2, 3, -1)},
    "power of 2": lambda f, m, x: 2.0**x,
    "logsumexp": lambda f, m, x: x.logsumexp(0),
    **{name: lambda f, m, x, name=name: getattr(x, name)() for name in METHODS},
}
LOSSES = "mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy_with_logits".split()
LOSSES += "kl_div poisson_nll_loss hinge_embedding_loss".split()
PAIRS = "maximum minimum fmax fmin atan2 hypot logaddexp xlogy remainder pow div mul".split()
TWO = {
    **{n: lambda f, m, x, y, n=n: getattr(f, n)(x, y, reduction="none") for n in LOSSES},
    **{n: lambda f, m, x, y, n=n: getattr(m, n)(x, y) for n in PAIRS},
    "where": lambda f, m, x, y: m.where(x > y, x, y),
    "clamp by a tensor": lambda f, m, x, y: x.clamp(min=y),
    "clamp_max by a tensor": lambda f, m, x, y: x.clamp(max=y),
    "copysign of 2": lambda f, m, x, y: m.copysign(m.full_like(x, 2.0) + 0 * m.sign(x), y),
    "lerp": lambda f, m, x, y: m.lerp(x, y, 0.3),
}
# The gradient at NaN of what cuts off, where PyTorch's depends on the length of the tensor.
CUT = {"relu6": 1, "hardtanh": 1, "hardshrink": 1, "softshrink": 1, "hardswish": nan}
DIFFERENT = {"gelu", "max", "min", "kl_div", "logaddexp", "xlogy"}


def run(library, functions, function, columns):
    tensors = [library.tensor(c, requires_grad=True) for c in columns]
    result = function(functions, library, *tensors)
    if result.requires_grad:
        result.sum().backward()
    grads = [t.grad for t in tensors]
    return [np.atleast_1d(t.detach().numpy()) for t in (result, *grads) if t is not None]


def compiled(library, functions, function, columns):
    def whole(*given):
        result = function(functions, library, *given)
        if result.requires_grad:
            result.sum().backward()
        return result.detach()

    tensors = [library.tensor(c, requires_grad=True) for c in columns]
    result = library.compile(whole)(*tensors)
    return [np.atleast_1d(t.numpy()) for t in (result, *(t.grad for t in tensors)) if t is not None]


def same(got, expected, where=slice(None)):
    assert len(got) == len(expected)
    for mine, theirs in zip(got, expected, strict=True):
        whole = mine.shape == np.shape(POINTS)
        at = where if whole else slice(None)
        np.testing.assert_allclose(mine[at], theirs[at], rtol=1e-4, atol=1e-30)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("name", "way"),
    [
        *((n, run) for n in sorted(ONE.keys() - DIFFERENT)),
        *((n, compiled) for n in (*NAMES[:4], "clamp", "hardsigmoid")),
    ],
)
def test_functions_of_one(name, way):
    theirs = run(torch, torch.nn.functional, ONE[name], [POINTS])
    mine = way(gradc, F, ONE[name], [POINTS])
    same(mine, theirs, slice(1, None) if name in CUT else slice(None))
    if name in CUT:
        np.testing.assert_allclose(mine[1][0], CUT[name], rtol=1e-6)
        assert np.isnan(mine[0][0])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", sorted(TWO.keys() - DIFFERENT))
def test_functions_of_two(name):
    few = [nan, inf, -inf, 0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.0]
    columns = [list(c) for c in zip(*itertools.product(few, few), strict=True)]
    theirs = run(torch, torch.nn.functional, TWO[name], columns)
    same(run(gradc, F, TWO[name], columns), theirs)


def gradients(function, *columns):
    return [g.tolist() for g in run(gradc, F, function, columns)[1:]]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_differs():
    value, gradient = run(gradc, F, ONE["gelu"], [[inf, 1.0]])
    assert value[0] == inf
    assert np.isfinite(gradient[1])
    for name in ("max", "min"):
        np.testing.assert_equal(gradients(ONE[name], [nan, 1.0]), [[nan, nan]])
    assert gradients(TWO["logaddexp"], [inf, -inf], [inf, -inf]) == [[0.5, 0.5], [0.5, 0.5]]
    assert gradients(TWO["xlogy"], [0.0], [0.0])[1] == [0.0]
    assert gradients(TWO["kl_div"], [1.0], [0.0])[1] == [-1.0]
    x, low = gradc.tensor([0.0], requires_grad=True), gradc.tensor([1.0], requires_grad=True)
    x.clamp(low, low.detach().requires_grad_()).sum().backward()
    assert (x.grad.item(), low.grad.item()) == (0.0, 1.0)


def test_cosine_of_short_vectors_has_the_derivative_of_its_formula():
    def cosine(x):
        return F.cosine_similarity(x, gradc.tensor([0.6, 0.8], dtype=gradc.float64), 0, eps=1.0)

    x = gradc.tensor([0.2, -0.1], dtype=gradc.float64, requires_grad=True)
    assert gradc.autograd.gradcheck(cosine, (x,))
    (gradient,) = gradc.autograd.grad(cosine(x), x)
    np.testing.assert_allclose(gradient.numpy(), [0.6, 0.8])


def test_long_errors_have_a_gradient():
    for loss in (F.huber_loss, F.smooth_l1_loss):
        x = gradc.tensor([inf, -inf, 1e30], requires_grad=True)
        loss(x, gradc.zeros(3), reduction="sum").backward()
        assert x.grad.tolist() == [1.0, -1.0, 1.0]
