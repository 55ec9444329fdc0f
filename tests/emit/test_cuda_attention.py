"""Attention as kernels of a GPU: numbers, text, what LLVM and NVIDIA's assembler make of them."""

import re

import emit_programs
import numpy as np
import pytest
from emit_cuda import check, cuda_text, in_lanes, results
from emit_programs import Program
from test_attention_kernels import program

from gradc.build.cuda import load_cuda, ptx_of
from gradc.ir.dtype import float32, float64
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import TensorType
from gradc.passes.pipeline import optimise
from gradc.schedule import attention_blocks as blocks
from gradc.schedule.attention import Attention
from gradc.schedule.attention_blocks import SHARED, AttentionBlock, Extents, Part
from gradc.schedule.make import schedule
from gradc.schedule.target import CUDA

# samples, queries, keys, heads, features, outputs
SIZES = [
    (1, 64, 64, 1, 8, 8),  # whole tiles
    (2, 40, 70, 1, 5, 20),  # remainders of queries, keys and features
    (1, 67, 35, 2, 33, 40),  # fewer keys than queries
    (1, 1, 130, 1, 4, 8),  # one query, many keys
    (1, 70, 1, 1, 16, 1),  # one key
    (1, 3, 4, 2, 3, 2),  # less than a tile
]
TIGHT = {"rtol": 1e-10, "atol": 1e-10}


@pytest.mark.parametrize("mask", ["", "bool", "float"])
@pytest.mark.parametrize("causal", [False, True], ids=["whole", "causal"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_text_means_attention(size, causal, mask):
    graph, arrays = program(float64, size, causal=causal, mask=mask)
    plan, _ = check(graph, arrays, launch=in_lanes((0,)), **TIGHT)
    assert sum(isinstance(k.work, Attention) for k in plan.kernels) == 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (3, 1, 0, 2)])
@pytest.mark.parametrize("size", SIZES[1:3], ids=str)
def test_the_order_of_lanes_does_not_matter(size, order):
    graph, arrays = program(float64, size, causal=True, mask="float")
    check(graph, arrays, launch=in_lanes(order), **TIGHT)


COMPILED = [
    ("forward and backward", float32, (2, 150, 100, 2, 24, 32), "bool", 3e-5),
    ("float64", float64, (1, 67, 70, 1, 33, 16), "float", 1e-10),
]


@pytest.mark.parametrize(("name", "dtype", "size", "mask", "most"), COMPILED)
def test_compiled_text_means_attention(name, dtype, size, mask, most):
    graph, arrays = program(dtype, size, causal=True, mask=mask)
    check(graph, arrays, rtol=most, atol=most)


@pytest.mark.parametrize("order", [(0, 2, 1, 3), (2, 0, 1, 3)])
def test_operands_are_read_where_they_lie(order):
    graph, arrays = program(float64, SIZES[1], causal=True, mask="", order=order)
    plan, _ = check(graph, arrays, launch=in_lanes((0,)), **TIGHT)
    assert len(plan.kernels) == 2


TILES = sorted({tile for tiles in blocks.TILES.values() for tile in tiles})


@pytest.mark.parametrize(("causal", "mask"), [(True, ""), (False, "float")])
@pytest.mark.parametrize("tile", TILES, ids=str)
def test_every_tile(tile, causal, mask, monkeypatch):
    monkeypatch.setattr(blocks, "TILES", dict.fromkeys(Part, (tile,)))
    monkeypatch.setattr(blocks, "SHARED", 4 * SHARED)  # any tile, of float64
    monkeypatch.setattr(blocks, "SUMS", 1024)
    graph, arrays = program(float64, (1, 140, 70, 1, 20, 9), causal=causal, mask=mask)
    _, emitted = check(graph, arrays, launch=in_lanes((0,)), **TIGHT)
    queries, keys, terms = tile
    assert f"a block has {queries} queries i + m" in emitted.source
    assert f"a block has {keys} keys start + j" in emitted.source
    assert emitted.source.count(f"{terms} terms of their products") == 3


def special(where, what):
    """Numbers that are none: which operand has them, and where."""
    graph, arrays = program(float64, (1, 40, 70, 1, 5, 20), causal=False, mask="float")
    arrays = [a.copy() for a in arrays]
    arrays[where].reshape(-1, arrays[where].shape[-1])[33, 0] = what
    return graph, arrays


