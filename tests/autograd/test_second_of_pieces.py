"""Second backward passes through functions of straight pieces give zeros, as PyTorch's."""

import numpy as np
import pytest

import gradc

torch = pytest.importorskip("torch")

POINTS = [-2.3, -0.7, 0.4, 1.9, 3.6, 7.2]
FUNCTIONS = {
    **{
        name: lambda m, f, x, name=name: getattr(f, name)(x)
        for name in "relu relu6 leaky_relu hardtanh hardshrink softshrink rrelu".split()
    },
    "abs": lambda m, f, x: x.abs(),
    "threshold": lambda m, f, x: f.threshold(x, 0.5, 7.0),
    "prelu": lambda m, f, x: f.prelu(x, m.tensor([0.2], dtype=m.float64)),
    "max_pool1d": lambda m, f, x: f.max_pool1d(x.reshape(1, 1, 6), 2),
    "max_pool2d": lambda m, f, x: f.max_pool2d(x.reshape(1, 1, 2, 3), (2, 1)),
    "adaptive_max_pool1d": lambda m, f, x: f.adaptive_max_pool1d(x.reshape(1, 1, 6), 2),
    "avg_pool1d": lambda m, f, x: f.avg_pool1d(x.reshape(1, 1, 6), 2),
    "l1_loss": lambda m, f, x: f.l1_loss(x, x.detach() - 1.0),
    "nll_loss": lambda m, f, x: f.nll_loss(x.reshape(2, 3), m.tensor([0, 1])),
    "huber_loss": lambda m, f, x: f.huber_loss(x, 0 * x.detach(), delta=2.0),
    "relu in place": lambda m, f, x: f.relu(1 * x, inplace=True),
    "leaky_relu in place": lambda m, f, x: f.leaky_relu(1 * x, inplace=True),
}


def second(library, functions, function, x):
    """Return the second derivative of the sum by x."""
    y = function(library, functions, x).sum()
    (first,) = library.autograd.grad(y, x, create_graph=True)
    assert first.requires_grad
    (found,) = library.autograd.grad(first.sum(), x)
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_gradients_are_there(name):
    theirs = torch.tensor(POINTS, dtype=torch.float64, requires_grad=True)
    mine = gradc.tensor(POINTS, dtype=gradc.float64, requires_grad=True)
    expected = second(torch, torch.nn.functional, FUNCTIONS[name], theirs).numpy(force=True)
    found = second(gradc, gradc.nn.functional, FUNCTIONS[name], mine)
    np.testing.assert_allclose(found.numpy(), expected)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "max_pool1d"])
def test_compiled(name):
    x = gradc.tensor(POINTS, dtype=gradc.float64, requires_grad=True)
    run = gradc.compile(lambda x: second(gradc, gradc.nn.functional, FUNCTIONS[name], x))
    assert run(x).tolist() == [0.0] * 6


def test_linear_functions_have_no_second_gradient():
    x = gradc.tensor(POINTS, requires_grad=True)
    (first,) = gradc.autograd.grad((2 * x).sum(), x, create_graph=True)
    assert not first.requires_grad


@pytest.mark.parametrize("way", ["eager", "compiled"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_penalty_on_the_gradient_of_a_network(activation, way):
    def penalty(library, x, weight, bias):
        hidden = getattr(library.nn.functional, activation)(x @ weight.T + bias)
        (slope,) = library.autograd.grad(hidden.sum(), x, create_graph=True)
        loss = (slope * slope).sum()
        loss.backward()
        return loss

    given = [[[0.3, -0.4, 1.0]], [[0.2, -0.5, 1.0], [-1.0, 0.4, -0.3]], [0.1, 0.2]]
    theirs = [torch.tensor(v, requires_grad=True) for v in given]
    mine = [gradc.tensor(v, requires_grad=True) for v in given]
    penalty(torch, *theirs)
    run = gradc.compile(penalty) if way == "compiled" else penalty
    run(gradc, *mine)
    for m, t in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(m.grad.numpy(), t.grad.numpy(), rtol=1e-6)
