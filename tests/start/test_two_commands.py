"""README's two commands: one trains on digits and ends with a test score, one runs the tests."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gradc

ROOT = Path(__file__).parents[2]
COMMANDS = re.search(r"## Two commands\n+```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
MNIST = Path(os.environ.get("GRADC_DATA", "data")) / "mnist"
SCORE = re.compile(r"test accuracy (\d+\.\d)%")


def command(program):
    """Return the arguments that README gives to a program."""
    assert COMMANDS is not None
    lines = (line.split("#")[0] for line in COMMANDS[1].splitlines())
    parts = (part.split() for line in lines for part in line.split("&&"))
    (found,) = (words[1:] for words in parts if words[:1] == [program])
    return found


def run(arguments, folder, cache):
    """Run Python on the checkout from another folder; return what it printed."""
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "GRADC_CACHE": str(cache)}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=settings,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_first_trains_on_digits(tmp_path):
    pytest.importorskip("tqdm", reason="the example shows its progress with tqdm")
    pytest.importorskip("sklearn", reason="scikit-learn brings the digits")
    (example,) = command("python")
    printed = run([ROOT / example, "--epochs", 6], tmp_path, tmp_path / "cache")
    assert float(SCORE.search(printed)[1]) > 90
    assert printed.count("\nepoch ") == 6
    saved = gradc.load(tmp_path / "digits.safetensors")
    assert list(saved["model"]) == [f"fc{i}.{p}" for i in (1, 2, 3) for p in ("weight", "bias")]
    (path,) = re.findall(r"generated code: (.*)", printed)
    assert "# ---- backward" in Path(path).read_text()


def test_the_second_runs_the_tests(tmp_path):
    pytest.importorskip("xdist", reason="-n 2 needs pytest-xdist")
    options = command("pytest")
    printed = run(["-m", "pytest", *options, "-q", ROOT / "tests/test_layers.py"], ROOT, tmp_path)
    assert re.search(r"^\d+ passed", printed, re.M)


@pytest.mark.skipif(
    not (MNIST / "t10k-images-idx3-ubyte.gz").is_file(),
    reason="the real MNIST files are not there (GRADC_DATA)",
)
def test_mnist_is_learned_in_fifteen_epochs(tmp_path):
    pytest.importorskip("tqdm", reason="the example shows its progress with tqdm")
    arguments = [ROOT / "examples/digits.py", "--data", MNIST, "--epochs", 15]
    printed = run(arguments, tmp_path, tmp_path / "cache")
    assert float(SCORE.search(printed)[1]) >= 94
