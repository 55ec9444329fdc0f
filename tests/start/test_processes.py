"""New processes: what an import loads, a second start without compiling, pdb in a backward pass."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gradc.runtime import elf

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def python(*arguments, **environment):
    """Run Python on the checkout; return what it printed."""
    settings = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    run = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=settings,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def session(cache, breakpoint_at="", **environment):
    pytest.importorskip("tqdm", reason="the example shows its progress with tqdm")
    script = HERE / "digits_session.py"
    return json.loads(python(script, breakpoint_at, GRADC_CACHE=str(cache), **environment))


@pytest.mark.parametrize("what", ["gradc", "gradc.nn, gradc.optim, gradc.utils.data, gradc.func"])
def test_an_import_loads_no_heavy_package(what):
    heavy = "sympy", "numba", "llvmlite", "scipy", "matplotlib", "torch", "sklearn", "pandas"
    code = f"import sys, {what}; print([n for n in {heavy} if n in sys.modules])"
    assert python("-c", code).strip() == "[]"


def test_eager_training_needs_no_compiler():
    code = (
        "import sys, gradc\n"
        "model = gradc.nn.Linear(3, 2)\n"
        "optimizer = gradc.optim.Adam(model.parameters())\n"
        "model(gradc.ones(4, 3)).softmax(1).log().sum().backward()\n"
        "optimizer.step()\n"
        "print([n for n in ('sympy', 'numba', 'llvmlite', 'scipy') if n in sys.modules])"
    )
    assert python("-c", code).strip() == "[]"


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A cache, and the report of the process that filled it."""
    cache = tmp_path_factory.mktemp("start") / "cache"
    return cache, session(cache, NUMBA_DISABLE_JIT="0")


def test_a_second_process_trains_without_compiling(first):
    cache, cold = first
    assert cold["cached"] == [False]
    assert cold["seconds"][0] > 0
    warm = session(cache, NUMBA_DISABLE_JIT="0")
    assert warm["cached"] == [True]
    assert warm["seconds"] == [0.0]
    # the compiler stays out, and LLVM where object files are read without
    assert set(warm["heavy"]) <= (set() if elf.supported() else {"llvmlite"})
    for same in ("losses", "weights", "path"):
        assert warm[same] == cold[same]


def test_pdb_stops_in_the_backward_pass_of_the_digits_step(first):
    cache, jitted = first
    stopped = session(cache, "# ---- backward", NUMBA_DISABLE_JIT="1")
    assert "numba" not in stopped["heavy"]
    path, printed = stopped["path"], stopped["printed"]
    stops = re.findall(rf"^(?:\(Pdb\) )?> {re.escape(path)}\((\d+)\)train_step\(\)$", printed, re.M)
    assert stops, printed
    before = Path(path).read_text().splitlines()[: int(stops[0])]
    sections = [line.split()[2] for line in before if line.lstrip().startswith("# ---- ")]
    assert sections[-1] == "backward"
    assert "digits_session.py" in printed  # the user's frames are above it on the stack
    assert stopped["losses"] == pytest.approx(jitted["losses"], rel=1e-5)
    assert stopped["weights"] == pytest.approx(jitted["weights"], rel=1e-4)
