"""`gradc show --target cuda` and `gradc compile --target cuda`, on a machine without a GPU."""

import pytest
from test_command_line import run, user  # noqa: F401  (a fixture)


def test_show_source(user, capsys):  # noqa: F811
    code, out, _ = run(capsys, "show", "--target", "cuda", "energies.py:energy")
    assert code == 0
    assert out.startswith('"""energy: forward, one launch of a graph.')
    assert "    for i in lanes(4):" in out
    assert "@step\ndef energy(gpu, buffers):" in out


def test_show_plan(user, capsys):  # noqa: F811
    code, out, _ = run(capsys, "show", "--target", "cuda", "--stage", "plan", "energies.py:energy")
    assert code == 0
    assert out.startswith("energy: 1 kernels")
    assert "a row per group of lanes: 1 x 32" in out


def test_other_stages_have_no_target(user, capsys):  # noqa: F811
    code, _, err = run(capsys, "show", "--target", "cuda", "--stage", "graph", "energies.py:energy")
    assert code == 2
    assert err == "gradc: --stage graph is the same for every target: leave --target out\n"


@pytest.mark.cuda_compile
def test_compile(user, capsys):  # noqa: F811
    pytest.importorskip("cuda.bindings")
    command = ("compile", "--target", "cuda", "--arch", "sm_80", "-o", "made.py")
    code, out, _ = run(capsys, *command, "energies.py:energy")
    assert code == 0
    assert out.startswith("written: made.py, made.cubin\nenergy\n  architecture  sm_80\n")
    assert (user / "made.cubin").read_bytes().startswith(b"\x7fELF")
    assert "@step" in (user / "made.py").read_text()


def test_an_unknown_architecture(user, capsys):  # noqa: F811
    command = ("compile", "--target", "cuda", "--arch", "sm_1")
    code, _, err = run(capsys, *command, "energies.py:energy")
    assert code == 2
    assert err.splitlines()[-1] == (
        "gradc: --arch sm_1 is not known; it is one of sm_75, sm_80, sm_86, sm_87, sm_89, sm_90, "
        "sm_100, sm_103, sm_110, sm_120"
    )


def test_an_architecture_is_a_gpus(user, capsys):  # noqa: F811
    code, _, err = run(capsys, "compile", "--arch", "sm_80", "energies.py:energy")
    assert code == 2
    assert err == "gradc: --arch names a GPU: it needs --target cuda\n"
