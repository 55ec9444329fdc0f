"""The C function that places arguments: what it takes, what it refuses."""

import sys

import numpy as np
import pytest

from gradc.runtime.direct import Direct, Given, address, available
from gradc.runtime.direct_code import ARRAY, FLOAT, NUMBER, RESULT

pytestmark = pytest.mark.skipif(not available(), reason="objects lie elsewhere in this Python")
F32 = np.dtype("f4")


@pytest.fixture
def table():
    return np.zeros(4, np.int64)


def placing(table, *given, ranges=()):
    """Return a Direct that places arguments of (kind, type, dtype, shape) one after the other."""
    where = address(table)
    described = [Given(g[0], where + 8 * i, *g[1:]) for i, g in enumerate(given)]
    return Direct(0, where, described, ranges)


def test_addresses_and_numbers(table):
    array, out, number = np.ones((2, 3), "f"), np.empty(5, "f"), np.float32(1.5)
    direct = placing(
        table,
        (ARRAY, np.ndarray, F32, (2, 3)),
        (NUMBER, np.float32),
        (FLOAT, float),
        (RESULT, np.ndarray),
    )
    assert direct.run(array, number, 2.5, out) == 0
    assert table[0] == address(array)
    assert table[3] == address(out)
    assert table[2:3].view("f8") == 2.5
    for other, expected in ((3, 3.0), (np.float64(0.5), 0.5), (True, 1.0), (np.float32(2), 2.0)):
        assert direct.run(array, number, other, out) == 0
        assert table[2:3].view("f8") == expected


@pytest.mark.parametrize(
    "other",
    [
        np.ones((3, 2), "f"),
        np.ones(6, "f"),
        np.ones((2, 3)),
        np.ones((3, 2), "f").T,
        np.ones((2, 6), "f")[:, ::2],
        np.ones((2, 3), ">f4"),
        np.ones((2, 3), "f").view(type("Other", (np.ndarray,), {})),
        np.float32(1),
        1.0,
        None,
        [[1.0] * 3] * 2,
    ],
)
def test_another_array_is_refused(table, other):
    direct = placing(table, (ARRAY, np.ndarray, F32, (2, 3)))
    assert direct.run(other) == 1
    assert table[0] == 0
    locked = np.ones((2, 3), "f")
    locked.flags.writeable = False
    assert direct.run(locked) == 1
    assert direct.run(np.ones((2, 3), "f")) == 0


def test_another_number_of_arguments_is_refused(table):
    direct = placing(table, (FLOAT, float))
    assert direct.run() == 1
    assert direct.run(1.0, 1.0) == 1
    assert direct.run("text") == 1
    assert direct.run(1.0) == 0


def test_memory_that_changes_is_kept_apart(table):
    memory = np.zeros(12, "f")
    start = address(memory)
    direct = placing(
        table, (ARRAY, np.ndarray, F32, (4,)), ranges=[(0, 8), (start + 16, start + 32)]
    )
    assert [direct.run(memory[i : i + 4]) for i in range(9)] == [0, 1, 1, 1, 1, 1, 1, 1, 0]
    empty = placing(table, (ARRAY, np.ndarray, F32, (0,)), ranges=[(start + 16, start + 32)])
    assert empty.run(memory[5:5]) == 0


def test_what_others_hold_is_not_written_over(table):
    mine = np.zeros(3)
    direct = placing(table, (FLOAT, float))
    direct.hold([(id(mine), sys.getrefcount(mine) - 1)])
    assert direct.run(1.0) == 0
    other = mine
    assert direct.run(1.0) == 1
    del other
    assert direct.run(1.0) == 0
    direct.hold([])
    assert direct.run(1.0) == 0
