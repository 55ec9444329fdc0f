"""What `gradc doctor` says of this machine and of good, bad and missing stores."""

import importlib.metadata

import gradc
from gradc.cli.cuda import cuda
from gradc.cli.doctor import processor, store, versions
from gradc.cli.main import main
from gradc.compiler.function import compile
from gradc.runtime.blas import find_blas


def test_prints_every_section(capsys):
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    titles = [line for line in lines if not line.startswith(" ")]
    assert titles == [
        "versions",
        "processor",
        "matrix products",
        "CUDA",
        "store of compiled programs",
    ]
    assert any(find_blas().name in line for line in lines)


def test_versions():
    found = dict(versions())
    assert found["numba"] == importlib.metadata.version("numba")
    assert found["sympy"] == importlib.metadata.version("sympy")


def test_processor():
    found = dict(processor())
    assert found["vectors"].split()[0] in ("512", "256", "128", "0")
    assert found["compilation"] == "on"


def test_interpreter_is_told(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert dict(processor())["compilation"] == "off: NUMBA_DISABLE_JIT is set"


def test_store_that_is_missing_sound_damaged_or_open_to_others(tmp_path, monkeypatch):
    directory = tmp_path / "store"
    monkeypatch.setenv("GRADC_CACHE", str(directory))
    assert dict(store())["health"] == "not there yet: the first compilation makes it"
    assert not directory.exists()
    double = compile(lambda x: x + x)
    double(gradc.zeros(3))
    assert dict(store())["health"] == "sound"
    assert dict(store())["holds"].startswith("1 programs, ")
    machine_code = double.path.with_name("kernel.o")
    machine_code.write_bytes(machine_code.read_bytes()[:-1])
    assert dict(store())["health"] == "1 damaged, compiled again when wanted"
    directory.chmod(0o777)
    assert dict(store())["health"].startswith(f"refused: cache: other users can write {directory}")
    directory.chmod(0o700)


def test_cuda_is_looked_for_without_failing():
    titles = [title for title, _ in cuda()]
    assert titles[0] == "driver"
    assert "compiler" in titles
