"""Loops over time whose steps are shared by threads: the same for any order of the threads."""

import emit_programs
import numpy as np
import pytest
from emit_programs import Program
from emit_team import share_everything
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_shared_programs import agree

from gradc.ir.builder import GraphBuilder
from gradc.ir.dtype import float64
from gradc.ir.graph import TensorType
from gradc.primitives.loop import Body
from gradc.schedule.plan import Repeat

ROWS, COLUMNS, STEPS = 6, 4, 5
WAYS = ("tanh", "weight", "transposed", "time", "flip", "mean", "total", "before", "norm")


class BodyMaker:
    """A random body: parts that keep to their rows, and parts that mix rows or change numbers."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        b = self.b = GraphBuilder("body")
        square = TensorType((ROWS, COLUMNS), float64)
        self.h, self.g = b.input(square, "h"), b.input(square, "g")
        self.s = b.input(TensorType((), float64), "s")
        self.x = b.input(square, "x")
        self.weight = b.input(TensorType((COLUMNS, COLUMNS), float64), "W")
        self.values = [self.h, self.g, self.x]

    def one(self):
        return self.values[self.rng.integers(len(self.values))]

    def part(self):
        b, v = self.b, self.one()
        square = (ROWS, COLUMNS)
        match WAYS[self.rng.integers(len(WAYS))]:
            case "tanh":
                return b.op("tanh", v)
            case "weight":
                return b.op("dot", v, self.weight, contract=((1,), (0,)), batch=((), ()))
            case "transposed":
                return b.op("dot", v, self.weight, contract=((1,), (1,)), batch=((), ()))
            case "time":
                return b.op("mul", self.x, v)
            case "flip":
                return b.op("flip", v, axes=(0,))
            case "mean":
                total = b.op("sum", v, axes=(0,), keepdims=True)
                return b.op("sub", v, b.op("mul", b.broadcast(total, square), b.full(v.type, 0.1)))
            case "norm":
                square_sum = b.op("sum", b.op("mul", v, v), axes=(1,), keepdims=True)
                scale = b.op("rsqrt", b.op("add", square_sum, b.full(square_sum.type, 1)))
                return b.op("mul", v, b.broadcast(scale, square))
            case "total":
                self.s = b.op("tanh", b.op("sum", v, axes=(0, 1), keepdims=False))
                return b.op("mul", v, b.broadcast(self.s, square))
            case _:
                return b.op("add", v, self.one())

    def make(self):
        for _ in range(self.rng.integers(2, 9)):
            self.values.append(self.part())
        b = self.b
        h, g = (b.op("tanh", self.one()) for _ in range(2))
        return b.finish((h, g, b.op("mul", self.s, b.full(self.s.type, 0.5)), self.one(), self.s))


def program(seed):
    b = Program("loop")
    square = TensorType((ROWS, COLUMNS), float64)
    given = [b.input(square, "h"), b.input(square, "g"), b.input(TensorType((), float64), "s")]
    given.append(b.input(TensorType((STEPS, *square.shape), float64), "x"))
    given.append(b.input(TensorType((COLUMNS, COLUMNS), float64), "W"))
    body = BodyMaker(seed).make()
    outputs = b.op("scan", *given, **Body(body, STEPS, seed % 3 == 0, 3, 1).params)
    return b.finish(tuple(outputs))


@settings(
    max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(st.integers(0, 2**32 - 1))
def test_random_loops_are_the_same_for_any_order(seed):
    with pytest.MonkeyPatch.context() as patch:
        share_everything(patch)
        graph = program(seed)
        agree(graph, emit_programs.arrays(graph), 1e-7, 1e-9)


def steps_of(plan):
    return [k.work for k in plan.kernels if isinstance(k.work, Repeat)]


def test_rows_that_keep_to_themselves_need_no_meeting_inside_of_a_loop(monkeypatch):
    share_everything(monkeypatch)
    graph = emit_programs.gru_loss(batch=6, hidden=32, dtype=float64)
    plan, emitted = agree(graph, emit_programs.arrays(graph), 1e-7, 1e-9)
    loops = steps_of(plan)
    assert len(loops) == 2
    assert all(loop.plan.shared and not loop.plan.meets and not loop.meets for loop in loops)
    assert "cell(buffers, t, team)" in emitted.source


def test_rows_that_are_mixed_meet_in_each_step(monkeypatch):
    share_everything(monkeypatch)
    b = GraphBuilder("mixed")
    h = b.input(TensorType((ROWS, COLUMNS), float64), "h")
    turned = b.op("flip", b.op("tanh", h), axes=(0,))
    body = b.finish((b.op("add", turned, h), turned))
    p = Program("mixing")
    start = p.input(TensorType((ROWS, COLUMNS), float64), "h")
    graph = p.finish(tuple(p.op("scan", start, **Body(body, STEPS, False, 1, 0).params)))
    plan, _ = agree(graph, emit_programs.arrays(graph), 1e-7, 1e-9)
    (loop,) = steps_of(plan)
    assert loop.plan.shared
    assert loop.plan.meets or loop.meets
