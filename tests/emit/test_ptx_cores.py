"""Tensor cores' kernels on the PTX machine: what lanes hold, barriers, alignment, every access."""

import numpy as np
import pytest
from emit_cuda import run
from emit_programs import Program
from emit_ptx import results
from emit_run import tables
from ptx.schedule import TOGETHER, Order
from test_attention_kernels import program as attention
from test_cuda_cores import HIGH, rounded_to, text_of
from test_cuda_tiles import launches, program

from gradc.ir.dtype import float32
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import TensorType
from gradc.schedule import blocks
from gradc.schedule.arithmetic import Arithmetic


@pytest.mark.parametrize("name", ["3x3", "edges", "stride", "groups", "1x1", "long sums"])
def test_convolutions_and_their_gradients(name):
    graph = program(name, float32)
    rng = np.random.default_rng(1)
    # whole numbers that TF32 holds, the adjoint 2 y too: so nothing is rounded
    arrays = [rng.integers(-1, 2, v.shape).astype("f") for v in graph.inputs]
    plan, emitted, found, _, gpu = results(graph, arrays, TOGETHER, HIGH)
    expected, _ = evaluate(graph, arrays)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    tiles = [launch for launch in launches(plan) if launch.tile is not None]
    assert emitted.source.count("sums = tile_tf32(") == len(tiles) >= 2
    assert any(name.startswith("conv") for name in gpu.launched)


@pytest.mark.parametrize("tile", blocks.CORE_TILES, ids=str)
@pytest.mark.parametrize("precision", ["high", "medium"])
def test_large_tiles(tile, precision, monkeypatch):
    monkeypatch.setattr(blocks, "ENOUGH", 1)
    monkeypatch.setattr(blocks, "CORE_TILES", (tile,))
    b = Program("conv")
    x = b.input(TensorType((2, 8, 9, 1, 32), float32), "x")
    w = b.input(TensorType((1, 2, 1, 32, 128), float32), "w")
    graph = b.finish((b.op("conv", x, w, stride=(1, 1), dilation=(1, 1)),))
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(v.shape, dtype="f") for v in graph.inputs]
    arrays[0][1, 3, 4, 0, 5], arrays[0][0, 0, 0, 0, 0] = np.nan, np.inf
    plan, emitted, (found,), _, _ = results(graph, arrays, TOGETHER, Arithmetic(precision))
    (launch,) = launches(plan)
    assert (launch.tile.rows, launch.tile.columns) == tile
    assert emitted.source.count("dealt_fours(") == 2
    exact = [z.astype("f8") for z in rounded_to(precision, *arrays)]
    with np.errstate(all="ignore"):
        (expected,), _ = evaluate(graph, exact)
    assert 2 * 128 <= np.isnan(expected).sum() <= 4 * 128
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("order", [TOGETHER, Order("backwards")], ids=lambda o: o.name)
def test_attention_is_what_the_emulated_device_computes(order):
    graph, arrays = attention(float32, (1, 70, 45, 1, 20, 33), causal=True, mask="float")
    _, emitted, found, _, _ = results(graph, arrays, order, HIGH)
    assert emitted.source.count("tile_tf32(") == 9
    table, _, outputs, arena = tables(graph, text_of(graph)[1], arrays)
    run(emitted.source, table)
    del arena
    for ours, emulated in zip(found, outputs, strict=True):
        # a sum that is rounded otherwise may be rounded to another neighbour of TF32
        np.testing.assert_allclose(ours, emulated, atol=1e-3 * abs(emulated).max(), rtol=0)
