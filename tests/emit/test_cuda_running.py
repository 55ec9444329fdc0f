"""Running sums by groups of lanes, and in two levels for long lines."""

import numpy as np
import pytest
from emit_cuda import check, cuda_text, in_lanes, results
from emit_programs import Program

from gradc.build.cuda import load_cuda, ptx_of
from gradc.ir.dtype import float32, float64, int32, int64
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import TensorType
from gradc.schedule import long_scans
from gradc.schedule.frame import Frame


def program(shape, axis, dtype=float64, *, reverse=False):
    b = Program("p")
    x = b.input(TensorType(shape, dtype), "x")
    return b.finish((b.named(b.op("cumsum", x, axis=axis, reverse=reverse), "y"),))


def arrays(graph):
    rng = np.random.default_rng(1)
    if not graph.inputs[0].dtype.is_floating_point:
        return [rng.integers(-9, 9, v.shape) for v in graph.inputs]
    return [rng.standard_normal(v.shape) for v in graph.inputs]


def frames(graph):
    plan, _ = cuda_text(graph)
    return {k.launch.frame for k in plan.kernels if k.launch is not None}


@pytest.mark.parametrize("order", [None, (0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("shape", "axis"), [((3, 40), 1), ((2, 33, 3), 1), ((50,), 0)])
def test_numbers(shape, axis, reverse, order):
    graph = program(shape, axis, reverse=reverse)
    assert frames(graph) == {Frame.RUNNING}
    launch = {"launch": in_lanes(order)} if order else {}
    check(graph, arrays(graph), rtol=1e-9, **launch)


@pytest.mark.parametrize("dtype", [float32, int32, int64])
def test_types(dtype):
    graph = program((4, 100), 1, dtype)
    check(graph, arrays(graph), rtol=1e-5, atol=1e-5)


def test_nan_and_infinity_reach_what_follows_them_only():
    graph = program((2, 64), 1)
    x = np.ones((2, 64))
    x[0, 40], x[1, 10], x[1, 50] = np.nan, np.inf, -np.inf
    check(graph, [x])
    check(graph, [x], launch=in_lanes((1, 0, 2)))


def test_threads_go_along_many_lines_side_by_side():
    assert frames(program((100, 5000), 0)) == {Frame.ORDER}
    assert frames(program((100, 50), 0)) == {Frame.RUNNING}
    assert frames(program((7, 12), 1)) == {Frame.ORDER}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("shape", "axis"), [((2, 96), 1), ((70,), 0), ((2, 100, 2), 1)])
def test_two_levels(shape, axis, reverse, monkeypatch):
    monkeypatch.setattr(long_scans, "LONG", 64)
    monkeypatch.setattr(long_scans, "PART", 16)
    graph = program(shape, axis, reverse=reverse)
    _, emitted = check(graph, arrays(graph), rtol=1e-9, atol=1e-12)
    assert emitted.source.count("row_running(") + emitted.source.count("running_sum") >= 2
    x = arrays(graph)[0]
    x[(0,) * axis + (20,)] = np.inf
    check(graph, [x])


def test_a_long_line_is_cut():
    graph = program((1_000_000,), 0, float32)
    plan, emitted = cuda_text(graph)
    assert "rows(250)" in emitted.source
    assert "steps(4000)" in emitted.source
    x = arrays(graph)
    _, _, (found,), _ = results(graph, x)
    (expected,), _ = evaluate(program((1_000_000,), 0), x)
    np.testing.assert_allclose(found, expected, atol=2e-2)
    assert plan.memory.arena_bytes < 1 << 16


def test_the_text():
    _, emitted = cuda_text(program((6, 500), 1, float32))
    assert (
        """    for i in rows(6):
        before = f(0)
        for j in steps(500):
            running = f(0)
            if j < 500:
                running += x[i, j]
            running, before = row_running(running, before)
            if j < 500:
                y[i, j] = running
"""
        in emitted.source
    )


def test_ptx():
    _, emitted = cuda_text(program((6, 5000), 1, float32))
    text = ptx_of(emitted.source, "test", "sm_90")
    assert "shfl.sync.up.b32" in text
    assert ".local" not in text
    assert "atom." not in text


@pytest.mark.cuda_compile
@pytest.mark.parametrize("dtype", [float32, float64, int64])
def test_cubins(dtype):
    pytest.importorskip("cuda.bindings")
    _, emitted = cuda_text(program((6, 5000), 1, dtype))
    assert load_cuda(emitted.source, "test", "sm_80").cubin.startswith(b"\x7fELF")
