"""Whole derivatives under PyTorch's older names, against PyTorch."""

import numpy as np
import pytest

import gradc
from gradc.errors import ArgumentError, ArgumentTypeError, UnsupportedError

torch = pytest.importorskip("torch")

X = np.array([0.3, -0.7, 1.2])
Y = np.array([0.5, 2.0])
V = np.array([1.0, -2.0, 0.5])
ONE = {
    "jacobian": lambda f, x, v: f.jacobian(lambda x: x.exp() * x.sum(), x),
    "jacobian forward": lambda f, x, v: f.jacobian(
        lambda x: x.sin() * x[0], x, vectorize=True, strategy="forward-mode"
    ),
    "jacobian of two": lambda f, x, v: f.jacobian(lambda x: (x * x, x.sum()), x),
    "hessian": lambda f, x, v: f.hessian(lambda x: (x**3).sum() * x[0], x),
    "hessian of steps": lambda f, x, v: f.hessian(lambda x: x.relu().sum(), x),
    "vjp": lambda f, x, v: f.vjp(lambda x: x.exp() * x.sum(), x, v),
    "vjp of a number": lambda f, x, v: f.vjp(lambda x: x.exp().sum(), x),
    "jvp": lambda f, x, v: f.jvp(lambda x: x.exp() * x.sum(), x, v),
    "hvp": lambda f, x, v: f.hvp(lambda x: (x**3).sum() * x[0], x, v),
    "vhp": lambda f, x, v: f.vhp(lambda x: (x**3).sum() * x[0], x, v),
}
TWO = {
    "jacobian": lambda f, x, y: f.jacobian(lambda x, y: x.sum() * y**2, (x, y)),
    "jacobian of two": lambda f, x, y: f.jacobian(lambda x, y: (x * y[0], y), (x, y)),
    "hessian": lambda f, x, y: f.hessian(lambda x, y: (x**2).sum() * (y**3).sum(), (x, y)),
    "vjp": lambda f, x, y: f.vjp(lambda x, y: x * y[1], (x, y), x),
    "jvp": lambda f, x, y: f.jvp(lambda x, y: x * y[1], (x, y), (x, y)),
    "hvp": lambda f, x, y: f.hvp(lambda x, y: (x**2).sum() * (y**3).sum(), (x, y), (x, y)),
}


def same(mine, theirs):
    if isinstance(theirs, tuple):
        assert isinstance(mine, tuple)
        assert len(mine) == len(theirs)
        for m, t in zip(mine, theirs, strict=True):
            same(m, t)
        return
    assert mine.requires_grad == theirs.requires_grad
    np.testing.assert_allclose(mine.detach().numpy(), theirs.detach().numpy(), rtol=1e-12)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
@pytest.mark.parametrize("name", ONE)
def test_of_one(name):
    theirs = ONE[name](torch.autograd.functional, torch.tensor(X), torch.tensor(V))
    same(ONE[name](gradc.autograd.functional, gradc.tensor(X), gradc.tensor(V)), theirs)


@pytest.mark.parametrize("name", TWO)
def test_of_two(name):
    theirs = TWO[name](torch.autograd.functional, torch.tensor(X), torch.tensor(Y))
    same(TWO[name](gradc.autograd.functional, gradc.tensor(X), gradc.tensor(Y)), theirs)


@pytest.mark.parametrize("name", ["jacobian", "hessian"])
def test_results_are_recorded_where_asked_for(name):
    found = []
    for lib in (torch, gradc):
        x = lib.tensor(X, requires_grad=True)
        whole = getattr(lib.autograd.functional, name)
        whole(lambda x: (x**4).sum(), x, create_graph=True).sum().backward()
        found.append(x.grad.numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)


F = gradc.autograd.functional
REFUSED = {
    "strict": (
        lambda: F.hessian(lambda x: x.sum(), gradc.ones(2), strict=True),
        UnsupportedError,
        "hessian: strict=True is not supported",
    ),
    "strategy": (
        lambda: F.jacobian(lambda x: x, gradc.ones(2), strategy="both"),
        ArgumentError,
        "jacobian: strategy must be 'reverse-mode' or 'forward-mode', got 'both'",
    ),
    "no number": (
        lambda: F.hessian(lambda x: x, gradc.ones(2)),
        ArgumentError,
        "hessian: the function must return a tensor with one element",
    ),
    "no direction": (
        lambda: F.jvp(lambda x: x, gradc.ones(2)),
        ArgumentError,
        "jvp: v must be given, but for one tensor with one element",
    ),
    "no tensor": (
        lambda: F.jacobian(lambda x: x, 2.0),
        ArgumentTypeError,
        "jacobian: inputs must be a Tensor or a tuple of them, got float",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    action, error, message = REFUSED[name]
    with pytest.raises(error) as caught:
        action()
    assert str(caught.value).splitlines()[0] == message
