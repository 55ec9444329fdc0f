"""Convolutions and products in tiles: numbers, text, and what LLVM makes of them."""

import re

import numpy as np
import pytest
from emit_cuda import check, cuda_text, in_lanes
from emit_programs import Program

from gradc.build.cuda import load_cuda, ptx_of
from gradc.compiler.cuda_fallback import Fallback
from gradc.devices.emulated import EmulatedDriver
from gradc.emit import cuda_product
from gradc.ir.dtype import float32, float64, int64
from gradc.ir.graph import TensorType
from gradc.runtime.cuda_launch import View
from gradc.schedule.blocks import Extent, tiled
from gradc.schedule.convolutions import Convolution
from gradc.schedule.frame import Frame, Tile

# x, w (window, groups, channels of x, channels of y), stride, dilation
SHAPES = {
    "3x3": ((2, 7, 6, 1, 16), (3, 3, 1, 16, 16), (1, 1), (1, 1)),
    "edges": ((3, 9, 8, 1, 5), (3, 2, 1, 5, 19), (1, 1), (1, 1)),
    "stride": ((2, 11, 12, 1, 8), (3, 3, 1, 8, 10), (2, 3), (1, 1)),
    "dilation": ((2, 11, 12, 1, 8), (3, 3, 1, 8, 10), (1, 2), (2, 1)),
    "groups": ((2, 8, 7, 2, 8), (3, 3, 2, 8, 9), (1, 1), (1, 1)),
    "line": ((3, 40, 1, 9), (5, 1, 9, 12), (2,), (3,)),
    "space": ((1, 5, 5, 5, 1, 4), (2, 2, 2, 1, 4, 33), (1, 1, 1), (1, 1, 1)),
    "1x1": ((2, 6, 6, 1, 32), (1, 1, 1, 32, 48), (1, 1), (1, 1)),
    "long sums": ((1, 7, 7, 1, 128), (3, 3, 1, 128, 16), (1, 1), (1, 1)),
}


def program(name, dtype=float64, gradients=True):
    x_shape, w_shape, stride, dilation = SHAPES[name]
    b = Program("conv")
    x, w = (
        b.input(TensorType(x_shape, dtype), "x"),
        b.input(TensorType(w_shape, dtype), "w"),
    )
    y = b.named(b.op("conv", x, w, stride=stride, dilation=dilation), "y")
    if not gradients:
        return b.finish((y,))
    loss = b.op("sum", b.op("mul", y, y), axes=tuple(range(len(x_shape))))
    return b.finish((y, *b.gradients(loss, [x, w])))


def arrays(graph):
    rng = np.random.default_rng(3)
    if graph.inputs[0].dtype is int64:
        return [rng.integers(-4, 5, v.shape) for v in graph.inputs]
    return [rng.standard_normal(v.shape) for v in graph.inputs]


def launches(plan):
    found = [k.launch for k in plan.kernels if isinstance(k.work, Convolution)]
    return [launch for launch in found if launch is not None]


@pytest.mark.parametrize("name", SHAPES)
def test_convolutions_and_their_gradients(name):
    graph = program(name)
    plan, _ = check(graph, arrays(graph), rtol=1e-9, atol=1e-9)
    assert launches(plan)[0].frame is Frame.TILES


def test_float32_and_whole_numbers():
    graph = program("3x3", float32)
    check(graph, arrays(graph), rtol=2e-4, atol=1e-3)
    graph = program("edges", int64, gradients=False)
    plan, emitted = check(graph, arrays(graph))
    assert launches(plan)[0].frame is Frame.TILES
    assert "tile_i64" in emitted.source


