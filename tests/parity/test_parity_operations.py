"""Every tensor operation, compiled with its gradient, against PyTorch; several in one program."""

import numpy as np
import pytest
from tensor_operations import CASES
from tensor_values import VALUES

import gradc

torch = pytest.importorskip("torch")

PER_PROGRAM = 28


def parts(table):
    names = list(table)
    return [names[i : i + PER_PROGRAM] for i in range(0, len(names), PER_PROGRAM)]


def run(lib, names, *, compiled=False):
    """Return the results and gradients of each named operation."""
    inputs = {n: [lib.tensor(a, requires_grad=True) for a in CASES[n][1:]] for n in names}

    def whole(inputs):
        results = {}
        total = 0.0
        for name, xs in inputs.items():
            y = CASES[name][0](lib, *xs)
            weight = lib.arange(y.numel(), dtype=lib.float64).cos().reshape(y.shape)
            total = total + (y * weight).sum()
            results[name] = y.detach()
        total.backward()
        return results

    results = (gradc.compile(whole) if compiled else whole)(inputs)
    return {n: (results[n], [x.grad for x in inputs[n]]) for n in names}


@pytest.mark.parametrize("names", parts(CASES), ids=lambda names: f"{names[0]} to {names[-1]}")
def test_compiled_operations(names):
    expected, got = run(torch, names), run(gradc, names, compiled=True)
    for name in names:
        (y, grads), (e, expected_grads) = got[name], expected[name]
        assert str(y.dtype) == str(e.dtype).removeprefix("torch."), name
        tolerance = 1e-6 if y.dtype is gradc.float32 else 1e-12
        np.testing.assert_allclose(y.numpy(), e.numpy(), tolerance, tolerance, err_msg=name)
        for g, their in zip(grads, expected_grads, strict=True):
            assert (g is None) == (their is None), name
            if g is not None:
                np.testing.assert_allclose(g.numpy(), their.numpy(), 1e-9, 1e-10, err_msg=name)


def values(lib, names, *, compiled=False):
    """Return the results of each named operation on numbers that have no gradients."""
    inputs = {n: [lib.tensor(a) for a in VALUES[n][1:]] for n in names}

    def whole(inputs):
        return {n: VALUES[n][0](lib, *xs) for n, xs in inputs.items()}

    return (gradc.compile(whole) if compiled else whole)(inputs)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("names", parts(VALUES), ids=lambda names: f"{names[0]} to {names[-1]}")
def test_values(names, compiled):
    expected, got = values(torch, names), values(gradc, names, compiled=compiled)
    for name in names:
        y, e = got[name], expected[name]
        assert str(y.dtype) == str(e.dtype).removeprefix("torch."), name
        np.testing.assert_allclose(y.numpy(), e.numpy(), 1e-6, err_msg=name)
