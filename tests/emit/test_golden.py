"""Golden files: the generated text of six programs, which are also run, compiled."""

import os
import subprocess
import sys
from pathlib import Path

import emit_convolution
import emit_programs
import numpy as np
import pytest
from emit_run import check, compile_text, interpreted, tables

from gradc.build import load
from gradc.ir.evaluate import evaluate

GOLDEN = Path(__file__).parent / "golden"
PROGRAMS = {
    "neuron": emit_programs.neuron,
    "softmax_cross_entropy": emit_programs.softmax_cross_entropy,
    "mlp_step": emit_programs.mlp_step,
    "cnn": emit_convolution.cnn,
    "gru_loss": emit_programs.gru_loss,
    "attention": emit_programs.attention,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_text_is_the_golden_file(name, request):
    _, emitted = compile_text(PROGRAMS[name]())
    path = GOLDEN / f"{name}.py"
    if request.config.getoption("--update-golden"):
        path.write_text(emitted.source)
    assert emitted.source == path.read_text()


@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_file_runs(name):
    graph = PROGRAMS[name]()
    arrays = emit_programs.arrays(graph)
    outputs, updated = evaluate(graph, arrays)
    source = (GOLDEN / f"{name}.py").read_text()
    _, emitted = compile_text(graph)
    for run in (lambda t: load(source, name).call(t.ctypes.data), lambda t: interpreted(source, t)):
        table, inputs, got, _arena = tables(graph, emitted, arrays)
        run(table)
        place = {v: i for i, v in enumerate(graph.inputs)}
        found = [*got, *(inputs[place[old]] for old, _ in graph.updates)]
        for expected, array in zip((*outputs, *updated), found, strict=True):
            np.testing.assert_allclose(array, expected, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("name", PROGRAMS)
def test_lines_fit_and_are_formatted(name):
    path = GOLDEN / f"{name}.py"
    assert max(map(len, path.read_text().splitlines())) <= 90
    command = [sys.executable, "-m", "ruff", "format", "--check", "--line-length", "88", path]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_text_is_the_same_in_every_process():
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import emit_programs, emit_run\n"
        "print(emit_run.compile_text(emit_programs.mlp_step())[1].source)\n"
    )
    texts = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", script, str(Path(__file__).parent)]
        outcome = subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment
        )
        texts.add(outcome.stdout)
    assert len(texts) == 1
    (text,) = texts
    assert text.rstrip() == (GOLDEN / "mlp_step.py").read_text().rstrip()


def test_equal_kernels_are_written_once():
    _, emitted = compile_text(emit_programs.mlp_step())
    assert emitted.source.count("def adam") == 1
    assert emitted.source.count("    adam(") == 6
    assert emitted.source.count("def bias_relu") == 1
    assert emitted.source.count("    bias_relu(") == 2


def test_mlp_in_float64_matches_to_rounding():
    graph = emit_programs.mlp_step(dtype=emit_programs.float64)
    check(graph, emit_programs.arrays(graph), rtol=1e-10, atol=1e-12)


def test_slots_are_inputs_then_outputs():
    graph = emit_programs.softmax_cross_entropy()
    _, emitted = compile_text(graph)
    assert [(s.number, s.name, s.is_output) for s in emitted.slots] == [
        (3, "z", False),
        (4, "y", False),
        (5, "L", True),
        (6, "z_bar", True),
    ]
