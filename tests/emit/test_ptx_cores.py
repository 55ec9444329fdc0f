"""Tensor cores' kernels on the PTX machine: what lanes hold, barriers, alignment, every access."""

import numpy as np
import pytest
from emit_cuda import run
from emit_ptx import results
from emit_run import tables
from ptx.schedule import TOGETHER, Order
from test_attention_kernels import program as attention
from test_cuda_cores import HIGH, text_of
from test_cuda_tiles import launches, program

from gradc.ir.dtype import float32
from gradc.ir.evaluate import evaluate


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
