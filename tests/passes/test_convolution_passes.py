"""Passes around convolutions: the same meaning, with fewer permutations and fewer places."""

from __future__ import annotations

import numpy as np
import pytest

import gradc.primitives  # noqa: F401  (fills the registry)
from gradc.ir.builder import GraphBuilder
from gradc.ir.dtype import float64
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import TensorType
from gradc.ir.verify import verify
from gradc.passes.channels_last import channels_last
from gradc.passes.dead import dead
from gradc.passes.narrow import narrow
from gradc.passes.pipeline import optimise
from gradc.passes.simplify import simplify
from gradc.schedule.windows import expand_windows

FIRST, BACK = (0, 3, 1, 2), (0, 2, 3, 1)


def convolved(b, x, w):
    """[N, H, W, C] -> [N, O, P, Q], as layers give it."""
    n, h, width, c = x.shape
    y = b.op("conv", b.reshape(x, (n, h, width, 1, c)), w, stride=(1, 1), dilation=(1, 1))
    y = b.reshape(y, (*y.shape[:3], y.shape[4]))
    return b.op("permute", y, axes=FIRST)


BETWEEN = {
    "elementwise": lambda b, y, s: b.op("mul", b.op("exp", y), b.op("neg", s)),
    "broadcast": lambda b, y, s: b.op(
        "add", y, b.broadcast(b.reshape(b.op("sum", s, axes=(0, 2, 3)), (3, 1, 1)), y.shape)
    ),
    "pad": lambda b, y, s: b.op(
        "pad", y, low=(0, 0, 1, 2), high=(0, 0, 0, 1), interior=(0, 0, 1, 0), value=1.5
    ),
    "slice": lambda b, y, s: b.op(
        "slice", y, start=(0, 0, 1, 0), stop=(2, 3, 4, 4), step=(1, 1, 2, 1)
    ),
    "flip": lambda b, y, s: b.op("flip", y, axes=(1, 3)),
    "concatenate": lambda b, y, s: b.op("concatenate", s, y, axis=1),
    "sums": lambda b, y, s: b.op(
        "sub", y, b.broadcast(b.op("sum", y, axes=(0, 2, 3), keepdims=True), y.shape)
    ),
    "cut": lambda b, y, s: b.op("sum", b.reshape(y, (2, 3, 2, 2, 2, 2)), axes=(3, 5)),
    "pool": lambda b, y, s: b.op("window_pick", y, b.op("window_argmax", y, **POOL), **POOL),
    "unpool": lambda b, y, s: b.op(
        "window_put",
        b.op("slice", y, start=(0,) * 4, stop=(2, 3, 2, 2), step=(1,) * 4),
        b.op("window_argmax", s, **POOL),
        shape=(2, 3, 4, 4),
        **POOL,
    ),
}
POOL = {"window": (1, 1, 2, 2), "stride": (1, 1, 2, 2), "dilation": (1, 1, 1, 1)}


def program(between):
    b = GraphBuilder("between")
    x = b.input(TensorType((2, 5, 5, 2), float64), "x")
    s = b.input(TensorType((2, 3, 4, 4), float64), "s")
    w = b.input(TensorType((2, 2, 1, 2, 3), float64), "w")
    y = between(b, convolved(b, x, w), s)
    z = b.op("permute", y, axes=BACK)
    v = b.input(TensorType((1, 1, 1, z.shape[3], 2), float64), "v")
    return b.finish((convolved(b, z, v),))


def arrays(graph):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(v.shape) for v in graph.inputs]


@pytest.mark.parametrize("case", BETWEEN)
def test_permutations_between_convolutions_cancel(case):
    graph = program(BETWEEN[case])
    given = arrays(graph)
    (expected,), _ = evaluate(graph, given)
    moved = verify(simplify(dead(channels_last(graph))))
    (got,), _ = evaluate(moved, given)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
    convolutions = [i for i, e in enumerate(moved.equations) if e.primitive.name == "conv"]
    chain = {moved.equations[convolutions[0]].outputs[0]}
    for e in moved.equations[convolutions[0] : convolutions[1]]:
        if any(v in chain for v in e.inputs):
            chain.update(e.outputs)
            assert e.primitive.name != "permute"
    assert moved.equations[convolutions[1]].inputs[0] in chain


def test_merged_axes_stop_the_permutation():
    graph = program(lambda b, y, s: b.reshape(b.reshape(y, (2, 48)), y.shape))
    given = arrays(graph)
    (expected,), _ = evaluate(graph, given)
    (got,), _ = evaluate(verify(channels_last(graph)), given)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("stride", [1, 2])
def test_places_that_nobody_reads_are_not_computed(stride):
    b = GraphBuilder("narrow")
    x = b.input(TensorType((2, 9, 8, 1, 2), float64), "x")
    w = b.input(TensorType((2, 3, 1, 2, 3), float64), "w")
    y = b.op("conv", x, w, stride=(stride, 1), dilation=(1, 2))
    rest = y.shape[3:]
    part = b.op("slice", y, start=(0, 1, 0, 0, 0), stop=(2, 3, 2, *rest), step=(1,) * 5)
    graph = b.finish((part,))
    given = arrays(graph)
    (expected,), _ = evaluate(graph, given)
    less = verify(dead(narrow(graph)))
    (got,), _ = evaluate(less, given)
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    (conv,) = [e for e in less.equations if e.primitive.name == "conv"]
    assert conv.outputs[0].shape == part.shape


def test_a_convolution_that_is_read_elsewhere_stays_whole():
    b = GraphBuilder("whole")
    x = b.input(TensorType((1, 6, 1, 1), float64), "x")
    w = b.input(TensorType((2, 1, 1, 1), float64), "w")
    y = b.op("conv", x, w, stride=(1,), dilation=(1,))
    part = b.op("slice", y, start=(0, 1, 0, 0), stop=(1, 3, 1, 1), step=(1,) * 4)
    graph = b.finish((part, y))
    assert [e.primitive.name for e in narrow(graph).equations] == ["conv", "slice"]


@pytest.mark.parametrize("shape", [(2, 4, 6, 3), (2, 5, 6, 3)])
def test_windows_become_slices_and_tiles(shape):
    b = GraphBuilder("windows")
    x = b.input(TensorType(shape, float64), "x")
    params = {"window": (1, 2, 3, 1), "stride": (1, 2, 3, 1), "dilation": (1, 1, 1, 1)}
    index = b.op("window_argmax", x, **params)
    y = b.op("window_pick", x, index, **params)
    back = b.op("window_put", b.op("exp", y), index, shape=shape, **params)
    masked = b.op("where", b.op("gt", x, b.full(x.type, 0.5)), back, b.full(x.type, 0))
    graph = b.finish((y, masked, b.op("sum", masked, axes=(0, 1, 2))))
    given = arrays(graph)
    expected, _ = evaluate(graph, given)
    expanded, kept = expand_windows(optimise(graph))
    verify(expanded)
    got, _ = evaluate(expanded, given)
    for a, e in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-12)
    assert len(kept) == 2
    sums = [e for e in expanded.equations if e.primitive.name == "sum"]
    assert sums[0].inputs[0].type.ndim == (6 if shape[1] == 4 else 4)
