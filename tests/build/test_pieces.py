"""Kernels are compiled on their own, kept, and compiled by several processes."""

import json
import os
import signal
import subprocess
import sys
import threading
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
    plain = workers.Workers.finish

    def finish(self):
        made = plain(self)
        counts.append(len(made))
        return made

    monkeypatch.setattr(workers.Workers, "finish", finish)
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


def compile_all(compilers, tasks=TASKS):
    for task in tasks:
        compilers.begin(task, host().goal)
    return compilers.finish()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_each_task_is_done_once_and_in_order(count):
    expected = [optimiser.machine_code(task, host().goal) for task in TASKS]
    with workers.Workers(count) as compilers:
        assert compile_all(compilers) == expected
    assert all(p.poll() is not None for p in compilers._processes)


def test_a_process_that_dies_is_done_without():
    expected = [optimiser.machine_code(task, host().goal) for task in TASKS]
    with workers.Workers(2) as compilers:
        for process in compilers._processes:
            process.kill()
            process.wait()
        assert compile_all(compilers) == expected


def test_a_process_compiles_while_texts_are_written():
    expected = [optimiser.machine_code(task, host().goal) for task in TASKS]
    with workers.Workers(1) as compilers:
        for i, task in enumerate(TASKS):
            compilers.begin(task, host().goal)
            limit = time.monotonic() + 30
            while i not in compilers._made and time.monotonic() < limit:
                time.sleep(0.001)
        assert compilers._made == dict(enumerate(expected))
        assert compilers.finish() == expected


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="POSIX")
def test_a_process_that_is_stopped_is_done_without(monkeypatch):
    monkeypatch.setattr(workers, "PATIENCE", 0.0)
    expected = [optimiser.machine_code(task, host().goal) for task in TASKS]
    with workers.Workers(1) as compilers:
        os.kill(compilers._processes[0].pid, signal.SIGSTOP)
        compilers.begin(TASKS[0], host().goal)
        limit = time.monotonic() + 30
        while not compilers._busy and time.monotonic() < limit:
            time.sleep(0.001)
        assert compilers._busy == 1
        assert compile_all(compilers, TASKS[1:]) == expected
    assert all(not thread.is_alive() for thread in compilers._threads)


def test_without_threads_this_process_compiles(monkeypatch):
    class None_(threading.Thread):
        def start(self):
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(workers.threading, "Thread", None_)
    with workers.Workers(2) as compilers:
        assert len(compile_all(compilers)) == len(TASKS)
    assert all(p.poll() is not None for p in compilers._processes)


def test_what_fails_before_the_end_leaves_no_process():
    compilers = workers.Workers(2)

    def fail():
        with compilers:
            compilers.begin(TASKS[0], host().goal)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert all(p.poll() is not None for p in compilers._processes)
    assert all(not thread.is_alive() for thread in compilers._threads)


def test_a_process_that_can_not_be_started_is_done_without(monkeypatch):
    def refuse(*_, **__):
        raise PermissionError("no processes here")

    monkeypatch.setattr(workers.subprocess, "Popen", refuse)
    with workers.Workers(2) as compilers:
        assert compilers._processes == []
        assert len(compile_all(compilers)) == len(TASKS)


def test_what_another_process_refuses_fails_here():
    with workers.Workers(1) as compilers, pytest.raises(RuntimeError, match="parsing error"):
        compile_all(compilers, [optimiser.Task("nonsense", 2)] * 3)


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


@pytest.mark.parametrize(("pays", "processes"), [(False, 0), (True, 1)])
def test_other_processes_help_where_it_pays(monkeypatch, pays, processes):
    monkeypatch.delenv("GRADC_COMPILE_PROCESSES", raising=False)
    monkeypatch.setattr(workers.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert workers.wanted(pays=pays) == processes
    monkeypatch.setattr(workers.sys, "frozen", True, raising=False)
    assert workers.wanted(pays=pays) == 0
    monkeypatch.setenv("GRADC_COMPILE_PROCESSES", "3")
    assert workers.wanted(pays=pays) == 3


def test_a_wish_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv("GRADC_COMPILE_PROCESSES", "many")
    with pytest.raises(BuildError) as caught:
        workers.wanted(pays=True)
    assert caught.value.message == "GRADC_COMPILE_PROCESSES: expected 0 to 64, got 'many'"


def test_a_program_says_where_its_parts_lie(cache):
    native = load(FIRST, "first")
    meta = json.loads((native.path.parent / "meta.json").read_text())
    assert len(meta["parts"]) == 3
    assert load(FIRST, "first").cached
