"""The C function that places arguments: what it takes, what it refuses."""

import gc
import sys
import weakref

import numpy as np
import pytest

import gradc
from gradc.compiler.layout import layout
from gradc.runtime.direct import Around, Direct, Given, Result, address, available, offset_of
from gradc.runtime.direct_facts import ARRAY, FLOAT, NEW, NUMBER, RESULT

pytestmark = pytest.mark.skipif(not available(), reason="objects lie elsewhere in this Python")
F32 = np.dtype("f4")
NOT = "nothing has run"


@pytest.fixture
def table():
    return np.zeros(5, np.int64)


def placing(table, *given, ranges=(), results=(), changed=()):
    """Return a Direct that places arguments of (kind, type, dtype, shape) one after the other.

    Results are (shape, argument or NEW), behind them.
    """
    where = address(table)
    described = [Given(g[0], where + 8 * i, *g[1:]) for i, g in enumerate(given)]
    made = [
        Result(where + 8 * (len(given) + i), F32, shape, gradc.float32, argument)
        for i, (shape, argument) in enumerate(results)
    ]
    return Direct(Around(0, where, ranges, changed, NOT), described, made, layout())


def test_addresses_and_numbers(table):
    array, out, number = np.ones((2, 3), "f"), np.empty(5, "f"), np.float32(1.5)
    direct = placing(
        table,
        (ARRAY, np.ndarray, F32, (2, 3)),
        (NUMBER, np.float32),
        (FLOAT, float),
        (RESULT, np.ndarray),
        results=[((5,), 3)],
    )
    (made,) = direct.run(array, number, 2.5, out)
    assert made.numpy() is out
    assert table[0] == address(array)
    assert table[4] == address(out)
    assert table[2:3].view("f8") == 2.5
    for other, expected in ((3, 3.0), (np.float64(0.5), 0.5), (True, 1.0), (np.float32(2), 2.0)):
        assert direct.run(array, number, other, out) != NOT
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
    assert direct.run(other) == NOT
    assert table[0] == 0
    locked = np.ones((2, 3), "f")
    locked.flags.writeable = False
    assert direct.run(locked) == NOT
    assert direct.run(np.ones((2, 3), "f")) == ()


def test_another_number_of_arguments_is_refused(table):
    direct = placing(table, (FLOAT, float))
    assert direct.run() == NOT
    assert direct.run(1.0, 1.0) == NOT
    assert direct.run("text") == NOT
    assert direct.run(1.0) == ()


def test_memory_that_changes_is_kept_apart(table):
    memory = np.zeros(12, "f")
    start = address(memory)
    direct = placing(
        table, (ARRAY, np.ndarray, F32, (4,)), ranges=[(0, 8), (start + 16, start + 32)]
    )
    assert [direct.run(memory[i : i + 4]) for i in range(9)] == [(), *[NOT] * 7, ()]
    empty = placing(table, (ARRAY, np.ndarray, F32, (0,)), ranges=[(start + 16, start + 32)])
    assert empty.run(memory[5:5]) == ()


def test_what_others_hold_is_not_written_over(table):
    mine = np.zeros(3)
    direct = placing(table, (FLOAT, float))
    direct.hold([(id(mine), sys.getrefcount(mine) - 1)])
    assert direct.run(1.0) == ()
    other = mine
    assert direct.run(1.0) == NOT
    del other
    assert direct.run(1.0) == ()
    direct.hold([])
    assert direct.run(1.0) == ()


def test_results_are_tensors_like_any_other(table):
    shapes = [(), (3,), (2, 0), (2, 3, 4)]
    direct = placing(table, results=[(shape, NEW) for shape in shapes])
    before = gradc.ones(2)
    made = direct.run()
    after = gradc.ones(2)
    assert type(made) is tuple
    assert [t.shape for t in made] == shapes
    numbers = [t._storage.number for t in (before, *made, after)]
    assert numbers == sorted(set(numbers))
    for i, tensor in enumerate(made):
        assert type(tensor) is gradc.Tensor
        assert tensor.dtype is gradc.float32
        assert tensor._version == 0
        assert tensor.is_leaf
        assert not tensor.requires_grad
        array = tensor.numpy()
        assert type(array) is np.ndarray
        assert array.dtype is F32
        assert array.flags.c_contiguous
        assert array.flags.owndata
        assert array.flags.writeable
        assert tensor._storage.content is array
        assert table[i] == address(array)
        tensor.fill_(1.0)
        tensor.mine = i
        tensor.requires_grad_()
        (tensor * 2).sum().backward()
        assert tensor.grad.tolist() == np.full(tensor.shape, 2).tolist()


def test_results_are_freed_and_nothing_else_is(table):
    array, storage = np.ones(3, "f"), gradc.ones(2)._storage
    direct = placing(
        table, (ARRAY, np.ndarray, F32, (3,)), results=[((4,), NEW)], changed=[storage]
    )
    direct.run(array)
    watched = [None, gradc.float32, F32, np.ndarray, gradc.Tensor, type(storage), array, NOT]
    gc.collect()
    counts = [sys.getrefcount(o) for o in watched]
    for _ in range(100):
        (made,) = direct.run(array)
        assert direct.run(None) == NOT
    gone = weakref.ref(made), weakref.ref(made._storage), weakref.ref(made.numpy())
    made.cycle = made
    del made
    assert gone[0]() is not None
    gc.collect()
    assert [g() for g in gone] == [None] * 3
    for o, count in zip(watched, counts, strict=True):
        assert abs(sys.getrefcount(o) - count) < 50  # of 100 calls


def test_changes_are_counted_when_the_step_has_run(table):
    storages = [gradc.ones(2)._storage for _ in range(3)]
    storages[1].version = 10**6
    direct = placing(table, (FLOAT, float), changed=storages)
    for _ in range(300):
        assert direct.run(1.0) == ()
        assert direct.run("text") == NOT
    assert [s.version for s in storages] == [300, 10**6 + 300, 300]


def test_what_a_destructor_calls_does_not_move_the_results(table):
    direct = placing(table, results=[((), NEW)] * 2)

    class Again:
        def __del__(self):
            if not sys.is_finalizing():
                direct.run()

    gc.collect()
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(50):
            again = Again()
            again.cycle = again
            del again
            made = direct.run()
            assert [address(t.numpy()) for t in made] == table[:2].tolist()
    finally:
        gc.set_threshold(*threshold)


def test_slots_are_found():
    class Sample:
        __slots__ = ("first", "second")

    sample = Sample()
    sample.first = 1
    assert offset_of(sample, "second") == offset_of(sample, "first") + 8
    assert sample.first is not None
