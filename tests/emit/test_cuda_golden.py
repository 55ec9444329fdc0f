"""Golden files of CUDA text, beside those for the CPU; they are also run on the emulated device."""

import subprocess
import sys
from pathlib import Path

import emit_programs
import numpy as np
import pytest
from emit_cuda import cuda_text, in_lanes, run
from emit_run import tables
from test_golden import PROGRAMS
from test_golden_digits import operands, program  # noqa: F401  (a fixture)

from gradc.emit.cuda import emit
from gradc.inspect.target import half_of
from gradc.ir.evaluate import evaluate
from gradc.passes.pipeline import optimise
from gradc.schedule.arithmetic import Arithmetic
from gradc.schedule.make import schedule
from gradc.schedule.target import CUDA

TENSOR_CORES = ("cnn", "attention")
GOLDEN = Path(__file__).parent / "golden" / "cuda"


def compare(path, source, request):
    if request.config.getoption("--update-golden"):
        path.write_text(source)
    assert source == path.read_text()


def agree(graph, emitted, arrays, source, launch, rtol=2e-4, atol=1e-5):
    with np.errstate(all="ignore"):
        outputs, updated = evaluate(graph, arrays)
    place = {v: i for i, v in enumerate(graph.inputs)}
    table, inputs, got, _arena = tables(graph, emitted, arrays)
    launch(source, table)
    found = [*got, *(inputs[place[old]] for old, _ in graph.updates)]
    for expected, array in zip((*outputs, *updated), found, strict=True):
        np.testing.assert_allclose(array, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", PROGRAMS)
def test_text_is_the_golden_file(name, request):
    _, emitted = cuda_text(PROGRAMS[name]())
    compare(GOLDEN / f"{name}.py", emitted.source, request)


@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_file_runs(name):
    graph = PROGRAMS[name]()
    _, emitted = cuda_text(graph)
    arrays = emit_programs.arrays(graph)
    source = (GOLDEN / f"{name}.py").read_text()
    agree(graph, emitted, arrays, source, run)


@pytest.mark.parametrize("name", TENSOR_CORES)
def test_text_for_tensor_cores_is_the_golden_file(name, request):
    plan = schedule(optimise(PROGRAMS[name]()), target=CUDA, arithmetic=Arithmetic("high"))
    compare(GOLDEN / f"{name}_tf32.py", emit(plan).source, request)


@pytest.mark.parametrize("name", TENSOR_CORES)
def test_golden_file_for_tensor_cores_runs(name):
    graph = PROGRAMS[name]()
    emitted = emit(schedule(optimise(graph), target=CUDA, arithmetic=Arithmetic("high")))
    arrays = emit_programs.arrays(graph)
    source = (GOLDEN / f"{name}_tf32.py").read_text()
    agree(graph, emitted, arrays, source, run, rtol=1e-2, atol=0.1)


def test_the_digits_step_is_the_golden_file(program, request):  # noqa: F811
    half = half_of(program.code.graph, CUDA)
    compare(GOLDEN / "digits_step.py", half.emitted.source, request)


def test_the_digits_step_computes_the_step(program):  # noqa: F811
    half = half_of(program.code.graph, CUDA)
    arrays, source = operands(program), (GOLDEN / "digits_step.py").read_text()
    for launch in (run, in_lanes((0, 1, 2))):
        agree(program.plan.graph, half.emitted, arrays, source, launch)


def test_the_whole_update_is_one_launch(program):  # noqa: F811
    source = half_of(program.code.graph, CUDA).emitted.source
    assert source.count("    adam[") == 1
    assert "sizes=(16384, 256, 32768, 128, 1280, 10)" in source


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.py")), ids=lambda p: p.stem)
def test_lines_fit_and_are_formatted(path):
    assert max(map(len, path.read_text().splitlines())) <= 90
    command = [sys.executable, "-m", "ruff", "format", "--check", "--line-length", "88", path]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
