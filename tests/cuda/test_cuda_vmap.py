"""vmap on a device gives the CPU's numbers, alone, with gradients, and in compiled functions."""

import numpy as np
import pytest

import gradc
from gradc.func import grad, hessian, vmap

ON_REAL_DEVICES = True
W = np.linspace(-1, 1, 12).reshape(3, 4)


def loss(w, x):
    return ((w @ x).tanh() ** 2).sum()


CASES = {
    "elementwise": lambda w, x: vmap(lambda r: r.exp() * r)(x),
    "sums": lambda w, x: vmap(lambda r: r.sum() / (1 + (r * r).mean()))(x),
    "captured": lambda w, x: vmap(lambda r: w @ r)(x),
    "two axes": lambda w, x: vmap(lambda a, b: a * b, in_dims=(0, 1))(x, x.t().contiguous()),
    "nested": lambda w, x: vmap(lambda r: vmap(lambda q: (q * r).sum())(w))(x),
    "gradient of each example": lambda w, x: vmap(grad(loss), in_dims=(None, 0))(w, x),
    "second derivatives": lambda w, x: vmap(hessian(lambda r: (r**3).sum()))(x),
    "sorted": lambda w, x: vmap(lambda r: r.sort().values.cumsum(0))(x),
}


def on(device, function):
    w = gradc.tensor(W, device=device)
    x = gradc.tensor(np.sin(np.arange(20.0)).reshape(5, 4), device=device)
    return function(w, x)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_like_the_cpu(name, compiled):
    function = CASES[name]
    found = on("cuda", gradc.compile(function) if compiled else function)
    expected = on("cpu", function)
    assert found.device == gradc.device("cuda:0")
    np.testing.assert_allclose(found.cpu().numpy(), expected.numpy(), rtol=1e-9, atol=1e-12)


def test_gradients_flow_out():
    found = {}
    for device in ("cpu", "cuda"):
        w = gradc.tensor(W, device=device, requires_grad=True)
        x = gradc.tensor(np.arange(8.0).reshape(2, 4), device=device)
        vmap(lambda r: loss(w, r))(x).sum().backward()  # noqa: B023 # runs at once
        found[device] = w.grad.cpu().numpy()
    np.testing.assert_allclose(found["cuda"], found["cpu"], rtol=1e-9, atol=1e-12)
