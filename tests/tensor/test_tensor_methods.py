"""Methods of Tensor against PyTorch: values, dtypes and gradients, eager and traced."""

import numpy as np
import pytest
from tensor_operations import CASES

import gradc
from gradc.ir.evaluate import evaluate
from gradc.ir.verify import verify
from gradc.tensor import Trace

torch = pytest.importorskip("torch")


def tensors(lib, arrays, requires_grad=True):
    return [lib.tensor(a, requires_grad=requires_grad) for a in arrays]


def run(lib, f, arrays):
    """Return (value, gradients) with a fixed cotangent."""
    xs = tensors(lib, arrays)
    y = f(lib, *xs)
    weight = np.cos(np.arange(y.numel(), dtype=np.float64)).reshape(tuple(y.shape))
    if y.requires_grad:
        (y * lib.tensor(weight)).sum().backward()
    return y, [x.grad for x in xs]


@pytest.mark.parametrize("name", CASES)
def test_as_in_pytorch(name):
    f, *arrays = CASES[name]
    y, grads = run(gradc, f, arrays)
    expected, expected_grads = run(torch, f, arrays)
    assert tuple(y.shape) == tuple(expected.shape)
    assert str(y.dtype) == str(expected.dtype).removeprefix("torch.")
    assert y.requires_grad == expected.requires_grad
    tolerance = 1e-6 if y.dtype is gradc.float32 else 1e-12
    np.testing.assert_allclose(
        y.detach().numpy(), expected.detach().numpy(), rtol=tolerance, atol=tolerance
    )
    for g, e in zip(grads, expected_grads, strict=True):
        if e is None:
            assert g is None
        else:
            np.testing.assert_allclose(g.numpy(), e.numpy(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_traced_as_eager(name):
    f, *arrays = CASES[name]
    y, grads = run(gradc, f, arrays)
    xs = tensors(gradc, arrays)
    weight = np.cos(np.arange(y.numel(), dtype=np.float64)).reshape(tuple(y.shape))
    before = [x.numpy(force=True).copy() for x in xs]
    with Trace("f") as trace:
        out = f(gradc, *xs)
        if out.requires_grad:
            (out * gradc.tensor(weight)).sum().backward()
        found = [x.grad for x in xs]
        results = [out, *[g for g in found if g is not None]]
        values = tuple(trace.value(t) for t in results)
    graph = trace.builder.finish(values)
    verify(graph)
    for x, a in zip(xs, before, strict=True):
        assert x.grad is None
        assert (x.numpy(force=True) == a).all()
    inputs = [c.storage.content for c in trace.cells.values()]
    outputs, _ = evaluate(graph, inputs)
    np.testing.assert_allclose(outputs[0], y.detach().numpy(), rtol=1e-14, atol=0)
    eager = [g for g in grads if g is not None]
    assert [g is None for g in found] == [g is None for g in grads]
    for got, g in zip(outputs[1:], eager, strict=True):
        np.testing.assert_allclose(got, g.numpy(), rtol=1e-12, atol=1e-13)
