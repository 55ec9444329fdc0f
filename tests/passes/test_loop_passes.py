"""Passes on loops: bodies keep their meaning, what nobody needs goes, sums of pads join."""

import numpy as np
import pytest

import gradc
from gradc.ir.builder import GraphBuilder
from gradc.ir.dtype import float64
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import Role, TensorType
from gradc.passes.join import join
from gradc.passes.pipeline import optimise
from gradc.tensor.trace import Trace


def traced(function, *shapes):
    """Return the graph of a function, and its arguments."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in shapes]
    given = [gradc.tensor(a) for a in arrays]
    trace = Trace("program")
    with trace:
        for t in given:
            trace.capture(t, Role.ARGUMENT)
        results = function(*given)
        graph = trace.builder.finish(tuple(trace.value(t) for t in results))
    return graph, arrays


def optimised(function, *shapes):
    """Return the graph after all passes, having compared its meaning; and its loop, if any."""
    graph, arrays = traced(function, *shapes)
    result = optimise(graph)
    for a, b in zip(evaluate(result, arrays)[0], evaluate(graph, arrays)[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    scans = [e for e in result.equations if e.primitive.name == "scan"]
    return result, scans[0] if scans else None


def names(equations):
    return [e.primitive.name for e in equations]


def test_results_that_nobody_reads_and_what_only_they_need_go():
    def f(c, xs, unused):
        last, _ = gradc.scan(lambda c, x: (c + x[0], c * unused + x[1].exp()), c, (xs, xs * 2))
        return (last,)

    graph, scan = optimised(f, (3,), (4, 3), (3,))
    assert len(scan.outputs) == 1
    assert names(scan.params["body"].equations) == ["add"]
    assert scan.inputs == graph.inputs[:2]
    assert names(graph.equations) == ["scan"]


def test_a_result_is_stacked_once():
    def f(c, xs):
        last, (a, b) = gradc.scan(lambda c, x: (c * x, (c * x, c * x)), c, xs)
        return last, a, b

    _, scan = optimised(f, (3,), (4, 3))
    assert len(scan.outputs) == 2


def test_what_is_the_same_at_each_step_is_done_before():
    def f(c, xs, k):
        return gradc.scan(lambda c, x: (c * (k.exp() * 2) + x, c), c, xs)

    graph, scan = optimised(f, (3,), (4, 3), (3,))
    assert "exp" in names(graph.equations)
    assert names(scan.params["body"].equations) == ["mul", "add"]


@pytest.mark.parametrize(("steps", "copied"), [(3, False), (20, True)])
def test_a_transposed_weight_is_copied_for_many_steps(steps, copied):
    def f(c, xs, w):
        return gradc.scan(lambda c, x: (c @ w.t() + x, c), c, xs)

    graph, _ = optimised(f, (2, 3), (steps, 2, 3), (3, 3))
    assert ("permute" in names(graph.equations)) is copied


def test_a_loop_of_one_step_is_no_loop():
    graph, scan = optimised(lambda c, xs: gradc.scan(lambda c, x: (c + x, c), c, xs), (3,), (1, 3))
    assert scan is None
    assert "add" in names(graph.equations)


def pads(*spans, length=6, value=0.0):
    """Return the sum of slices' adjoints."""
    b = GraphBuilder("sum")
    total = None
    for low, high in spans:
        x = b.input(TensorType((2, high - low), float64))
        padded = b.op("pad", x, low=(0, low), high=(0, length - high), interior=(0, 0), value=value)
        total = padded if total is None else b.op("add", total, padded)
    return b.finish((total,))


def test_pads_that_tile_are_joined():
    graph = pads((2, 5), (0, 2), (5, 6))
    result = optimise(join(graph))
    assert names(result.equations) == ["concatenate"]
    arrays = [np.random.default_rng(i).standard_normal(v.shape) for i, v in enumerate(graph.inputs)]
    np.testing.assert_array_equal(evaluate(result, arrays)[0][0], evaluate(graph, arrays)[0][0])


@pytest.mark.parametrize(
    "graph",
    [pads((0, 2), (3, 6)), pads((0, 4), (2, 6)), pads((0, 3), (3, 6), value=1.0)],
    ids=["gap", "overlap", "value"],
)
def test_other_pads_stay(graph):
    assert "concatenate" not in names(join(graph).equations)
