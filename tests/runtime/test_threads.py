"""The number of threads, and the pool that runs steps: asleep, twice at once, in a forked child."""

import ctypes
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import gradc
from gradc.build import load
from gradc.errors import ArgumentError, ArgumentTypeError
from gradc.runtime import threads
from gradc.runtime.pace import Pace
from gradc.runtime.pool_code import ASLEEP, LINE

SOURCE = '''"""x is doubled in y, twice; the total of y."""

from numpy import float32 as f

from gradc.runtime.cpu import chunks, is_first, kernel, meet, part_of, share, step, view_f32


@kernel("f32[:], f32[:], rows")
def double(x, y, rows):
    for i in rows:
        y[i] = f(2) * x[i]


@kernel("f32[:], f32[:], rows")
def turn(y, z, rows):
    for i in rows:
        z[i] = y[y.shape[0] - 1 - i]


@kernel("f32[:], f32[:], rows")
def add(z, total, rows):
    running = f(0)
    for i in rows:
        running += z[i]
    total[0] = running


@kernel("f32[:,:], f32[:]")
def add_parts(parts, total):
    running = f(0)
    for k in range(parts.shape[0]):
        running += parts[k, 0]
    total[0] = running


@step
def run(buffers, team):
    x = view_f32(buffers, 3, 0, (10000,))
    total = view_f32(buffers, 4, 0, (1,))
    y = view_f32(buffers, 2, 0, (10000,))
    z = view_f32(buffers, 2, 40000, (10000,))
    parts = view_f32(buffers, 2, 80000, (10, 16))
    rows = share(team, 10000, 1024)
    double(x, y, rows)
    meet(team)
    turn(y, z, rows)
    for chunk in chunks(rows):
        add(z, part_of(parts, chunk, (1,)), chunk)
    meet(team)
    if is_first(team):
        add_parts(parts, total)
'''


class Step:
    """The program with memory of its own."""

    def __init__(self, native, seed):
        self.native = native
        self.x = np.random.default_rng(seed).standard_normal(10000).astype("f")
        self.arena, self.total = np.zeros(20200, "f"), np.zeros(1, "f")
        arrays = (self.arena, self.x, self.total)
        self.table = np.array([0, 0, *(a.ctypes.data for a in arrays)], np.int64)

    def __call__(self):
        self.arena[:], self.total[:] = np.nan, np.nan
        self.native.call(self.table.ctypes.data)
        return self.total.tobytes()


@pytest.fixture(autouse=True)
def all_threads(monkeypatch):
    """Let no step run on one thread because this machine is busy."""
    monkeypatch.setattr(Pace, "took", lambda self, seconds, now: None)


@pytest.fixture(scope="module")
def native(own_cache):
    return load(SOURCE, "doubled")


@pytest.fixture(autouse=True)
def as_before():
    before = gradc.get_num_threads()
    yield
    gradc.set_num_threads(before)


def test_results_are_the_same_for_any_number_of_threads(native):
    step, found = Step(native, 0), set()
    for count in (1, 2, 3, 7, 2, 1):
        gradc.set_num_threads(count)
        found |= {step() for _ in range(20)}
    assert len(found) == 1
    np.testing.assert_allclose(step.total[0], 2 * step.x.sum(dtype="f8"), rtol=1e-4)


def test_workers_sleep_and_wake(native):
    step = Step(native, 1)
    gradc.set_num_threads(3)
    expected = step()
    pool = threads._THREADS.pool
    for _ in range(3):
        until = time.monotonic() + 60
        # or the waiting threads would use up a processor each
        while sum(asleep(pool)) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        assert asleep(pool) == [1, 1]
        assert step() == expected


def asleep(pool):
    return [pool._memory[pool._words + ASLEEP + LINE * i] for i in (0, 1)]


