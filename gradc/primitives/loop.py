"""scan: a body run once per step of time, carrying a state along.

    (c, y_t) = body(c, x_t, k)   for t = 0 ... length - 1,  or backwards

The operands are the carried values c, the sequences x (time first), the constants k; the
results are the last c and the stacked y.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.errors import ShapeError
from gradc.ir.builder import GraphBuilder
from gradc.ir.derivative import Looped
from gradc.ir.dtype import float64
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import Graph, TensorType, Value
from gradc.ir.primitive import Kind, Primitive, Sample, register

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Body:
    """The static parameters of a scan.

    Args:
        body: the graph of one step: (carried..., x_t..., constants...) -> (carried..., y_t...).
        length: number of steps.
        reverse: whether time runs from the last step to the first.
        carries: how many values are carried.
        sequences: how many operands are cut along time.
        saved: how many results, the last ones, are there for the backward pass only.
    """

    body: Graph
    length: int
    reverse: bool
    carries: int
    sequences: int
    saved: int = 0

    @property
    def params(self) -> dict[str, Any]:
        """The same as keyword arguments."""
        return {
            "body": self.body,
            "length": self.length,
            "reverse": self.reverse,
            "carries": self.carries,
            "sequences": self.sequences,
            "saved": self.saved,
        }

    @property
    def constants(self) -> int:
        """Position of the first constant among the operands."""
        return self.carries + self.sequences

    @property
    def plain_outputs(self) -> int:
        """Number of results without those for the backward pass."""
        return len(self.body.outputs) - self.saved

    def step_type(self, position: int, type: TensorType) -> TensorType:
        """Return the type that the body sees of an operand."""
        is_sequence = self.carries <= position < self.constants
        return type.with_shape(type.shape[1:]) if is_sequence else type

    def stacked(self, value: Value) -> TensorType:
        """Return the type of a value of the body, one per step."""
        return value.type.with_shape((self.length, *value.shape))


def _meaning(*arrays: Array, **params: Any) -> tuple[Array, ...]:
    loop = Body(**params)
    state, sequences = arrays[: loop.carries], arrays[loop.carries : loop.constants]
    constants = arrays[loop.constants :]
    results: list[tuple[Array, ...]] = []
    times = range(loop.length)
    for t in reversed(times) if loop.reverse else times:
        given = (*state, *(x[t] for x in sequences), *constants)
        outputs, _ = evaluate(loop.body, tuple(np.asarray(a) for a in given))
        state, made = outputs[: loop.carries], outputs[loop.carries :]
        results.append(made)
    if loop.reverse:
        results.reverse()
    stacked = [
        np.stack([made[i] for made in results])
        if results
        else np.zeros((0, *v.shape), v.dtype.numpy)
        for i, v in enumerate(loop.body.outputs[loop.carries :])
    ]
    return (*(np.array(s) for s in state), *stacked)


def _typing(*types: TensorType, **params: Any) -> tuple[TensorType, ...]:
    loop = Body(**params)
    body = loop.body
    if len(types) != len(body.inputs):
        raise ShapeError(f"scan: the body takes {len(body.inputs)} operands, got {len(types)}")
    for i, (given, v) in enumerate(zip(types, body.inputs, strict=True)):
        if loop.carries <= i < loop.constants and given.shape[:1] != (loop.length,):
            raise ShapeError(f"scan: expected {loop.length} steps in {v.hint or 'xs'}, got {given}")
        if loop.step_type(i, given) != v.type:
            raise ShapeError(f"scan: the body takes {v.type} as operand {i}, got {given}")
    for i in range(loop.carries):
        before, after = body.inputs[i].type, body.outputs[i].type
        if before != after:
            raise ShapeError(f"scan: the body turns the carried {before} into {after}")
    carried = tuple(v.type for v in body.outputs[: loop.carries])
    return (*carried, *(loop.stacked(v) for v in body.outputs[loop.carries :]))


def _sample_body() -> Graph:
    """H' = tanh(W h + x), y = h' * x: a small recurrent network."""
    b = GraphBuilder("cell")
    h = b.input(TensorType((2, 3), float64), "h")
    x = b.input(TensorType((2, 3), float64), "x")
    weight = b.input(TensorType((3, 3), float64), "weight")
    bias = b.input(TensorType((3,), float64), "bias")
    product = b.op("dot", h, weight, contract=((1,), (1,)), batch=((), ()))
    after = b.op("tanh", b.op("add", b.op("add", product, x), b.broadcast(bias, (2, 3))))
    return b.finish((after, b.op("mul", after, x)))


def _samples() -> Iterable[Sample]:
    rng = np.random.default_rng(0)
    body = _sample_body()
    for length, reverse in ((4, False), (3, True), (1, False)):
        h, weight, bias = (rng.standard_normal(s) for s in ((2, 3), (3, 3), (3,)))
        x = rng.standard_normal((length, 2, 3))
        yield Sample((h, x, weight, bias), Body(body, length, reverse, 1, 1).params)


scan = register(
    Primitive(
        name="scan",
        kind=Kind.CONTROL,
        meaning=_meaning,
        typing=_typing,
        derivative=Looped(),
        maths="{body} at each of {length} steps",
        samples=_samples,
    )
)
