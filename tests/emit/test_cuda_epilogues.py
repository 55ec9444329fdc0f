"""Biases that are all that is added to a product are added by the product."""

import numpy as np
import pytest
from emit_cuda import check, cuda_text, in_lanes
from emit_programs import Program

from gradc.compiler.cuda_fallback import Fallback
from gradc.devices.emulated import EmulatedDriver
from gradc.ir.dtype import float32, float64
from gradc.ir.graph import TensorType
from gradc.runtime.cuda_launch import View
from gradc.schedule.plan import Product


def linear(shape=(6, 4), columns=5, dtype=float32, *, after=None, keep=False, swapped=False):
    b = Program("p")
    x = b.input(TensorType(shape, dtype), "x")
    w = b.input(TensorType((columns, shape[-1]), dtype), "W")
    bias = b.input(TensorType((columns,), dtype), "b")
    contract = ((len(shape) - 1,), (1,))
    z = b.named(b.op("dot", x, w, contract=contract), "z")
    spread = b.broadcast(bias, z.shape)
    y = b.named(b.op("add", *((spread, z) if swapped else (z, spread))), "y")
    y = b.named(b.op(after, y), "h") if after else y
    return b.finish((y, z) if keep else (y,))


def biases(plan):
    return [k.work.bias for k in plan.kernels if isinstance(k.work, Product)]


def arrays(graph):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(v.shape) for v in graph.inputs]


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("shape", [(6, 4), (2, 3, 4)])
def test_a_bias_is_added_by_the_product(shape, swapped):
    graph = linear(shape, swapped=swapped)
    plan, emitted = check(graph, arrays(graph), rtol=1e-5, atol=1e-6)
    assert len(plan.kernels) == 1
    assert "matmul_t(gpu, " in emitted.source
    assert ", bias=b)" in emitted.source
    assert "with a bias" in plan.describe()
    assert "the GPU's library, which adds the bias" in plan.describe()
    check(graph, arrays(graph), launch=in_lanes((0, 1)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "graph",
    [linear(after="relu"), linear(keep=True), linear(dtype=float64)],
    ids=["an activation follows", "the product is a result too", "float64"],
)
def test_other_sums_stay_in_kernels(graph):
    plan, _ = check(graph, arrays(graph), rtol=1e-5, atol=1e-6)
    assert biases(plan) == [None]


def test_a_bias_that_is_computed_later_is_added_later():
    b = Program("p")
    x, w = b.input(TensorType((4, 4), float32), "x"), b.input(TensorType((4, 4), float32), "W")
    z = b.op("dot", x, w, contract=((1,), (0,)))
    bias = b.named(b.op("sum", b.op("mul", z, z), axes=(0,)), "b")
    other = b.op("dot", z, w, contract=((1,), (0,)))
    graph = b.finish((b.op("add", other, b.broadcast(bias, (4, 4))),))
    check(graph, arrays(graph), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sizes", [(40, 33, 17), (4, 3, 2)])
def test_without_a_library(sizes):
    rows, terms, columns = sizes
    rng = np.random.default_rng(1)
    a, w, bias = rng.random((rows, terms)), rng.random((terms, columns)), rng.random(columns)
    out = np.zeros((rows, columns))
    views = [View(x.ctypes.data, "f64", x.shape) for x in (a, w, out, bias)]
    Fallback(EmulatedDriver()).run("matmul", *views)
    np.testing.assert_allclose(out, a @ w + bias)


def test_the_text():
    _, emitted = cuda_text(linear())
    assert "    matmul_t(gpu, x, W, y, bias=b)\n" in emitted.source
    assert "@kernel" not in emitted.source
