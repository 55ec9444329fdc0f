"""Convolutions and products on tensor cores: numbers, text, what LLVM makes of them."""

import re

import numpy as np
import pytest
from emit_cuda import in_lanes, run
from emit_programs import Program
from emit_run import tables
from test_cuda_rounded_products import convolution as rounded_convolution
from test_cuda_tiles import PRODUCTS, SHAPES, launches, program

from gradc.build.cuda import load_cuda, ptx_of
from gradc.emit import cuda_product
from gradc.emit.cuda import emit
from gradc.ir.dtype import float32, float64
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import TensorType
from gradc.passes.pipeline import optimise
from gradc.primitives.sixteen_bits import lowered
from gradc.runtime.interpreted_maths import round_tf32
from gradc.schedule.arithmetic import Arithmetic
from gradc.schedule.blocks import Extent, tiled
from gradc.schedule.frame import Tile
from gradc.schedule.make import schedule
from gradc.schedule.target import CUDA

HIGH = Arithmetic("high")


def rounded_to(precision, x, y):
    if precision == "high":
        return round_tf32(x), round_tf32(y)
    return lowered("bfloat16", x, y)


def text_of(graph, arithmetic=HIGH):
    plan = schedule(optimise(graph), target=CUDA, arithmetic=arithmetic)
    return plan, emit(plan)


def results(graph, arrays, arithmetic, launch):
    plan, emitted = text_of(graph, arithmetic)
    table, _, outputs, arena = tables(graph, emitted, arrays)
    launch(emitted.source, table)
    del arena
    assert max(map(len, emitted.source.splitlines())) <= 100, emitted.source
    return plan, emitted, outputs


def forward(name, dtype=float32):
    return program(name, dtype, gradients=False)


LANES = in_lanes((0, 1))
CASES = [(name, run) for name in ("3x3", "edges", "groups", "long sums")]


@pytest.mark.parametrize("precision", ["high", "medium"])
@pytest.mark.parametrize(("name", "launch"), [*CASES, ("edges", LANES), ("groups", LANES)])
def test_a_convolution_is_one_of_rounded_operands(name, precision, launch):
    graph = forward(name)
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(v.shape, dtype="f") for v in graph.inputs]
    plan, _, (found,) = results(graph, arrays, Arithmetic(precision), launch)
    exact = [x.astype("f8") for x in rounded_to(precision, *arrays)]
    (expected,), _ = evaluate(forward(name, float64), exact)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)
    (full,), _ = evaluate(graph, arrays)
    assert not np.allclose(found, full, rtol=2e-5, atol=2e-5)
    form = {"high": "tf32", "medium": "bfloat16"}[precision]
    assert f"rounds operands to {form} for tensor cores" in plan.describe()


@pytest.mark.parametrize("name", SHAPES)
def test_gradients_are_convolutions_of_rounded_operands(name):
    graph = program(name, float32)
    rng = np.random.default_rng(1)
    # whole numbers that TF32 holds, the adjoint 2 y too: so nothing is rounded
    arrays = [rng.integers(-1, 2, v.shape).astype("f") for v in graph.inputs]
    plan, emitted, found = results(graph, arrays, HIGH, run)
    expected, _ = evaluate(graph, arrays)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    tiles = [launch for launch in launches(plan) if launch.tile is not None]
    assert emitted.source.count("sums = tile_tf32(") == len(tiles) >= 2


def test_the_text():
    plan, emitted = text_of(forward("3x3"))
    assert (
        """    # a block has a tile of 64 x 16 sums; 16 terms at a time come
    # through shared memory, rounded to tf32 for tensor cores
    x_tile, w_tile = shared_f32(64, 20), shared_f32(16, 24)
    for _ in rows(1):
        sums = tile_tf32(64, 16)
        for i in range(3):
            for j in range(3):
                for c in range(0, 16, 16):
                    for a, t in dealt_fours(64, 16):
                        n, p, q = unravel(minimum(a, 39), 5, 4)
                        x_tile[a, t] = round_tf32(x[n, p + i, q + j, c + t])
                    for t, b in dealt(16, 16):
                        w_tile[t, b] = round_tf32(w[i, j, c + t, b])
                    meet_lanes()
                    add_matmul(sums, x_tile, w_tile)
                    meet_lanes()
"""
        in emitted.source
    )
    assert "rounds operands to tf32 for tensor cores" in plan.describe()


def test_the_default_is_what_it_was():
    assert text_of(forward("3x3"), Arithmetic())[1].source == text_of(
        forward("3x3"), Arithmetic("high", cores=False)
    )[1].source  # fmt: skip
    assert "tf32" not in text_of(forward("3x3"), Arithmetic())[1].source


def test_without_tensor_cores_that_is_said():
    plan, _ = text_of(forward("3x3"), Arithmetic("high", cores=False))
    assert "multiplied in float32: no tensor cores for TF32" in plan.describe()
    plan, _ = text_of(forward("3x3"), Arithmetic("highest", cores=False))
    assert "tensor cores" not in plan.describe()


