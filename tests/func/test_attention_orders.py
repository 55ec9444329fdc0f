"""Derivatives of attention of every order and mode, mapped or compiled, against PyTorch."""

import numpy as np
import pytest

import gradc
from gradc.nn import functional as F

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

N, H, T, D = 2, 2, 5, 3
MASKS = {
    "plain": (None, False),
    "causal": (None, True),
    "bool": (np.tril(np.ones((T, T), bool)) & (np.arange(T) != 1)[:, None], False),
    "float": (np.random.default_rng(8).standard_normal((H, 1, T)), False),
}


def arrays():
    rng = np.random.default_rng(2)
    return [rng.standard_normal((N, H, T, D)) for _ in range(3)]


def loss(lib, attention, mask, causal):
    """Return a function of q, k and v whose derivatives of all orders matter."""
    shown = None if mask is None else lib.tensor(mask)

    def function(q, k, v):
        out = attention(q, k, v, attn_mask=shown, is_causal=causal)
        return (out * out.sin()).sum()

    return function


def torch_attention(q, k, v, attn_mask=None, is_causal=False):
    """PyTorch's definition, which has derivatives of all orders; rows without keys are 0."""
    scores = q @ k.transpose(-2, -1) / D**0.5
    hidden = torch.zeros(T, T, dtype=bool)
    if is_causal:
        hidden = ~torch.ones(T, T, dtype=bool).tril()
    if attn_mask is not None:
        if attn_mask.dtype == torch.bool:
            hidden = ~attn_mask
        else:
            scores = scores + attn_mask
    scores = scores.masked_fill(hidden, -1e300)
    return scores.softmax(-1).masked_fill(hidden, 0.0) @ v


def both(case):
    mine = loss(gradc, F.scaled_dot_product_attention, *MASKS[case])
    theirs = loss(torch, torch_attention, *MASKS[case])
    given = [gradc.tensor(a) for a in arrays()]
    return mine, theirs, given, [torch.tensor(a) for a in arrays()]


def near(got, expected):
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("case", MASKS)
def test_jvp(case):
    mine, theirs, x, y = both(case)
    dots = [np.cos(a) for a in arrays()]
    got = gradc.func.jvp(mine, tuple(x), tuple(gradc.tensor(d) for d in dots))
    expected = torch.func.jvp(theirs, tuple(y), tuple(torch.tensor(d) for d in dots))
    for a, b in zip(got, expected, strict=True):
        near(a, b)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("case", MASKS)
def test_second_derivatives(case, compiled):
    mine, theirs, x, y = both(case)

    def twice(lib, function):
        def of(q, k, v):
            first = lib.func.grad(function, argnums=(0, 1, 2))(q, k, v)
            return sum((g * g.cos()).sum() for g in first)

        return lib.func.grad(of, argnums=(0, 1, 2))

    run = twice(gradc, mine)
    run = gradc.compile(run) if compiled else run
    for a, b in zip(run(*x), twice(torch, theirs)(*y), strict=True):
        near(a, b)


def test_hessian():
    mine, theirs, (q, *rest), (p, *other) = both("causal")
    got = gradc.func.hessian(lambda x: mine(x, *rest))(q)
    near(got, torch.func.hessian(lambda x: theirs(x, *other))(p))


@pytest.mark.parametrize("case", ["causal", "bool"])
def test_vmap_of_gradients(case):
    mine, theirs, x, y = both(case)
    got = gradc.func.vmap(gradc.func.grad(mine), in_dims=(0, None, 0))(x[0], x[1][0], x[2])
    expected = torch.func.vmap(torch.func.grad(theirs), in_dims=(0, None, 0))(y[0], y[1][0], y[2])
    near(got, expected)


def test_gradient_of_a_mask():
    x, y = ([lib.tensor(a) for a in arrays()] for lib in (gradc, torch))
    mask = MASKS["float"][0]
    ours, theirs = gradc.tensor(mask, requires_grad=True), torch.tensor(mask, requires_grad=True)
    (F.scaled_dot_product_attention(*x, attn_mask=ours) ** 2).sum().backward()
    (torch_attention(*y, attn_mask=theirs) ** 2).sum().backward()
    near(ours.grad, theirs.grad)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_numbers_that_are_not_finite(compiled):
    def run(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    given = [gradc.ones(1, 1, 4, 2) for _ in range(3)]
    given[0][0, 0, 1], given[1][0, 0, 2] = -np.inf, np.nan
    out = (gradc.compile(run) if compiled else run)(*given)
    # a row whose scores are all -inf is 0; a hidden NaN stays hidden, a visible one doesn't
    assert out[0, 0, :2, 0].tolist() == [1.0, 0.0]
    assert np.isnan(out[0, 0, 2:, 0].numpy()).all()
