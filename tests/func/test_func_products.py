"""Products with Jacobians: both modes agree with each other and with torch.func."""

from __future__ import annotations

import numpy as np
import pytest
from func_table import FUNCTIONS, TWICE

import gradc
from gradc import func

# torch.func itself calls a deprecated function of torch when jvp is used first.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def tree_map(f, tree):
    if isinstance(tree, dict):
        return {k: tree_map(f, v) for k, v in tree.items()}
    if isinstance(tree, tuple | list):
        return type(tree)(tree_map(f, v) for v in tree)
    return f(tree)


def leaves(tree):
    found = []
    tree_map(found.append, tree)
    return found


def weights(tree, seed, make):
    rng = np.random.default_rng(seed)
    return tree_map(lambda t: make(np.array(rng.standard_normal(tuple(t.shape)))), tree)


def inner(a, b):
    return sum(float((x * y).sum()) for x, y in zip(leaves(a), leaves(b), strict=True) if x.numel())


def ours(name):
    f, args = FUNCTIONS[name]
    return (lambda *xs: f(gradc, *xs)), tree_map(gradc.tensor, args)


def theirs(name, torch):
    f, args = FUNCTIONS[name]
    return (lambda *xs: f(torch, *xs)), tree_map(torch.tensor, args)


def same(mine, other):
    mine, other = leaves(mine), leaves(other)
    assert len(mine) == len(other)
    for x, y in zip(mine, other, strict=True):
        assert tuple(x.shape) == tuple(y.shape)
        assert str(x.dtype).split(".")[-1] == str(y.dtype).split(".")[-1]
        np.testing.assert_allclose(x.detach().numpy(), y.detach().numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_forward_and_reverse_are_transposes(name):
    f, args = ours(name)
    y, pull = func.vjp(f, *args)
    x_dot, y_bar = weights(args, 1, gradc.tensor), weights(y, 2, gradc.tensor)
    value, y_dot = func.jvp(f, args, x_dot)
    same(value, y)
    assert inner(y_bar, y_dot) == pytest.approx(inner(pull(y_bar), x_dot), rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_products_agree_with_torch(name):
    torch = pytest.importorskip("torch")
    (f, args), (g, others) = ours(name), theirs(name, torch)
    (y, pull), (z, pull_z) = func.vjp(f, *args), torch.func.vjp(g, *others)
    same(y, z)
    same(pull(weights(y, 2, gradc.tensor)), pull_z(weights(z, 2, torch.tensor)))
    if name == "without_grad":
        return  # torch's forward mode goes through no_grad, unlike its reverse mode
    same(
        func.jvp(f, args, weights(args, 1, gradc.tensor)),
        torch.func.jvp(g, others, weights(others, 1, torch.tensor)),
    )


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"tree"}))
@pytest.mark.parametrize("mode", ["jacrev", "jacfwd"])
def test_jacobians_agree_with_torch(name, mode):
    torch = pytest.importorskip("torch")
    (f, args), (g, others) = ours(name), theirs(name, torch)
    numbers = tuple(range(len(args)))
    same(getattr(func, mode)(f, numbers)(*args), torch.func.jacrev(g, numbers)(*others))


def scalar(f):
    return lambda *xs: sum((y * y * y).sum() for y in leaves(f(*xs)))


@pytest.mark.parametrize("name", TWICE)
@pytest.mark.parametrize("outer", ["jacrev", "jacfwd"])
@pytest.mark.parametrize("inside", ["jacrev", "jacfwd", "grad"])
def test_second_order_in_all_nestings(name, outer, inside):
    torch = pytest.importorskip("torch")
    (f, args), (g, others) = ours(name), theirs(name, torch)
    first = getattr(func, inside)(scalar(f))
    second = getattr(func, outer)(first)
    expected = torch.func.jacrev(torch.func.jacrev(scalar(g)))(*others)
    same(second(*args), expected)


@pytest.mark.parametrize("name", TWICE)
def test_hessian_vector_products_by_composition(name):
    f, args = ours(name)
    v = weights(args, 1, gradc.tensor)
    numbers = tuple(range(len(args)))
    gradient = func.grad(scalar(f), numbers)
    forward_over_reverse = func.jvp(gradient, args, v)[1]
    reverse_over_reverse = func.vjp(gradient, *args)[1](v)
    reverse_over_forward = func.grad(lambda *xs: func.jvp(scalar(f), xs, v)[1], numbers)(*args)
    same(forward_over_reverse, reverse_over_reverse)
    same(forward_over_reverse, reverse_over_forward)
