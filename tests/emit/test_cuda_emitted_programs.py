"""CUDA text of whole programs, run on the emulated device against the evaluator."""

import emit_convolution
import emit_programs
import pytest
from emit_cuda import check, in_lanes, results

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
