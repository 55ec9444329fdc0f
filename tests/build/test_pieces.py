"""Kernels are compiled on their own, kept, and compiled by several processes."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from gradc.build import cache_info, clear, load, optimiser, workers
from gradc.build.machine import host
from gradc.errors import BuildError

HEAD = "from numpy import float32 as f\nfrom gradc.runtime.cpu import exp, kernel, step, view_f32\n"
SCALE = """
@kernel("f32[:]")
def scale(x):
    # x = 2 x, in place
    for i in range(x.shape[0]):
        x[i] = x[i] * f({by})
"""
SHIFT = """
@kernel("f32[:], f32")
def shift(x, c):
    for i in range(x.shape[0]):
        x[i] = exp(x[i]) + c
"""
STEP = """
@step
def run(buffers):
    x = view_f32(buffers, 0, 0, ({size},))
    {calls}
"""


def text(*kernels, calls, size=4):
    return HEAD + "".join(kernels) + STEP.format(calls="\n    ".join(calls), size=size)


FIRST = text(SCALE.format(by=2), SHIFT, calls=("scale(x)", "shift(x, f(1))"))


def run(native):
    x = np.array([0.0, 1.0, -1.0, 0.5], np.float32)
    native.call(np.array([x.ctypes.data], np.int64).ctypes.data)
    return x.tolist()


@pytest.fixture
def compiled(monkeypatch):
    """The number of functions that each program compiles."""
    counts = []
    plain = workers.Workers.compile

    def compile(self, tasks, goal):
        counts.append(len(tasks))
        return plain(self, tasks, goal)

    monkeypatch.setattr(workers.Workers, "compile", compile)
    return counts


def pieces(cache):
    return sorted(cache.glob("??/*.o"))


ALIKE = {
    "another order": text(SCALE.format(by=2), SHIFT, calls=("shift(x, f(1))", "scale(x)")),
    "another number for an argument": text(
        SCALE.format(by=2), SHIFT, calls=("shift(x, f(3))", "scale(x)")
    ),
}
UNLIKE = {
    "another number": text(SCALE.format(by=3), SHIFT, calls=("scale(x)", "shift(x, f(1))")),
    "another size": text(SCALE.format(by=2), SHIFT, calls=("scale(x)", "shift(x, f(1))"), size=3),
    "overlap": text(
        SCALE.format(by=2).replace('[:]"', '[:]", overlap=True'), SHIFT, calls=("scale(x)",)
    ),
}


@pytest.mark.parametrize("name", ALIKE)
def test_kernels_of_other_programs_are_used(cache, compiled, name):
    load(FIRST, "first")
    assert compiled == [3]
    assert len(pieces(cache)) == 2
    load(ALIKE[name], "second")
    assert compiled == [3, 1]
    assert len(pieces(cache)) == 2


def test_names_and_comments_of_a_kernel_do_not_count(cache, compiled):
    load(FIRST, "first")
    renamed = SCALE.format(by=2).replace("scale(x)", "twice(values)").replace("x[", "values[")
    renamed = renamed.replace("x.shape", "values.shape").replace("# x", "# something else")
    native = load(text(renamed, calls=("twice(x)",)), "second")
    assert compiled == [3, 1]
    assert run(native) == [0.0, 2.0, -2.0, 1.0]


@pytest.mark.parametrize("name", UNLIKE)
def test_what_counts_tells_kernels_apart(cache, compiled, name):
    load(FIRST, "first")
    load(UNLIKE[name], "second")
    assert compiled[1] >= 2


def test_equal_kernels_of_one_program_are_compiled_once(cache, compiled):
    other = SCALE.format(by=2).replace("scale", "twice")
    native = load(text(SCALE.format(by=2), other, calls=("scale(x)", "twice(x)")), "both")
    assert compiled == [2]
    assert run(native) == [0.0, 4.0, -4.0, 2.0]


def spoil(path):
    path.write_bytes(path.read_bytes()[:-20])


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [spoil, empty])
def test_a_damaged_kernel_is_compiled_anew(cache, compiled, damage):
    expected = run(load(FIRST, "first"))
    before = [p.read_bytes() for p in pieces(cache)]
    for path in pieces(cache):
        damage(path)
    assert run(load(FIRST + "\n", "second")) == expected
    assert compiled == [3, 3]
    assert [p.read_bytes() for p in pieces(cache)] == before


def test_kernels_are_counted_and_cleared(cache):
    load(FIRST, "first")
    assert cache_info(cache).bytes == sum(p.stat().st_size for p in cache.rglob("*") if p.is_file())
    assert cache_info(cache).entries == 1
    clear(cache)
    assert list(cache.iterdir()) == []


def test_code_is_the_same_whoever_compiles(tmp_path, monkeypatch):
    made = []
    for processes in ("0", "2"):
        monkeypatch.setenv("GRADC_CACHE", str(tmp_path / processes))
        monkeypatch.setenv("GRADC_COMPILE_PROCESSES", processes)
        made.append(load(FIRST, "first").path.parent)
    for name in ("kernel.o", "kernel.py", "meta.json"):
        assert (made[0] / name).read_bytes() == (made[1] / name).read_bytes()


TASKS = [
    optimiser.Task(f"define i64 @f{i}(i64 %x) {{\n  %y = add i64 %x, {i}\n  ret i64 %y\n}}\n", 2)
    for i in range(6)
]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_each_task_is_done_once_and_in_order(count):
    expected = [optimiser.machine_code(task, host().goal) for task in TASKS]
    with workers.Workers(count) as compilers:
        assert compilers.compile(TASKS, host().goal) == expected
    assert all(p.poll() is not None for p in compilers._processes)


def test_a_process_that_dies_is_done_without():
    expected = [optimiser.machine_code(task, host().goal) for task in TASKS]
    with workers.Workers(2) as compilers:
        for process in compilers._processes:
            process.kill()
            process.wait()
        assert compilers.compile(TASKS, host().goal) == expected


def test_a_process_that_can_not_be_started_is_done_without(monkeypatch):
    def refuse(*_, **__):
        raise PermissionError("no processes here")

    monkeypatch.setattr(workers.subprocess, "Popen", refuse)
    with workers.Workers(2) as compilers:
        assert compilers._processes == []
        assert len(compilers.compile(TASKS, host().goal)) == len(TASKS)


def test_what_another_process_refuses_fails_here():
    with workers.Workers(1) as compilers, pytest.raises(RuntimeError, match="parsing error"):
        compilers.compile([optimiser.Task("nonsense", 2)] * 3, host().goal)


def test_processes_end_with_the_one_that_started_them():
    with workers.Workers(1) as compilers:
        (process,) = compilers._processes
        process.stdin.close()
        limit = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < limit:
            time.sleep(0.01)
        assert process.poll() == 0


@pytest.mark.parametrize("how", ["-c", "-"])
def test_programs_without_a_file_compile_beside_themselves(tmp_path, how):
    code = f"from gradc.build import load\nprint(load({FIRST!r}, 'first').cached)\n"
    done = subprocess.run(
        [sys.executable, how, *([code] if how == "-c" else [])],
        input=code if how == "-" else None,
        env={**_environment(), "GRADC_CACHE": str(tmp_path), "GRADC_COMPILE_PROCESSES": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("False\n", "")


def _environment():
    return {**os.environ, "PYTHONPATH": ":".join(p for p in sys.path if p)}


@pytest.mark.parametrize(("length", "processes"), [(100, 0), (workers.LEAST, 1)])
def test_other_processes_help_where_it_pays(monkeypatch, length, processes):
    monkeypatch.delenv("GRADC_COMPILE_PROCESSES", raising=False)
    monkeypatch.setattr(workers.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert workers.wanted(length) == processes
    monkeypatch.setattr(workers.sys, "frozen", True, raising=False)
    assert workers.wanted(length) == 0
    monkeypatch.setenv("GRADC_COMPILE_PROCESSES", "3")
    assert workers.wanted(length) == 3


def test_a_wish_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv("GRADC_COMPILE_PROCESSES", "many")
    with pytest.raises(BuildError) as caught:
        workers.wanted(100)
    assert caught.value.message == "GRADC_COMPILE_PROCESSES: expected 0 to 64, got 'many'"


def test_a_program_says_where_its_parts_lie(cache):
    native = load(FIRST, "first")
    meta = json.loads((native.path.parent / "meta.json").read_text())
    assert len(meta["parts"]) == 3
    assert load(FIRST, "first").cached
