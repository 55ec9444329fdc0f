"""Run generated text, compiled or interpreted, and compare it with the NumPy evaluator."""

import ctypes
import sys
import types

import numpy as np

from gradc.emit.cpu import emit
from gradc.ir.evaluate import evaluate
from gradc.passes.pipeline import optimise
from gradc.schedule.make import schedule
from gradc.schedule.registers import Registers

REGISTERS = Registers(32, 64)  # the same text on every processor


def compile_text(graph):
    plan = schedule(optimise(graph), REGISTERS)
    return plan, emit(plan)


def tables(graph, emitted, arrays, blas=(0, 0)):
    """Return (table, inputs, outputs, everything to keep alive)."""
    inputs = [
        np.array(a, v.dtype.numpy, order="C").reshape(v.shape).copy()
        for a, v in zip(arrays, graph.inputs, strict=True)
    ]
    # outputs and arena begin as garbage, so that a missing first value shows
    outputs = [np.full(v.shape, 77, v.dtype.numpy) for v in graph.outputs]
    arena = np.full(emitted.arena_bytes + 64, 0x55, np.uint8)
    start = arena.ctypes.data + (-arena.ctypes.data) % 64
    addresses = [*blas, start, *(a.ctypes.data for a in (*inputs, *outputs))]
    return np.array(addresses, np.int64), inputs, outputs, arena


def interpreted(source, table):
    """Run a generated file in this interpreter, in any process."""
    runtime_of_interpreter(source, table, {}, None)


def runtime_of_interpreter(source, table, names, run):
    """Run a generated file on the interpreter's runtime, with other `names` in it.

    `run(function, buffers)` calls the step in its own way.
    """
    from gradc.runtime import (
        interpreted,
        interpreted_maths,
        interpreted_products,
        interpreted_team,
        interpreted_tiles,
    )

    rooms = (
        interpreted,
        interpreted_maths,
        interpreted_products,
        interpreted_team,
        interpreted_tiles,
    )
    module = types.ModuleType("gradc.runtime.cpu")
    for part in rooms:
        module.__dict__.update({k: v for k, v in vars(part).items() if not k.startswith("__")})
    module.__dict__.update(names)
    before = sys.modules.get("gradc.runtime.cpu")
    sys.modules["gradc.runtime.cpu"] = module
    try:
        text = {}
        with np.errstate(all="ignore"):
            exec(compile(source, "generated.py", "exec"), text)
            (step,) = [v for v in text.values() if isinstance(v, interpreted.Step)]
            if run is None:
                step.run(table.ctypes.data)
            else:
                run(step.function, ctypes.cast(table.ctypes.data, ctypes.POINTER(ctypes.c_int64)))
    finally:
        del sys.modules["gradc.runtime.cpu"]
        if before is not None:
            sys.modules["gradc.runtime.cpu"] = before


def results(graph, arrays, *, native=False):
    """Return (plan, emitted, outputs, updated inputs) of a run of the generated text."""
    plan, emitted = compile_text(graph)
    table, inputs, outputs, arena = tables(graph, emitted, arrays)
    if native:
        from gradc.build import load

        load(emitted.source, "test").call(table.ctypes.data)
    else:
        interpreted(emitted.source, table)
    del arena
    place = {v: i for i, v in enumerate(graph.inputs)}
    return plan, emitted, outputs, [inputs[place[old]] for old, _ in graph.updates]


def check(graph, arrays, *, native=False, rtol=1e-7, atol=1e-9):
    """Compare with the evaluator; return (plan, emitted)."""
    given = [
        np.array(a, v.dtype.numpy).reshape(v.shape)
        for a, v in zip(arrays, graph.inputs, strict=True)
    ]
    outputs, updated = evaluate(graph, given)
    plan, emitted, got, changed = results(graph, arrays, native=native)
    assert max(map(len, emitted.source.splitlines())) <= 100, emitted.source
    for expected, found in zip((*outputs, *updated), (*got, *changed), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)
    return plan, emitted
