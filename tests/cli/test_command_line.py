"""The `gradc` command: its output, and its errors word for word."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradc.cli.main import main

STEP = """
import gradc

print("this file prints")
LIMIT = 3


@gradc.compile(example_inputs="float32[4]")
def energy(x):
    return (x * x).sum()


def scaled(x, y):
    print("and so does this function")
    return x * y


def broken(x):
    return x / (1 - 1) + [][2]


def uneven(x):
    return x @ x


def leaves(x):
    raise SystemExit(3)
"""


@pytest.fixture
def user(tmp_path, monkeypatch):
    """A folder with the user's file, which is the working directory."""
    (tmp_path / "energies.py").write_text(STEP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", [*sys.argv])
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if "energies" in name or name in ("dies", "wrong"):
            del sys.modules[name]


def run(capsys, *arguments):
    """Return (exit code, stdout, stderr) of a command."""
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_show_source(user, capsys):
    code, out, err = run(capsys, "show", "energies.py:energy")
    assert code == 0
    assert out.startswith('"""energy: forward, one native call.')
    assert "@step\ndef energy(buffers):" in out
    assert err == "this file prints\n"


def test_show_graph_with_inputs_of_two_options(user, capsys):
    command = ("show", "--stage", "graph", "energies:scaled")
    for inputs in (("--input", "float32[2], float32[2]"), ("--input", "float32[2]") * 2):
        code, out, err = run(capsys, *command, *inputs)
        assert code == 0
        assert out.splitlines()[0] == "scaled(x: float32[2], y: float32[2]):"
        assert "and so does this function" in err


def test_show_gradient_and_plan(user, capsys):
    _, out, _ = run(capsys, "show", "--stage", "gradient", "energies.py:energy")
    assert out.splitlines()[-1].strip() == "return v2, x_bar"
    _, out, _ = run(capsys, "show", "--stage", "plan", "energies.py:energy")
    assert out.startswith("energy: 1 kernels, 0 numbers, ")


def test_compile_writes_the_module_and_a_report(user, capsys):
    code, out, _ = run(capsys, "compile", "energies.py:energy", "-o", "made.py")
    assert code == 0
    assert out.startswith("written: made.py\n\nenergy\n  calls ")
    assert "imported, traced, planned and compiled in " in out
    _, shown, _ = run(capsys, "show", "energies.py:energy")
    assert Path("made.py").read_text() == shown


def error(capsys, *arguments):
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    return err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("energy",), "'energy' is no target: expected FILE.py:NAME or module:object"),
        (("energies.py:",), "'energies.py:' is no target: expected FILE.py:NAME or module:object"),
        (("nothing.py:f",), "there is no file nothing.py"),
        (("no.such:f",), "there is no module 'no.such' here or among the installed packages"),
        (
            ("energies.py:f",),
            "energies.py has no 'f'; it has energy, scaled, broken, uneven, leaves",
        ),
        (("energies.py:LIMIT",), "energies.py:LIMIT is an int, expected a function of tensors"),
        (
            ("energies.py:scaled",),
            'energies.py:scaled takes x, y: give their types, as in --input "float32[8, 4]"',
        ),
        (
            ("energies.py:scaled", "--input", "float[2"),
            "--input: example inputs 'float[2': a comma was expected at '[2'; write a dtype and "
            "sizes, float32[8, 4]; several in a row: float32[8, 4], int64[8]",
        ),
        (
            ("energies.py:scaled", "--input", "float32[2]"),
            "compiling energies.py:scaled: TypeError: scaled() missing 1 required positional "
            "argument: 'y'",
        ),
        (
            ("energies.py:broken", "--input", "float32[2]"),
            "compiling energies.py:broken: energies.py:19: IndexError: list index out of range",
        ),
        (
            ("energies.py:leaves", "--input", "float32[2]"),
            "compiling energies.py:leaves: the code ended the program (SystemExit: 3)",
        ),
    ],
)
def test_errors(user, capsys, arguments, message):
    err = error(capsys, "show", *arguments)
    assert err.splitlines()[-1] == f"gradc: {message}"
    assert "Traceback" not in err


def test_errors_of_gradc_keep_their_form(user, capsys):
    err = error(capsys, "show", "energies.py:uneven", "--input", "float32[2, 3]")
    first, at, *_ = err.splitlines()[1:]
    assert first.startswith("gradc: compiling energies.py:uneven: ShapeError: matmul: ")
    assert at == "  at energies.py:23 in uneven:  return x @ x"


def test_errors_of_the_file_itself(user, capsys):
    (user / "dies.py").write_text("x = 1\nraise ValueError('no data here')\n")
    assert error(capsys, "show", "dies.py:f") == (
        "gradc: importing dies.py: dies.py:2: ValueError: no data here\n"
    )
    (user / "dies.py").write_text("import sys\nsys.exit('usage: dies')\n")
    assert error(capsys, "show", "dies.py:f") == (
        "gradc: importing dies.py: the code ended the program (SystemExit: usage: dies)\n"
    )
    (user / "wrong.py").write_text("def f(:\n")
    assert error(capsys, "show", "wrong.py:f") == (
        "gradc: importing wrong.py: wrong.py:1: SyntaxError: invalid syntax\n"
    )


def test_output_that_cannot_be_written(user, capsys):
    err = error(capsys, "compile", "energies.py:energy", "-o", "no/such/folder.py")
    assert err.splitlines()[-1] == (
        "gradc: can't write no/such/folder.py: No such file or directory"
    )


def test_cache(tmp_path, monkeypatch, user, capsys):
    store = tmp_path / "store"
    monkeypatch.setenv("GRADC_CACHE", str(store))
    _, out, _ = run(capsys, "cache", "info")
    assert out == f"{store}: 0 programs, 0 B\n"
    run(capsys, "compile", "energies.py:energy")
    _, out, _ = run(capsys, "cache", "info")
    assert out.startswith(f"{store}: 1 program, ")
    _, out, _ = run(capsys, "cache", "clear")
    assert out.startswith("removed 1 program, ")
    assert out.endswith(f" from {store}\n")
    _, out, _ = run(capsys, "cache", "info")
    assert out == f"{store}: 0 programs, 0 B\n"


def test_colour_only_where_it_is_asked_for(user, capsys, monkeypatch):
    pytest.importorskip("rich")
    _, plain, _ = run(capsys, "show", "energies.py:energy")
    assert "\x1b[" not in plain
    _, painted, _ = run(capsys, "show", "energies.py:energy", "--color", "always")
    assert "\x1b[" in painted
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    _, painted, _ = run(capsys, "show", "energies.py:energy")
    assert "\x1b[" in painted
    monkeypatch.setenv("NO_COLOR", "1")
    _, out, _ = run(capsys, "show", "energies.py:energy")
    assert out == plain


def test_command_in_a_process_of_its_own(user):
    command = [sys.executable, "-m", "gradc.cli.main", "show", "--stage", "graph"]
    outcome = subprocess.run(
        [*command, "energies.py:energy"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    assert outcome.stdout.splitlines()[0] == "energy(x: float32[4]):"


def test_python_runs_the_package_as_the_command():
    asked = [sys.executable, "-m", "gradc", "--version"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("gradc 0")
