"""On a GPU, products of rounded operands read them as they are and round them themselves."""

import numpy as np
import pytest
from emit_cuda import check, cuda_text, in_lanes
from emit_programs import Program

from gradc.compiler.cuda_fallback import Fallback
from gradc.devices.emulated import EmulatedDriver
from gradc.ir.dtype import float32
from gradc.ir.graph import TensorType
from gradc.primitives.sixteen_bits import lowered
from gradc.runtime.cuda_launch import View
from gradc.schedule.convolutions import Convolution
from gradc.schedule.plan import Product


def linear(first="round_bfloat16", second="round_bfloat16", *, keep=False, bias=False):
    b = Program("p")
    x, w = (b.input(TensorType(s, float32), n) for s, n in (((6, 4), "x"), ((5, 4), "W")))
    x_16 = b.op(first, x) if first else x
    turned = b.op("permute", w, axes=(1, 0))
    w_16 = b.op(second, turned) if second else turned
    y = b.named(b.op("dot", x_16, w_16, contract=((1,), (0,))), "y")
    if bias:
        y = b.op("add", y, b.broadcast(b.input(TensorType((5,), float32), "b"), (6, 5)))
    return b.finish((y, x_16) if keep else (y,))


def convolution(channels=8, name="round_float16"):
    b = Program("conv")
    x = b.input(TensorType((2, 6, 5, 1, channels), float32), "x")
    w = b.input(TensorType((3, 2, 1, channels, 16), float32), "w")
    padded = b.op("pad", x, low=(0, 1, 0, 0, 0), high=(0, 1, 0, 0, 0), interior=(0,) * 5, value=0)
    y = b.op("conv", b.op(name, padded), b.op(name, w), stride=(1, 2), dilation=(1, 1))
    return b.finish((y,))


def arrays(graph):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(v.shape, dtype="f") for v in graph.inputs]


def works(plan, kind):
    return [k.work for k in plan.kernels if isinstance(k.work, kind)]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("name", ["round_bfloat16", "round_float16"])
def test_a_product_rounds(name, bias):
    graph = linear(name, name, bias=bias)
    plan, emitted = check(graph, arrays(graph), rtol=1e-6, atol=1e-6)
    (product,) = works(plan, Product)
    assert len(plan.kernels) == 1
    assert f'rounds="{product.rounds}")' in emitted.source
    assert f"which rounds operands to {name.removeprefix('round_')}" in plan.describe()


@pytest.mark.parametrize(
    ("graph", "kernels"),
    [
        (linear("round_bfloat16", "round_float16"), 3),
        (linear("round_bfloat16", ""), 2),
        (linear("", "round_bfloat16"), 2),
    ],
    ids=["two formats", "left alone", "right alone"],
)
def test_operands_that_are_not_rounded_alike_have_kernels(graph, kernels):
    plan, emitted = check(graph, arrays(graph), rtol=1e-6, atol=1e-6)
    assert [p.rounds for p in works(plan, Product)] == [""]
    assert len(plan.kernels) == kernels
    assert "rounds=" not in emitted.source


def test_a_rounded_operand_that_is_a_result_too_is_there():
    graph = linear(keep=True)
    plan, _ = check(graph, arrays(graph), rtol=1e-6, atol=1e-6)
    assert len(plan.kernels) == 2
    assert [p.rounds for p in works(plan, Product)] == ["bfloat16"]


@pytest.mark.parametrize("channels", [8, 2])  # in tiles, and an element per thread
def test_a_convolution_rounds_as_it_reads(channels):
    graph = convolution(channels)
    plan, emitted = check(graph, arrays(graph), rtol=1e-5, atol=1e-5)
    assert [c.rounds for c in works(plan, Convolution)] == ["float16"]
    assert "rounds operands to float16" in plan.describe()
    assert "round_float16(x[" in emitted.source
    assert "round_float16(w[" in emitted.source
    assert "to_float16" not in emitted.source
    check(graph, arrays(graph), launch=in_lanes((1, 0)), rtol=1e-5, atol=1e-5)


def test_the_kernel_of_a_product_without_a_library_rounds():
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((70, 50), dtype="f"), rng.standard_normal((40, 50), dtype="f")
    small = a[:3].copy(), b[:2].copy()
    for left, right in ((a, b), small):
        out = np.empty((len(left), len(right)), "f")
        views = [View(z.ctypes.data, "f32", z.shape) for z in (left, right, out)]
        Fallback(EmulatedDriver(0)).run("matmul_t", *views, rounds="bfloat16")
        x, y = lowered("bfloat16", left, right)
        np.testing.assert_allclose(out, x @ y.T, rtol=1e-5, atol=1e-5)
        assert not np.allclose(out, left @ right.T, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["round_bfloat16", "round_float16"])
def test_on_the_cpu_rounding_is_a_kernel_of_its_own(name):
    from gradc.passes.pipeline import optimise
    from gradc.schedule.make import schedule

    plan = schedule(optimise(linear(name, name)))
    assert [p.rounds for p in works(plan, Product)] == [""]
    assert len(plan.kernels) == 3


def test_text_is_the_same_every_time():
    assert cuda_text(convolution())[1].source == cuda_text(convolution())[1].source
