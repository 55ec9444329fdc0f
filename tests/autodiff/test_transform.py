"""JVP and VJP of whole graphs: fan-out, pass-through, second order, against differences."""

from __future__ import annotations

import numpy as np
import pytest

import gradc.primitives  # noqa: F401  (fills the registry)
from gradc.autodiff.transform import jvp, vjp
from gradc.errors import GradientError
from gradc.ir.builder import GraphBuilder
from gradc.ir.dtype import float64, int64
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import TensorType
from gradc.ir.verify import verify

RNG = np.random.default_rng(3)


def matrix(*shape):
    return TensorType(shape, float64)


def dense():
    """tanh(x W) used twice, a reduction, a slice and a broadcast."""
    b = GraphBuilder("dense")
    x, w = b.input(matrix(3, 4), "x"), b.input(matrix(4, 2), "W")
    h = b.op("tanh", b.op("dot", x, w, contract=((1,), (0,))))
    total = b.op("sum", b.op("mul", h, b.op("exp", h)), axes=(0,))
    wide = b.broadcast(b.reshape(total, (1, 2)), (3, 2))
    cut = b.op("slice", x, start=(0, 1), stop=(3, 3), step=(1, 1))
    return b.finish((b.op("mul", wide, cut), h))


def passing():
    """The input itself is an output, and one output is used by another."""
    b = GraphBuilder("passing")
    x = b.input(matrix(3), "x")
    y = b.op("mul", x, x)
    return b.finish((x, y, b.op("add", y, x)))


def selecting():
    b = GraphBuilder("selecting")
    x = b.input(matrix(2, 5), "x")
    values, index = b.op("sort", x, axis=1, descending=True)
    top = b.op("slice", values, start=(0, 0), stop=(2, 2), step=(1, 1))
    picked = b.op("gather", x, index, axis=1)
    return b.finish((b.op("prod", top, axes=(1,)), b.op("max", picked, axes=(0, 1))))


GRAPHS = [dense, passing, selecting]


def operands(graph):
    return [RNG.standard_normal(v.shape) for v in graph.inputs]


def run(graph, arrays):
    return evaluate(graph, arrays)[0]


@pytest.mark.parametrize("make", GRAPHS)
def test_jvp_agrees_with_central_differences(make):
    graph = make()
    xs, dots, h = operands(graph), operands(graph), 1e-6
    forward = verify(jvp(graph))
    found = run(forward, xs + dots)[len(graph.outputs) :]
    up = run(graph, [x + h * d for x, d in zip(xs, dots, strict=True)])
    down = run(graph, [x - h * d for x, d in zip(xs, dots, strict=True)])
    for got, a, b in zip(found, up, down, strict=True):
        np.testing.assert_allclose(got, (a - b) / (2 * h), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("make", GRAPHS)
def test_vjp_is_the_transpose_of_jvp(make):
    graph = make()
    xs, dots = operands(graph), operands(graph)
    bars = [RNG.standard_normal(v.shape) for v in graph.outputs]
    out_dots = run(jvp(graph), xs + dots)[len(graph.outputs) :]
    in_bars = run(verify(vjp(graph)), xs + bars)[len(graph.outputs) :]
    left = sum(np.vdot(a, b) for a, b in zip(bars, out_dots, strict=True))
    right = sum(np.vdot(a, b) for a, b in zip(in_bars, dots, strict=True))
    np.testing.assert_allclose(left, right, rtol=1e-10)


@pytest.mark.parametrize("make", [dense, passing])
def test_second_order_forward_over_reverse(make):
    """d/dt of the gradient along a direction, against differences of the gradient."""
    graph = make()
    gradient = vjp(graph)
    xs = operands(graph)
    bars = [RNG.standard_normal(v.shape) for v in graph.outputs]
    dots, h = operands(graph), 1e-6
    twice = verify(jvp(gradient, range(len(xs))))
    found = run(twice, xs + bars + dots)[-len(xs) :]
    up = run(gradient, [x + h * d for x, d in zip(xs, dots, strict=True)] + bars)
    down = run(gradient, [x - h * d for x, d in zip(xs, dots, strict=True)] + bars)
    for got, a, b in zip(found, up[-len(xs) :], down[-len(xs) :], strict=True):
        np.testing.assert_allclose(got, (a - b) / (2 * h), rtol=1e-5, atol=1e-6)


def test_adjoints_are_named_after_their_values():
    gradient = vjp(dense())
    x_bar, w_bar = gradient.outputs[-2:]
    assert (x_bar.hint, w_bar.hint) == ("x_bar", "W_bar")


def test_integer_inputs_have_no_gradient():
    b = GraphBuilder("pick")
    x, i = b.input(matrix(3), "x"), b.input(TensorType((2,), int64), "i")
    graph = b.finish((b.op("index_select", x, i, axis=0),))
    assert len(vjp(graph).outputs) == 2
    with pytest.raises(GradientError) as error:
        vjp(graph, [1])
    assert error.value.message == (
        "vjp: input 1 of pick is int64[2]; only floating inputs have gradients"
    )