@pytest.mark.parametrize("order", [(0,), (0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize("name", ["edges", "groups"])
def test_the_order_of_lanes_does_not_matter(name, order):
    graph = program(name, gradients=False)
    check(graph, arrays(graph), launch=in_lanes(order), rtol=1e-9, atol=1e-9)


def test_long_sums_are_made_of_parts():
    plan, emitted = cuda_text(program("long sums", gradients=False))
    (launch,) = launches(plan)
    assert launch.parts == 4
    assert launch.together == 288
    assert "range(288 * part, minimum(288 * part + 288, 1152), 16)" in emitted.source
    assert "add_parts" in emitted.source


def test_which_tile_is_taken():
    assert tiled(Extent(1, 1024, 64, 288)).tile == Tile(64, 64, 16)
    assert tiled(Extent(1, 86528, 64, 288)).tile == Tile(128, 64, 16)
    assert tiled(Extent(1, 86528, 20, 288)).tile == Tile(128, 32, 16)
    assert tiled(Extent(4, 86528, 10, 288)).tile == Tile(256, 16, 16)


@pytest.mark.parametrize(
    "sizes", [Extent(64, 86528, 1, 9), Extent(1, 86528, 3, 288), Extent(1, 86528, 64, 3)]
)
def test_tiny_and_depthwise_convolutions_are_done_element_by_element(sizes):
    assert tiled(sizes) is None


def test_the_text():
    _, emitted = cuda_text(program("3x3", float32, gradients=False))
    assert (
        """    # a block has a tile of 64 x 16 sums; 16 terms at a time come
    # through shared memory
    x_tile, w_tile = shared_f32(16, 68), shared_f32(16, 16)
    for _ in rows(1):
        sums = tile_f32(64, 16)
        for i in range(3):
            for j in range(3):
                for c in range(0, 16, 16):
                    for a, t in dealt(64, 16):
                        n, p, q = unravel(minimum(a, 39), 5, 4)
                        x_tile[t, a] = x[n, p + i, q + j, c + t]
                    for t, b in dealt(16, 16):
                        w_tile[t, b] = w[i, j, c + t, b]
                    meet_lanes()
                    multiply_add(sums, x_tile, w_tile)
                    meet_lanes()
        for a, b, total in held(sums):
            if a < 40:
                n, p, q = unravel(a, 5, 4)
                y[n, p, q, b] = total
"""
        in emitted.source
    )


@pytest.mark.parametrize("name", ["edges", "groups"])
def test_sums_stay_in_registers(name):
    _, emitted = cuda_text(program(name, float32))
    text = ptx_of(emitted.source, "test", "sm_90")
    assert ".local" not in text
    assert len(re.findall(r"ld\.shared\.v[24]", text)) >= 32
    assert len(re.findall(r"fma\.rn\.f32", text)) >= 4 * 16
    assert "div." not in text
    assert ".f64" not in text


@pytest.mark.cuda_compile
@pytest.mark.parametrize(
    ("name", "dtype", "arch"),
    [("groups", float32, "sm_80"), ("edges", float32, "sm_90"), ("long sums", float64, "sm_90")],
)
def test_cubins(name, dtype, arch):
    pytest.importorskip("cuda.bindings")
    _, emitted = cuda_text(program(name, dtype))
    assert load_cuda(emitted.source, "test", arch).cubin.startswith(b"\x7fELF")


PRODUCTS = {
    "matmul": ((40, 33), (33, 17), (40, 17)),
    "t_matmul": ((32, 70), (32, 80), (70, 80)),
    "matmul_t": ((65, 16), (9, 16), (65, 9)),
    "batch_t_matmul_t": ((3, 20, 40), (3, 12, 20), (3, 40, 12)),
    "batch_matmul": ((2, 5, 4), (2, 4, 3), (2, 5, 3)),
}


@pytest.mark.parametrize(
    ("name", "dtype"), [*((name, "f4") for name in PRODUCTS), ("matmul", "u1"), ("t_matmul", "i8")]
)
def test_products_without_a_library(name, dtype):
    device = EmulatedDriver()
    fallback = Fallback(device)
    code = {"f4": "f32", "i8": "i64", "u1": "u8"}[dtype]
    rng = np.random.default_rng(0)
    a, b, out = (rng.integers(0, 9, shape).astype(dtype) for shape in PRODUCTS[name])
    views = [View(x.ctypes.data, code, x.shape) for x in (a, b, out)]
    fallback.run(name, *views)
    form = name.removeprefix("batch_")
    left = a.swapaxes(-1, -2) if form.startswith("t_") else a
    right = b.swapaxes(-1, -2) if form.endswith("_t") else b
    np.testing.assert_array_equal(out, np.matmul(left, right, dtype=dtype))


def test_products_are_tiled_where_that_is_worth_it():
    assert "multiply_add" in cuda_product.text("matmul", "f32", *PRODUCTS["matmul"])
    assert "grid(2, 5, 3)" in cuda_product.text("batch_matmul", "f32", *PRODUCTS["batch_matmul"])
    unaligned = cuda_product.text("matmul", "f32", *PRODUCTS["matmul"], aligned=False)
    assert "unaligned=True" in unaligned
