"""Random programs with fused, moved, reduced and updated values, against the evaluator."""

import numpy as np
import pytest
from emit_programs import Program
from emit_run import check
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradc.ir.dtype import float64
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import TensorType

UNARY = ("neg", "abs", "exp", "tanh", "sigmoid", "relu", "sin", "softplus")
BINARY = ("add", "sub", "mul", "maximum", "minimum")
FOLDS = ("sum", "max", "min", "prod")
LARGEST = 4000


class Maker:
    """Builds one random program from a seed."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.b = Program("random_program")
        self.values = []

    def one_of(self, options):
        return options[self.rng.integers(len(options))]

    def chance(self, share):
        return self.rng.random() < share

    def make(self):
        a, b, c = (int(n) for n in self.rng.choice([1, 2, 3, 4, 5], 3))
        shapes = [(a, b, c), (b, c), (a, 1, c), (a, b, 1), (a, b), (), (c,)]
        for i in range(self.rng.integers(1, 4)):
            self.values.append(self.b.input(TensorType(self.one_of(shapes), float64), f"x{i}"))
        steps = (
            [self.unary] * 4 + [self.binary] * 3 + [self.fold] * 2
            + [self.permute, self.reshape, self.slice, self.pad]
            + [self.join, self.dot, self.scan, self.pick]
        )  # fmt: skip
        for _ in range(int(self.rng.integers(3, 22))):
            x = self.one_of(self.values) if self.chance(0.5) else self.values[-1]
            new = self.one_of(steps)(x)
            if new is not None and new.type.size <= LARGEST:
                new.name = f"v{len(self.values)}" if self.chance(0.3) else ""
                self.values.append(new)
        count = min(3, len(self.values))
        places = self.rng.choice(len(self.values), size=count, replace=self.chance(0.3))
        graph = self.b.finish(tuple(self.values[i] for i in places))
        graph.updates = tuple(
            (old, self.one_of([v for v in self.values if v.type == old.type]))
            for old in graph.inputs
            if self.chance(0.6)
        )
        return graph, [self.rng.standard_normal(v.shape) * 0.7 for v in graph.inputs]

    def axis(self, x):
        return int(self.rng.integers(x.type.ndim))

    def unary(self, x):
        return self.b.op(self.one_of(UNARY), x)

    def binary(self, x):
        y = self.one_of(self.values)
        try:
            shape = np.broadcast_shapes(x.shape, y.shape)
        except ValueError:
            return None
        return self.b.op(
            self.one_of(BINARY), self.b.broadcast(x, shape), self.b.broadcast(y, shape)
        )

    def fold(self, x):
        if not x.shape:
            return None
        axes = tuple(a for a in range(x.type.ndim) if self.chance(0.5))
        axes = axes if axes and self.chance(0.5) else (x.type.ndim - 1,)
        return self.b.op(self.one_of(FOLDS), x, axes=axes, keepdims=self.chance(0.6))

    def permute(self, x):
        return self.b.op("permute", x, axes=tuple(map(int, self.rng.permutation(x.type.ndim))))

    def reshape(self, x):
        shape = list(x.shape)
        if len(shape) < 2 or self.chance(0.3):
            return self.b.reshape(x, (1, *shape))
        i = int(self.rng.integers(len(shape) - 1))
        return self.b.reshape(x, (*shape[:i], shape[i] * shape[i + 1], *shape[i + 2 :]))

    def slice(self, x):
        start = tuple(int(self.rng.integers(max(1, n // 2))) for n in x.shape)
        step = tuple(int(self.rng.integers(1, 3)) for _ in x.shape)
        return self.b.op("slice", x, start=start, stop=x.shape, step=step)

    def pad(self, x):
        low, high, interior = (tuple(map(int, self.rng.integers(0, 2, x.type.ndim))) for _ in "abc")
        return self.b.op("pad", x, low=low, high=high, interior=interior, value=0.5)

    def join(self, x):
        if not x.shape:
            return None
        axis = self.axis(x)
        joined = self.b.op("concatenate", x, self.b.op("neg", x), axis=axis)
        return self.b.op("flip", joined, axes=(axis,)) if self.chance(0.5) else joined

    def dot(self, x):
        y = self.one_of(self.values)
        pairs = [
            (i, j)
            for i, n in enumerate(x.shape)
            for j, m in enumerate(y.shape)
            if n == m and x.type.ndim > 1
        ]
        if not pairs:
            return None
        i, j = self.one_of(pairs)
        return self.b.op("dot", x, y, contract=((i,), (j,)))

    def scan(self, x):
        if not x.shape:
            return None
        if self.chance(0.5):
            return self.b.op("cumsum", x, axis=self.axis(x), reverse=self.chance(0.5))
        return self.b.op("sort", x, axis=self.axis(x), descending=self.chance(0.5))[0]

    def pick(self, x):
        if not x.shape:
            return None
        axis = self.axis(x)
        place = self.b.op(self.one_of(("argmax", "argmin")), x, axis=axis, keepdims=True)
        picked = self.b.op("gather", x, place, axis=axis)
        if self.chance(0.5):
            return picked
        return self.b.op("scatter_add", x, place, picked, axis=axis)


def run(seed, native):
    graph, arrays = Maker(seed).make()
    with np.errstate(all="ignore"):
        outputs, updated = evaluate(graph, arrays)
    # sums that nearly overflow or cancel say nothing about the generated text
    if all(np.isfinite(a).all() and (np.abs(a) < 1e8).all() for a in (*outputs, *updated)):
        check(graph, arrays, native=native, rtol=1e-7, atol=1e-9)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(st.integers(0, 10**6))
def test_interpreted_text_of_random_programs(seed):
    run(seed, native=False)


@pytest.mark.parametrize("seed", range(6))
def test_compiled_text_of_random_programs(seed):
    run(seed, native=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 1100, 10))
def test_many_random_programs(seed):
    for s in range(seed, seed + 10):
        run(s, native=False)
    run(seed, native=True)


def test_a_found_place_divided_by_interior_padding_waits_for_its_sweep():
    run(10216, native=False)
