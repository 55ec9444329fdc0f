"""Attention on tensor cores: numbers of rounded operands, text, machine code."""

import numpy as np
import pytest
from emit_cuda import in_lanes, run
from test_attention_kernels import program
from test_cuda_attention import large
from test_cuda_cores import HIGH, results, text_of

from gradc.build.cuda import load_cuda, ptx_of
from gradc.ir.dtype import float32, float64
from gradc.ir.evaluate import evaluate
from gradc.schedule import attention_blocks as blocks
from gradc.schedule.arithmetic import Arithmetic
from gradc.schedule.attention_blocks import CORE_TILES, SHARED, AttentionBlock, Extents, Part

SIZE = (2, 150, 100, 2, 24, 32)


def cases(size, causal, mask):
    """Return a graph, its arrays, and what it gives in float64."""
    graph, arrays = program(float32, size, causal=causal, mask=mask)
    exact, _ = program(float64, size, causal=causal, mask=mask)
    wide = [x.astype("f8") if x.dtype == np.float32 else x for x in arrays]
    with np.errstate(all="ignore"):
        return graph, arrays, evaluate(exact, wide)[0]


@pytest.mark.parametrize(("precision", "most"), [("high", 4e-3), ("medium", 4e-2)])
@pytest.mark.parametrize(("causal", "mask"), [(True, "bool"), (False, "float")])
def test_attention_is_one_of_rounded_operands(causal, mask, precision, most):
    graph, arrays, expected = cases(SIZE, causal, mask)
    plan, emitted, found = results(graph, arrays, Arithmetic(precision), run)
    for ours, exact in zip(found, expected, strict=True):
        scale = abs(exact).max()
        np.testing.assert_allclose(ours, exact, atol=most * scale, rtol=0)
        assert abs(ours - exact).max() > 1e-5 * scale  # float32 is nearer
    form = {"high": "tf32", "medium": "bfloat16"}[precision]
    assert plan.describe().count(f"rounds operands to {form} for tensor cores") == 2
    assert emitted.source.count(f"round_{form}(") >= 14
    assert "multiply_add(" not in emitted.source


@pytest.mark.parametrize("tile", CORE_TILES, ids=str)
def test_every_tile(tile, monkeypatch):
    monkeypatch.setattr(blocks, "CORE_TILES", (tile,))
    monkeypatch.setattr(blocks, "SHARED", 4 * SHARED)
    monkeypatch.setattr(blocks, "SUMS", 1024)
    graph, arrays, expected = cases((1, 140, 70, 1, 20, 33), True, "")
    _, emitted, found = results(graph, arrays, HIGH, in_lanes((0,)))
    for ours, exact in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, exact, atol=5e-3 * abs(exact).max(), rtol=0)
    queries, keys, _ = tile
    assert f"a block has {queries} queries i + m" in emitted.source
    assert f"a block has {keys} keys start + j" in emitted.source


def test_the_order_of_lanes_does_not_matter():
    graph, arrays, expected = cases((1, 40, 70, 1, 33, 40), True, "float")
    _, _, found = results(graph, arrays, HIGH, in_lanes((2, 0, 1)))
    for ours, exact in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, exact, atol=5e-3 * abs(exact).max(), rtol=0)


def test_small_tiles_are_float32s():
    graph, arrays, _ = cases((1, 3, 4, 2, 3, 2), False, "")
    plan, emitted, _ = results(graph, arrays, HIGH, run)
    assert "tf32" not in emitted.source
    assert "tensor cores" not in plan.describe()


def test_float64_and_the_default_are_as_they_were():
    graph, _ = program(float64, SIZE, causal=True, mask="")
    assert "tf32" not in text_of(graph)[1].source
    graph, _ = program(float32, SIZE, causal=True, mask="")
    before, without = (text_of(graph, a) for a in (Arithmetic(), Arithmetic("high", cores=False)))
    assert before[1].source == without[1].source
    assert without[0].describe().count("multiplied in float32: no tensor cores for TF32") == 2


@pytest.mark.parametrize(
    ("part", "units", "tokens", "features", "expected"),
    [
        (Part.FORWARD, 256, 256, 64, (128, 32, 16)),
        (Part.FORWARD, 256, 256, 128, (64, 64, 16)),
        (Part.FORWARD, 8, 64, 64, (32, 64, 16)),
        (Part.FORWARD, 8, 64, 16, (64, 64, 16)),
        (Part.QUERIES, 256, 256, 64, (64, 64, 16)),
        (Part.KEYS, 256, 256, 64, (64, 32, 16)),
        (Part.QUERIES, 256, 256, 128, (64, 32, 16)),
        (Part.KEYS, 256, 256, 256, (64, 32, 16)),
        (Part.KEYS, 256, 256, 300, None),
    ],
)
def test_which_tile_is_taken(part, units, tokens, features, expected):
    sizes = Extents(units, tokens, tokens, features, features, float32, "tf32")
    found = sizes.block(part)
    assert found == (None if expected is None else AttentionBlock(*expected, "tf32"))
    if found is not None:
        assert sizes.shared(part, found) <= SHARED


def test_what_the_compiler_makes_of_them():
    _, emitted = text_of(large(64))
    kernels = ptx_of(emitted.source, "test", "sm_80").split(".visible .entry ")[1:]
    assert len(kernels) == 3
    for kernel in kernels:
        assert ".local" not in kernel  # sums stay in registers
        assert kernel.count("mma.sync.aligned.m16n8k8.row.col.f32.tf32") >= 16
        assert ".minnctapersm 2" in kernel
        assert "bar.warp" not in kernel
        assert ".f64" not in kernel


@pytest.mark.cuda_compile
@pytest.mark.parametrize("arch", ["sm_80", "sm_90"])
@pytest.mark.parametrize("features", [32, 64, 256])
def test_cubins(features, arch):
    pytest.importorskip("cuda.bindings")
    _, emitted = text_of(large(features))
    assert load_cuda(emitted.source, "test", arch).cubin.startswith(b"\x7fELF")
