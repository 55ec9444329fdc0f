"""Kernels in which lanes could get in each other's way, in lanes that take turns in any order."""

import itertools

import numpy as np
import pytest
from emit_cuda import check, in_lanes
from emit_programs import Program

from gradc.errors import BuildError
from gradc.ir.dtype import float64, int64
from gradc.ir.graph import TensorType
from gradc.runtime import interpreted_cuda
from gradc.runtime.cuda import first_lane, kernel, lanes, meet_lanes, row_sum, rows

ORDERS = [(0,), *itertools.permutations(range(3))]


def matrix(b, rows=6, columns=5):
    return b.input(TensorType((rows, columns), float64), "x")


def vector(b, size=6):
    return b.input(TensorType((size,), float64), "v")


def spread(b, row, shape):
    return b.broadcast(b.reshape(row, (shape[0], 1)), shape)


def finished(b, outputs, *updates):
    graph = b.finish(tuple(outputs))
    graph.updates = updates
    return graph


def a_total_beside_a_sum_over_rows():
    b = Program("p")
    y = b.named(b.op("exp", matrix(b)), "y")
    return finished(b, (y, b.op("sum", y, axes=(0,)), b.op("sum", y, axes=(0, 1))))


def sums_that_keep_different_axes():
    b = Program("p")
    y = b.named(b.op("exp", b.input(TensorType((3, 4, 5), float64), "x")), "y")
    axes = ((0,), (0, 1), (1,), (0, 2), (2,), (1, 2))
    return finished(b, (y, *(b.op("sum", y, axes=a) for a in axes)))


def softmax_over_its_operand_with_sums():
    b = Program("p")
    x = matrix(b)
    e = b.op("exp", b.op("sub", x, b.op("broadcast", largest(b, x), shape=x.shape)))
    s = b.op("sum", e, axes=(1,))
    p = b.op("div", e, spread(b, s, x.shape))
    total = b.op("sum", b.op("log", s), axes=(0,))
    return finished(b, (b.op("sum", p, axes=(0,)), total), (x, p))


def largest(b, x):
    return b.op("max", x, axes=(1,), keepdims=True)


def a_number_of_each_row_overwritten():
    b = Program("p")
    x, v = matrix(b), vector(b)
    s = b.op("sum", b.op("mul", x, spread(b, v, x.shape)), axes=(1,))
    n = b.op("div", v, s)
    return finished(b, (b.op("mul", x, spread(b, n, x.shape)),), (v, n))


def a_number_of_each_row_read_after_the_fold():
    b = Program("p")
    x, v = matrix(b), vector(b)
    s = b.op("sum", x, axes=(1,))
    return finished(b, (s,), (v, b.op("add", v, s)))


def rows_turned_round_in_place():
    b = Program("p")
    x = matrix(b)
    return finished(b, (), (x, b.op("flip", x, axes=(1,))))


def an_element_picked_and_the_row_overwritten():
    b = Program("p")
    x = matrix(b)
    place = b.op("argmax", x, axis=1, keepdims=True)
    picked = b.op("gather", x, place, axis=1)
    new = b.op("sub", x, b.op("broadcast", picked, shape=x.shape))
    return finished(b, (place,), (x, new))


def a_row_read_elsewhere_after_a_fold():
    b = Program("p")
    x = matrix(b)
    scaled = b.named(b.op("div", x, b.op("broadcast", largest(b, x), shape=x.shape)), "y")
    turned = b.op("flip", scaled, axes=(1,))
    return finished(b, (scaled, b.op("sum", b.op("mul", scaled, turned), axes=(1,))))


def elements_added_at_equal_places():
    b = Program("p")
    x, u = matrix(b), b.input(TensorType((8, 5), float64), "u")
    index = b.input(TensorType((8,), int64), "index")
    return finished(b, (b.op("index_add", x, index, u, axis=0),))


def running_sums_along_both_axes():
    b = Program("p")
    x = matrix(b)
    return finished(b, (b.op("cumsum", x, axis=0), b.op("cumsum", x, axis=1, reverse=True)))


PROGRAMS = [
    a_total_beside_a_sum_over_rows,
    sums_that_keep_different_axes,
    softmax_over_its_operand_with_sums,
    a_number_of_each_row_overwritten,
    a_number_of_each_row_read_after_the_fold,
    rows_turned_round_in_place,
    an_element_picked_and_the_row_overwritten,
    a_row_read_elsewhere_after_a_fold,
    elements_added_at_equal_places,
    running_sums_along_both_axes,
]


@pytest.mark.parametrize("make", PROGRAMS, ids=lambda make: make.__name__)
def test_the_order_of_lanes_does_not_matter(make):
    graph = make()
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 6, v.shape) if v.dtype is int64 else rng.standard_normal(v.shape)
        for v in graph.inputs
    ]
    for order in ORDERS:
        check(graph, arrays, launch=in_lanes(order), rtol=1e-9, atol=1e-9)
    check(graph, arrays, rtol=1e-9, atol=1e-9)


def launched(declared, *arrays, order=(0, 1, 2)):
    addresses = [a.ctypes.data for a in arrays]
    interpreted_cuda.run(declared, (1, 1), (32, 1), addresses, order)


def test_a_lane_that_reads_too_early_gets_what_was_there_before():
    @kernel("f64[4], f64[4]")
    def shifted(x, y):
        for i in lanes(4):
            x[i] = x[i] + 1.0
        for i in lanes(4):
            y[i] = x[3 - i]

    x, y = np.zeros(4), np.zeros(4)
    launched(shifted, x, y)
    assert y.tolist() != [1.0] * 4


def test_a_meeting_lets_lanes_read_what_others_wrote():
    @kernel("f64[4], f64[4]")
    def shifted(x, y):
        for i in lanes(4):
            x[i] = x[i] + 1.0
        meet_lanes()
        for i in lanes(4):
            y[i] = x[3 - i]

    x, y = np.zeros(4), np.zeros(4)
    launched(shifted, x, y)
    assert y.tolist() == [1.0] * 4


def test_lanes_that_meet_in_different_places_are_an_error():
    @kernel("f64[4]")
    def uneven(x):
        total = 0.0
        for i in lanes(4):
            total += x[i]
            if first_lane():
                total = row_sum(total)

    with pytest.raises(BuildError) as caught:
        launched(uneven, np.zeros(4))
    assert caught.value.message.startswith("lanes of a group meet in different places: ")


def test_a_lane_that_fails_says_so():
    @kernel("f64[4]")
    def broken(x):
        for i in rows(1):
            x[i + 4] = row_sum(0.0)

    with pytest.raises((IndexError, BuildError)):
        launched(broken, np.zeros(4))
