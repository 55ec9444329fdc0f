"""The golden file of the digits example's training step, which is also run."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from emit_run import REGISTERS, interpreted, tables

import gradc
from gradc.build import load
from gradc.inspect.stages import program_of
from gradc.ir.evaluate import evaluate
from gradc.schedule import make

GOLDEN = Path(__file__).parent / "golden" / "digits_step.py"
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "digits.py"


@pytest.fixture(scope="module")
def program():
    """The step as `gradc show examples/digits.py:train_step` compiles it."""
    pytest.importorskip("tqdm")
    spec = importlib.util.spec_from_file_location("digits", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["digits"] = module
    # the same weights in every process: Adam's first step magnifies the rounding of small gradients
    gradc.manual_seed(1)
    try:
        spec.loader.exec_module(module)
        with pytest.MonkeyPatch.context() as patch:  # the same text on every processor
            patch.setattr(make, "host_registers", lambda: REGISTERS)
            return program_of(module.train_step)
    finally:
        del sys.modules["digits"]


def operands(program):
    """Return an array per input: random images and labels, the state as it is."""
    rng = np.random.default_rng(0)
    found = []
    for value in program.plan.graph.inputs:
        if value.name == "x":
            found.append(rng.standard_normal(value.shape).astype(np.float32))
        elif value.name == "y":
            found.append(rng.integers(0, 10, value.shape))
        elif value in program.captured.hypers:
            hyper = program.captured.hypers[value]
            found.append(np.asarray(hyper.owner[hyper.key]))
        else:
            found.append(program.captured.cells[value].storage.content)
    return found


def test_text_is_the_golden_file(program, request):
    source = program.emitted.source
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(source)
    assert source == GOLDEN.read_text()


def test_golden_file_computes_the_step(program):
    graph, emitted = program.plan.graph, program.emitted
    arrays = operands(program)
    outputs, updated = evaluate(graph, arrays)
    source = GOLDEN.read_text()
    place = {v: i for i, v in enumerate(graph.inputs)}
    for run in (
        lambda t: load(source, "digits").call(t.ctypes.data),
        lambda t: interpreted(source, t),
    ):
        table, inputs, got, _arena = tables(graph, emitted, arrays)
        run(table)
        found = [*got, *(inputs[place[old]] for old, _ in graph.updates)]
        for expected, array in zip((*outputs, *updated), found, strict=True):
            np.testing.assert_allclose(array, expected, rtol=2e-4, atol=1e-5)


def test_lines_fit_and_are_formatted():
    assert max(map(len, GOLDEN.read_text().splitlines())) <= 90
    command = [sys.executable, "-m", "ruff", "format", "--check", "--line-length", "88", GOLDEN]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
