"""Tracing with tensors on a device: the program's device, what it captures, numbers that mix."""

from __future__ import annotations

import numpy as np

import gradc
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import Role
from gradc.tensor.trace import Trace

ON_REAL_DEVICES = True
CUDA = gradc.device("cuda:0")


def traced(function, *given):
    """Return the graph of a function, the tensors behind its inputs, and the trace."""
    trace = Trace("f")
    with trace:
        for x in given:
            trace.capture(x, Role.ARGUMENT, "x")
        results = function(*given)
        results = results if isinstance(results, tuple) else (results,)
        values = tuple(trace.value(t) for t in results)
    return trace.builder.finish(values), trace


def outcome(graph, trace):
    """Return the results of a graph on what its trace has captured."""
    contents = [c.storage.content for c in trace.cells.values()]
    arrays = [c if isinstance(c, np.ndarray) else c.numpy() for c in contents]
    return evaluate(graph, arrays)[0]


def test_everything_inside_is_on_the_device():
    devices = []

    def f(x):
        made = [
            x * 2, gradc.zeros_like(x), gradc.zeros(3, device=x.device), gradc.ones(3),
            gradc.rand_like(x), gradc.tensor([1.0, 2.0, 3.0]), x.new_ones(2), x.detach(),
            x.cuda(), x.to(x), gradc.arange(3, device="cuda"), x.clone(),
        ]  # fmt: skip
        devices.extend(t.device for t in made)
        return sum(t for t in made if t.shape == (3,))

    x = gradc.ones(3, device="cuda")
    graph, trace = traced(f, x)
    assert trace.device == CUDA
    assert set(devices) == {CUDA}
    assert {c.tensor.device for c in trace.cells.values()} == {CUDA}
    assert {e.params["device"] for e in graph.equations if "device" in e.params} == {"cpu"}


def test_the_same_numbers_as_on_the_cpu():
    def f(x):
        return (gradc.nn.functional.dropout(x) + gradc.randn(4, device=x.device)).exp(), x.t()

    results = []
    for device in ("cpu", "cuda"):
        gradc.manual_seed(4)
        graph, trace = traced(f, gradc.ones(3, 4, device=device))
        results.append(outcome(graph, trace))
    for here, there in zip(*results, strict=True):
        np.testing.assert_array_equal(there, here)


def test_numbers_on_the_cpu_are_captured_where_they_are():
    scale = gradc.tensor(3.0)
    graph, trace = traced(lambda x: x * scale, gradc.ones(2, device="cuda"))
    assert [c.tensor.device.type for c in trace.cells.values()] == ["cuda", "cpu"]
    assert trace.device == CUDA
    assert len(graph.inputs) == 2


def test_views_and_gradients_of_captured_tensors():
    w = gradc.ones(2, 3, device="cuda", requires_grad=True)
    view = w.detach()[1]

    def f(x):
        view.mul_(5)
        loss = (x * w).sum()
        loss.backward()
        return loss, w.grad, view

    graph, trace = traced(f, gradc.full((2, 3), 2.0, device="cuda"))
    loss, grad, seen = outcome(graph, trace)
    assert (loss, grad.tolist(), seen.tolist()) == (36.0, [[2.0] * 3] * 2, [5.0] * 3)
    assert w.tolist() == [[1.0] * 3] * 2
    assert w.grad is None
