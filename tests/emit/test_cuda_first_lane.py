"""What belongs to a row as a whole is stored once all lanes have read what it overwrites."""

import numpy as np
from emit_cuda import cuda_text
from emit_programs import Program
from emit_ptx import check
from ptx.schedule import ORDERS, Order

from gradc.ir.dtype import float64
from gradc.ir.graph import TensorType


def a_number_replaced_by_a_largest():
    b = Program("p")
    x, n = b.input(TensorType((5,), float64), "x"), b.input(TensorType((), float64), "n")
    scaled = b.named(b.op("mul", x, b.op("broadcast", n, shape=x.shape)), "y")
    y = b.named(b.op("exp", scaled), "e")
    largest = b.op("max", y, axes=(0,))
    graph = b.finish((y,))
    graph.updates = ((n, largest),)
    return graph


def test_a_number_that_is_read_and_replaced_is_not_taken_to_lie_apart():
    graph = a_number_replaced_by_a_largest()
    _, emitted = cuda_text(graph)
    kernel = emitted.source.partition("@kernel")[2].partition("@step")[0]
    assert "overlap=True" in kernel.splitlines()[0]
    assert kernel.index("meet_lanes()") < kernel.index("if first_lane():")
    for order in ORDERS:
        check(graph, [np.arange(5.0), np.array(0.5)], order=Order(order))
