"""The processor is asked for once since the boot; the store knows it then."""

import dataclasses
import json

import pytest

from gradc.build import machine


@pytest.fixture
def asked(cache, monkeypatch):
    """How often LLVM is asked; nothing is remembered in this process."""
    calls = []
    plain = machine._asked
    monkeypatch.setattr(machine, "_asked", lambda: calls.append(1) or plain())
    monkeypatch.setattr(machine, "_signs", lambda: "this boot of this processor")
    return calls


def host():
    return machine.host.__wrapped__()


def test_llvm_is_asked_once(asked):
    first = host()
    assert host() == first == machine._asked()
    assert len(asked) == 2


@pytest.mark.parametrize("signs", ["another boot", ""])
def test_another_boot_is_asked_again(asked, monkeypatch, signs):
    host()
    monkeypatch.setattr(machine, "_signs", lambda: signs)
    host()
    assert len(asked) == 2


@pytest.mark.parametrize("text", ["", "[]", '{"triple": "x"}', '{"triple": 1, "cpu": 2}'])
def test_a_damaged_note_is_written_anew(asked, cache, text):
    first = host()
    (note,) = cache.glob("??/*.json")
    note.write_text(text)
    assert host() == first
    assert json.loads(note.read_text()) == dataclasses.asdict(first)


def test_a_store_that_is_not_trusted_is_not_asked(asked, cache):
    host()
    cache.chmod(0o777)
    host()
    assert len(asked) == 2


def test_signs_are_the_same_at_each_look(monkeypatch, tmp_path):
    assert machine._signs() == machine._signs()
    boot, processor = tmp_path / "boot", tmp_path / "cpuinfo"
    boot.write_text("b7\n")
    first = "processor\t: 0\nmodel\t\t: 17\ncpu MHz\t\t: 1200.5\nflags\t\t: fpu avx2\n"
    processor.write_text(f"{first}\n{first.replace('17', '18')}")
    monkeypatch.setattr(machine, "_BOOT", str(boot))
    monkeypatch.setattr(machine, "_PROCESSOR", str(processor))
    assert machine._signs() == "b7\n\nmodel\t\t: 17\nflags\t\t: fpu avx2"
    processor.write_text("")
    assert machine._signs() == ""
    boot.unlink()
    assert machine._signs() == ""
