"""CUDA text of whole programs, run on the emulated device against the evaluator."""

import emit_convolution
import emit_programs
import numpy as np
import pytest
from emit_cuda import check, in_lanes, results
from emit_programs import Program

from gradc.ir.dtype import float32, int64
from gradc.ir.graph import TensorType

PROGRAMS = {
    "neuron": emit_programs.neuron,
    "softmax_cross_entropy": emit_programs.softmax_cross_entropy,
    "mlp_step": emit_programs.mlp_step,
    "cnn": emit_convolution.cnn,
    "gru_loss": emit_programs.gru_loss,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_computes_what_it_means(name):
    graph = PROGRAMS[name]()
    check(graph, emit_programs.arrays(graph), rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("order", [(0,), (0, 1, 2), (2, 1, 0)], ids=str)
@pytest.mark.parametrize("name", PROGRAMS)
def test_program_computes_what_it_means_in_lanes_that_take_turns(name, order):
    graph = PROGRAMS[name]()
    check(graph, emit_programs.arrays(graph), launch=in_lanes(order), rtol=2e-4, atol=1e-5)


def test_sums_in_parts_are_the_same_at_every_run():
    graph = emit_programs.mlp_step(64, 48, 40, 10)
    arrays = emit_programs.arrays(graph)
    check(graph, arrays, rtol=2e-4, atol=1e-5)
    first, second = (results(graph, arrays)[2:] for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert [x.tobytes() for x in a] == [x.tobytes() for x in b]


def test_scattered_sums_are_shared_out_by_ranges_of_places():
    b = Program("embedding_bar")
    x = b.input(TensorType((601, 3), float32), "x")
    index = b.input(TensorType((50,), int64), "index")
    u = b.input(TensorType((50, 3), float32), "u")
    graph = b.finish((b.op("index_add", x, index, u, axis=0),))
    rng = np.random.default_rng(0)
    index_array = np.concatenate([rng.integers(0, 601, 40), np.full(6, 600), [0, 0, 601, -1]])
    arrays = [rng.standard_normal((601, 3)), index_array, rng.standard_normal((50, 3))]
    arrays = [np.asarray(a, v.dtype.numpy) for a, v in zip(arrays, graph.inputs, strict=True)]
    _, emitted, (got,), _ = results(graph, arrays)
    assert "high = minimum(low + 3, 601)" in emitted.source
    expected = arrays[0].copy()
    for place, row in zip(arrays[1], arrays[2], strict=True):
        if 0 <= place < 601:  # what lies outside is not written
            expected[place] += row
    assert got.tobytes() == expected.tobytes()