def test_two_python_threads_run_steps_at_once(native):
    gradc.set_num_threads(2)
    steps = [Step(native, seed) for seed in (2, 3)]
    expected = [step() for step in steps]
    wrong = []

    def work(i):
        wrong.extend(1 for _ in range(200) if steps[i]() != expected[i])

    workers = [threading.Thread(target=work, args=(i,)) for i in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not any(worker.is_alive() for worker in workers)
    assert wrong == []


def test_an_interrupted_call_leaves_the_pool_sound(native, monkeypatch):
    gradc.set_num_threads(2)
    step = Step(native, 4)
    expected = step()
    pool = threads._THREADS.pool
    real = pool._code.run

    class Interrupted:
        def __getattr__(self, name):
            return getattr(real_code, name)

        def run(self, base, member, entry, table):
            self.begin(base, entry, table)
            raise KeyboardInterrupt

    real_code = pool._code
    pool._code = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        step()
    pool._code = real_code
    assert real is pool._code.run
    assert step.total.tobytes() == expected  # the step was done to its end
    assert step() == expected


FORK = """
import os, signal, sys, threading
sys.path.insert(0, sys.argv[1])
import gradc
from gradc.build import load
from test_threads import SOURCE, Step

gradc.set_num_threads(2)
native = load(SOURCE, "doubled")
step, other = Step(native, 0), Step(native, 1)
expected = step()
done = threading.Event()

def busy():
    while not done.is_set():
        other()

worker = threading.Thread(target=busy)
worker.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if all(step() == expected for _ in range(5)) else 1)
    assert step() == expected
    assert os.waitpid(child, 0)[1] == 0
done.set()
worker.join()
print("sound")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forked_children_have_a_pool_of_their_own(native):
    command = [sys.executable, "-c", FORK, os.path.dirname(__file__)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (run.stdout.strip(), run.returncode) == ("sound", 0), run.stderr


def start(count, code="import gradc; print(gradc.get_num_threads())"):
    environment = {**os.environ, "GRADC_NUM_THREADS": count}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_environment_sets_the_number():
    assert start("3").stdout == "3\n"
    for bad in ("0", "two", "-1", "257"):
        run = start(bad)
        assert f"GRADC_NUM_THREADS: expected 1 to 256, got '{bad}'" in run.stderr


def test_the_number_is_the_processors_of_this_process():
    known = hasattr(os, "sched_getaffinity")
    here = len(os.sched_getaffinity(0)) if known else os.cpu_count()
    assert start("").stdout == f"{min(here, 256)}\n"


def test_a_warm_start_needs_no_numba(native):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import gradc\n"
        "from gradc.build import load\n"
        "gradc.set_num_threads(2)\n"
        "from gradc.runtime import threads\n"
        "native = load(open(sys.argv[2]).read(), 'doubled')\n"
        "assert native.cached\n"
        "import numpy as np\n"
        "memory = [np.zeros(20200, 'f') for _ in range(3)]\n"
        "table = np.array([0, 0, *(a.ctypes.data for a in memory)], np.int64)\n"
        "native.call(table.ctypes.data)\n"
        "assert threads._THREADS.pool.threads == 2\n"
        "print('numba' in sys.modules)\n"
    )
    command = [sys.executable, "-c", code, os.path.dirname(__file__), str(native.path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.stdout == "False\n", run.stderr


@pytest.mark.parametrize("bad", [2.0, "2", True, None])
def test_a_number_of_threads_is_an_int(bad):
    with pytest.raises(ArgumentTypeError) as error:
        gradc.set_num_threads(bad)
    assert error.value.message == f"set_num_threads: expected an int, got {bad!r}"


@pytest.mark.parametrize("bad", [0, -1, 257])
def test_a_number_of_threads_is_positive_and_bounded(bad):
    with pytest.raises(ArgumentError) as error:
        gradc.set_num_threads(bad)
    assert error.value.message == f"set_num_threads: expected 1 to 256, got {bad}"
    hint = f"set_num_threads({os.cpu_count()}), the processors of this machine"
    assert error.value.hint == hint


def test_the_address_of_one_thread_is_a_team_of_one(native):
    step = Step(native, 5)
    gradc.set_num_threads(2)
    expected = step()
    entry = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int64, ctypes.c_int64)(native.address)
    assert entry(step.table.ctypes.data, ctypes.addressof(threads._ALONE)) == 0
    assert step.total.tobytes() == expected
