"""CUDA text of whole programs, run on the emulated device against the evaluator."""

import emit_convolution
import emit_programs
import pytest
from emit_cuda import check, results

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


def test_sums_in_parts_are_the_same_at_every_run():
    graph = emit_programs.mlp_step(64, 48, 40, 10)
    arrays = emit_programs.arrays(graph)
    check(graph, arrays, rtol=2e-4, atol=1e-5)
    first, second = (results(graph, arrays)[2:] for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert [x.tobytes() for x in a] == [x.tobytes() for x in b]


def test_a_long_vector_is_read_by_neighbours_of_four():
    graph = emit_programs.mlp_step(64, 48, 40, 10)
    _, emitted = check(graph, emit_programs.arrays(graph), rtol=2e-4, atol=1e-5)
    assert "for i in quads(1920):" in emitted.source