def test_autocast_without_tensor_cores_rounds_and_multiplies_in_float32():
    plan, emitted = text_of(rounded_convolution(), Arithmetic(cores=False))
    assert "tile_f32(" in emitted.source
    assert "round_float16(x[" in emitted.source
    why = "rounds operands to float16, multiplied in float32: no tensor cores for TF32"
    assert why in plan.describe()
    plan, emitted = text_of(rounded_convolution(), Arithmetic())
    assert "tile_tf32(" in emitted.source
    assert "round_float16(x[" in emitted.source
    assert "rounds operands to float16 for tensor cores" in plan.describe()


def test_other_dtypes_are_not_rounded():
    for precision in ("high", "medium"):
        _, emitted = text_of(forward("3x3", float64), Arithmetic(precision))
        assert "round_" not in emitted.source
        assert "tile_f64" in emitted.source


def test_which_tile_is_taken():
    def of(*sizes):
        tile = tiled(Extent(*sizes), "tf32", cores=True).tile
        return tile.rows, tile.columns, tile.terms

    assert of(1, 86528, 256, 1152, 128) == (128, 128, 32)
    assert of(1, 86528, 192, 1152, 128) == (128, 64, 32)
    assert of(1, 86528, 64, 288, 32) == (128, 64, 32)
    assert of(1, 86528, 20, 288, 32) == (128, 32, 32)
    assert of(1, 1024, 64, 432, 48) == (64, 64, 16)
    assert of(1, 576, 64, 93312) == (64, 64, 32)  # weights' gradients, in parts
    assert of(1, 1152, 128, 23328) == (128, 64, 32)
    assert tiled(Extent(64, 86528, 1, 9), "tf32", cores=True) is None
    assert tiled(Extent(1, 1024, 64, 288)).tile == Tile(64, 64, 16)


@pytest.mark.parametrize("name", ["edges", "groups", "3x3"])
def test_sums_stay_in_registers(name):
    _, emitted = text_of(forward(name))
    text = ptx_of(emitted.source, "test", "sm_80")
    assert ".local" not in text
    assert len(re.findall(r"mma\.sync\.aligned\.m16n8k8\.row\.col\.f32\.tf32", text)) >= 2
    assert "cvt.rna.tf32.f32" in text
    assert "fma.rn.f32" not in text
    assert ".f64" not in text


@pytest.mark.cuda_compile
@pytest.mark.parametrize("arch", ["sm_80", "sm_90"])
@pytest.mark.parametrize("precision", ["high", "medium"])
@pytest.mark.parametrize("name", ["groups", "edges", "3x3"])
def test_cubins(name, precision, arch):
    pytest.importorskip("cuda.bindings")
    _, emitted = text_of(program(name, float32), Arithmetic(precision))
    assert load_cuda(emitted.source, "test", arch).cubin.startswith(b"\x7fELF")


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_without_a_library(name):
    arrays = PRODUCTS[name]
    text = cuda_product.text(name, "f32", *arrays, arithmetic=HIGH)
    if name == "batch_matmul":
        assert "round_" not in text  # an element per thread
        return
    left = "" if name.removeprefix("batch_").startswith("matmul") else "t_"
    right = "_t" if name.endswith("_t") else ""
    assert f"add_{left}matmul{right}(sums, left_tile, right_tile)" in text
    assert "round_tf32(left[" in text
    assert "round_tf32(right[" in text
    assert "cvt.rna.tf32" in ptx_of(text, "test", "sm_80")
    assert "tf32" not in cuda_product.text(name, "f64", *arrays, arithmetic=HIGH)


def four_at_once(shape, w):
    """Return the PTX of each convolution of a graph."""
    b = Program("conv")
    x = b.input(TensorType(shape, float32), "x")
    w = b.input(TensorType(w, float32), "w")
    y = b.op("conv", x, w, stride=(1, 1), dilation=(1, 1))
    loss = b.op("sum", b.op("mul", y, y), axes=tuple(range(5)))
    graph = b.finish((y, *b.gradients(loss, [x, w])))
    text = ptx_of(text_of(graph)[1].source, "test", "sm_80")
    return [k for k in text.split(".visible .entry ")[1:] if k.startswith("gradc_conv")]


def test_operands_are_read_and_stored_four_at_once():
    kernels = four_at_once((64, 18, 18, 1, 64), (3, 3, 1, 64, 64))
    assert len(kernels) == 3
    for kernel in kernels:
        assert not re.search(r"ld\.global\.nc\.b32", kernel)
        assert not re.search(r"st\.shared\.b32", kernel)
        assert re.search(r"ld\.global\.nc\.v4\.b32", kernel)
        assert re.search(r"st\.shared\.v4\.b32", kernel)
        assert ".minnctapersm 2" in kernel


def test_unaligned_operands_are_read_one_by_one():
    shapes = PRODUCTS["matmul_t"]
    text = cuda_product.text("matmul_t", "f32", *shapes, arithmetic=HIGH)
    assert "dealt_fours" in text
    text = cuda_product.text("matmul_t", "f32", *shapes, aligned=False, arithmetic=HIGH)
    assert "dealt_fours" not in text
