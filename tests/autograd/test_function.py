"""Functions with a backward pass of their own, gradcheck, and anomaly detection."""

import numpy as np
import pytest

import gradc
from gradc.autograd import Function, gradcheck, gradgradcheck
from gradc.errors import AnomalyError, ArgumentError, GradientError, InplaceError
from gradc.ir.evaluate import evaluate
from gradc.tensor import Trace

torch = pytest.importorskip("torch")


def functions(L):
    class Cube(L.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.save_for_backward(x)
            ctx.factor = factor
            return factor * x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            assert ctx.needs_input_grad == (True, False)
            return g * 3 * ctx.factor * x**2, None

    class Pair(L.autograd.Function):
        @staticmethod
        def forward(x, y):
            return x * y, x + y, (x > 0)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.mark_non_differentiable(output[2])

        @staticmethod
        def backward(ctx, g, h, _):
            x, y = ctx.saved_tensors
            return g * y + h, g * x + h

    class Same(L.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return -g

    return Cube, Pair, Same


def programs(L):
    cube, pair, same = functions(L)
    x = L.tensor([1.0, -2.0], dtype=L.float64, requires_grad=True)
    y = L.tensor([0.5, 3.0], dtype=L.float64, requires_grad=True)
    a, b, c = pair.apply(x, y)
    (cube.apply(a, 2.0).sum() + b.sum() + same.apply(x * 1).sum()).backward()
    (g,) = L.autograd.grad(cube.apply(x, 1.0).sum(), x, create_graph=True)
    (h,) = L.autograd.grad(g.sum(), x)
    only = pair.apply(x, y)[0].sum()
    (k,) = L.autograd.grad(only, y)
    return [x.grad, y.grad, g, h, k], c.requires_grad


def test_as_in_pytorch():
    got, flag = programs(gradc)
    wanted, flag_too = programs(torch)
    assert flag == flag_too
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy())


def test_traced():
    cube, *_ = functions(gradc)
    x = gradc.tensor([1.0, -2.0], requires_grad=True)
    with Trace("f") as trace:
        cube.apply(x, 2.0).sum().backward()
        value = trace.value(x.grad)
    graph = trace.builder.finish((value,))
    (got,), _ = evaluate(graph, [c.storage.content for c in trace.cells.values()])
    assert got.tolist() == [6.0, 24.0]
    assert x.grad is None


def test_messages():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x)
            return x + y

        @staticmethod
        def backward(ctx, g):
            _ = ctx.saved_tensors
            return g

    x = gradc.ones(2, requires_grad=True)
    with pytest.raises(ArgumentError, match=r"incorrect number of gradients \(expected 2, got 1\)"):
        Wrong.apply(x, x).sum().backward()
    z = x * 1
    out = Wrong.apply(z, x).sum()
    z.add_(1)
    with pytest.raises(InplaceError, match="saved by save_for_backward"):
        out.backward()
    with pytest.raises(NotImplementedError, match="You must implement the forward function"):
        Function.apply(x)


def test_gradcheck():
    x = gradc.tensor([[0.5, -1.5]], dtype=gradc.float64, requires_grad=True)
    w = gradc.tensor([[1.0], [2.0]], dtype=gradc.float64, requires_grad=True)
    assert gradcheck(lambda x, w: ((x @ w).tanh(), x.exp()), (x, w))
    assert gradgradcheck(lambda x, w: ((x @ w).tanh(), x.exp()), (x, w))

    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 3

    assert not gradcheck(Wrong.apply, (x,), raise_exception=False)
    with pytest.raises(GradientError, match="Jacobian mismatch for output 0 with respect to input"):
        gradcheck(Wrong.apply, (x,))
    with pytest.raises(ArgumentError, match="input 0 is float32; differences need float64"):
        gradcheck(lambda x: x, (gradc.ones(1, requires_grad=True),))
    with pytest.raises(ArgumentError, match="at least one input tensor to require gradient"):
        gradcheck(lambda x: x, (gradc.ones(1),))


def made_nan(x):
    y = x - 1
    z = y.log()
    return z * 2


def test_anomaly_names_the_line_that_made_it():
    with gradc.autograd.detect_anomaly():
        assert gradc.autograd.anomaly_enabled()
        with pytest.raises(AnomalyError) as caught:
            made_nan(gradc.tensor([0.5, 2.0]))
        first, place, way_out = str(caught.value).split("\n")
        assert first == "log: made a NaN from operands without one (float32[2])"
        assert place.endswith("in made_nan:  z = y.log()")
        assert way_out.startswith("  try: look at the operands of this line")
        # a NaN that was there before is passed on
        assert (gradc.tensor(float("nan")) * 2).isnan().item()
    assert not gradc.autograd.anomaly_enabled()


def test_anomaly_in_the_backward_pass():
    x = gradc.zeros(1, requires_grad=True)
    with gradc.autograd.detect_anomaly():
        y = x.sqrt()
        z = (y * 0).sum()
        with pytest.raises(AnomalyError) as caught:
            z.backward()
    assert str(caught.value).startswith("backward: SqrtBackward0 made a NaN from gradients without")
    assert "y = x.sqrt()" in str(caught.value)
    with gradc.autograd.set_detect_anomaly(True):
        assert gradc.autograd.anomaly_enabled()
    assert not gradc.autograd.anomaly_enabled()