@pytest.mark.parametrize("what", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("where", [0, 1, 2], ids="qkv")
def test_nan_and_infinity_reach_what_they_reach_in_numpy(where, what):
    graph, arrays = special(where, what)
    with np.errstate(all="ignore"):
        expected, _ = evaluate(graph, arrays)
    assert not all(np.isfinite(x).all() for x in expected)
    check(graph, arrays, launch=in_lanes((0,)), **TIGHT)


def test_a_query_that_sees_nothing_gets_zeros():
    graph, arrays = program(float64, (1, 40, 70, 1, 5, 20), causal=False, mask="bool")
    arrays[3][0, 0, 7] = False
    arrays[3][0, 0, 39, :64] = False  # all of the first tiles of keys
    check(graph, arrays, launch=in_lanes((0,)), **TIGHT)
    with np.errstate(all="ignore"):
        (out, log_sum, *_), _ = evaluate(graph, arrays)
    assert not out[0, 7].any()
    assert not log_sum[0, 7].any()


def test_tiles_that_a_causal_mask_hides_are_not_read():
    graph, arrays = program(float64, (1, 64, 96, 1, 8, 8), causal=True, mask="", adjoint=False)
    clean, _ = evaluate(graph, arrays)
    arrays[1][0, 64:], arrays[2][0, 64:] = np.nan, np.nan
    with np.errstate(all="ignore"):
        spread, _ = evaluate(graph, arrays)
    assert np.isnan(spread[0]).all()  # 0 * NaN, where nothing is left out
    _, _, (out, log_sum), _ = results(graph, arrays, in_lanes((0,)))
    np.testing.assert_allclose(out, clean[0], **TIGHT)
    np.testing.assert_allclose(log_sum, clean[1], **TIGHT)


def test_the_adjoint_of_a_packed_projection_is_written_at_once():
    b, rng = Program("packed"), np.random.default_rng(1)
    x = b.input(TensorType((2, 40, 72), float64), "x")
    pieces = []
    for i in range(3):
        ends = {"start": (0, 0, 24 * i), "stop": (2, 40, 24 * i + 24), "step": (1, 1, 1)}
        pieces.append(b.reshape(b.op("slice", x, **ends), (2, 40, 3, 8)))
    out, _ = b.op("attention", *pieces, scale=0.4, causal=True)
    loss = b.op("sum", b.op("mul", out, out), axes=(0, 1, 2, 3), keepdims=False)
    graph = optimise(b.finish((loss, *b.gradients(loss, [x]))))
    arrays = [rng.standard_normal(x.shape)]
    _, emitted = check(graph, arrays, launch=in_lanes((0, 1)), **TIGHT)
    assert "bars[n, i + m, 0, h, d] = result" in emitted.source
    assert "bars[n, start + j, 2, h, e] = result" in emitted.source


def large(features, dtype=float32, tokens=1024, heads=8):
    return program(dtype, (4, tokens, tokens, heads, features, features), causal=True, mask="")[0]


def test_no_scores_lie_in_memory():
    plan = schedule(large(64), target=CUDA)
    assert max(v.type.size for v in plan.memory.places) == 4 * 1024 * 8 * 64
    assert plan.composed == ()


def test_heads_that_have_no_room_are_made_of_products():
    graph, arrays = program(float64, (1, 20, 30, 1, 300, 300), causal=True, mask="bool")
    plan, emitted = check(graph, arrays, **TIGHT)
    assert "attention" not in emitted.calls.values()
    assert plan.composed == tuple(
        f"{name} 1 x [20, 300] of [30, 300]: float64 heads of 300 features don't fit into a block"
        for name in ("attention", "attention adjoint")
    )
    text = plan.describe()
    assert "made of products and softmax, with all weights in memory\n  attention 1 x" in text


@pytest.mark.parametrize(
    ("part", "units", "queries", "keys", "features", "dtype", "expected"),
    [
        (Part.FORWARD, 256, 256, 256, 64, float32, (128, 64, 8)),
        (Part.FORWARD, 256, 256, 256, 128, float32, (64, 64, 16)),
        (Part.FORWARD, 256, 256, 256, 256, float32, (64, 64, 16)),
        (Part.FORWARD, 256, 256, 256, 64, float64, (64, 32, 16)),
        (Part.FORWARD, 256, 64, 64, 64, float32, (64, 64, 16)),
        (Part.FORWARD, 8, 64, 64, 64, float32, (32, 32, 16)),
        (Part.QUERIES, 256, 256, 256, 64, float32, (64, 64, 16)),
        (Part.KEYS, 256, 256, 256, 64, float32, (64, 64, 16)),
        (Part.KEYS, 256, 256, 256, 128, float32, (64, 32, 8)),
        (Part.KEYS, 256, 256, 256, 256, float32, (64, 32, 8)),
        (Part.KEYS, 256, 256, 256, 300, float32, None),
        (Part.KEYS, 256, 256, 256, 128, float64, (32, 32, 16)),
    ],
)
def test_which_tile_is_taken(part, units, queries, keys, features, dtype, expected):
    sizes = Extents(units, queries, keys, features, features, dtype)
    found = sizes.block(part)
    assert found == (None if expected is None else AttentionBlock(*expected))
    if found is not None:
        assert sizes.shared(part, found) <= SHARED


def test_what_the_compiler_makes_of_them():
    _, emitted = cuda_text(large(64))
    text = ptx_of(emitted.source, "test", "sm_90")
    kernels = text.split(".visible .entry ")[1:]
    assert len(kernels) == 3
    for kernel in kernels:
        assert ".local" not in kernel  # sums stay in registers
        assert ".reqntid 256" in kernel
        assert ".minnctapersm 2" in kernel
        assert "bar.warp" not in kernel
        assert "div." not in kernel
        assert ".f64" not in kernel
        assert len(re.findall(r"ld\.global(\.nc)?\.v4", kernel)) >= 1
        assert len(re.findall(r"st\.global\.v4", kernel)) >= 4
        assert len(re.findall(r"ld\.shared\.v4", kernel)) >= 48
        assert len(re.findall(r"st\.shared\.v4", kernel)) >= 4  # weights
        assert len(re.findall(r"fma\.rn\.f32", kernel)) >= 512


@pytest.mark.cuda_compile
@pytest.mark.parametrize("arch", ["sm_80", "sm_90"])
@pytest.mark.parametrize(
    ("dtype", "size", "mask"),
    [(float32, (16, 256, 256, 8, 32, 32), ""), (float64, (1, 67, 35, 2, 33, 40), "bool")],
)
def test_cubins(dtype, size, mask, arch):
    pytest.importorskip("cuda.bindings")
    graph, _ = program(dtype, size, causal=True, mask=mask)
    _, emitted = cuda_text(graph)
    assert load_cuda(emitted.source, "test", arch).cubin.startswith(b"\x7fELF")


def test_the_golden_program_has_the_tiles_of_a_busy_gpu():
    _, emitted = cuda_text(emit_programs.attention())
    assert "a block has 64 queries i + m, and goes along the keys start + j," in emitted.source
