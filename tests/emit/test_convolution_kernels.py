"""Convolutions of all shapes as generated kernels, for several processors, against the meaning."""

from __future__ import annotations

import numpy as np
import pytest
from emit_programs import Program
from emit_run import interpreted, tables

from gradc.autodiff.rules import vjp_rule
from gradc.build import load
from gradc.emit.cpu import emit
from gradc.ir.dtype import float32, float64
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import TensorType
from gradc.ir.primitive import lookup
from gradc.passes.pipeline import optimise
from gradc.schedule.make import schedule
from gradc.schedule.registers import Registers, host_registers

# samples, size, window, groups, inner, outer, stride, dilation
SHAPES = [
    (2, (6, 31), (3, 3), 1, 3, 16, (1, 1), (1, 1)),
    (2, (5, 9), (3, 2), 1, 16, 40, (2, 2), (1, 1)),
    (1, (7, 7), (3, 3), 2, 5, 18, (1, 2), (2, 1)),
    (3, (6, 6), (3, 3), 4, 1, 1, (1, 1), (1, 1)),
    (2, (6, 6), (1, 1), 1, 17, 33, (1, 1), (1, 1)),
    (2, (5, 5), (5, 5), 1, 2, 3, (1, 1), (1, 1)),
    (2, (40,), (5,), 1, 1, 7, (2,), (1,)),
    (2, (9,), (3,), 3, 12, 2, (1,), (2,)),
    (2, (4, 4, 5), (2, 2, 2), 1, 2, 9, (1, 1, 1), (1, 1, 2)),
    (1, (3, 3), (2, 2), 1, 1, 1, (1, 1), (1, 1)),
]
PROCESSORS = {
    "avx512": Registers(32, 64),
    "avx2": Registers(16, 32),
    "sse": Registers(16, 16),
    "host": host_registers(),
}


def program(dtype, shapes):
    """A convolution of each shape with the gradients of both operands."""
    b, arrays, outputs = Program("convolutions"), [], []
    rng = np.random.default_rng(3)
    for number, (n, size, window, g, c, o, stride, dilation) in enumerate(shapes):
        params = {"stride": stride, "dilation": dilation}
        x, w = rng.standard_normal((n, *size, g, c)), rng.standard_normal((*window, g, c, o))
        given = [
            b.input(TensorType(a.shape, dtype), f"{name}{number}")
            for a, name in ((x, "x"), (w, "w"))
        ]
        arrays += [x, w]
        y = b.op("conv", *given, **params)
        bar = rng.standard_normal(y.shape)
        arrays.append(bar)
        seed = b.input(TensorType(bar.shape, dtype), f"bar{number}")
        rule = vjp_rule(b, lookup("conv"), params, tuple(given), (), (seed,), (True, True))
        outputs += [y, *rule]
    return b.finish(tuple(outputs)), arrays


def compare(graph, arrays, registers, rtol, *, native):
    emitted = emit(schedule(optimise(graph), registers))
    table, inputs, outputs, arena = tables(graph, emitted, arrays)
    expected, _ = evaluate(graph, inputs)
    if native:
        load(emitted.source, "test").call(table.ctypes.data)
    else:
        interpreted(emitted.source, table)
    for want, got in zip(expected, outputs, strict=True):
        np.testing.assert_allclose(got, want, rtol, 10 * rtol)
    del arena
    return emitted.source


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("number", range(len(SHAPES)))
def test_interpreted(number, processor):
    graph, arrays = program(float64, SHAPES[number : number + 1])
    compare(graph, arrays, PROCESSORS[processor], 1e-11, native=False)


@pytest.mark.parametrize(
    ("dtype", "processor", "shapes"),
    [(float32, "host", SHAPES[:2]), (float64, "host", SHAPES[2:4]), (float32, "avx2", SHAPES[5:6])],
)
def test_compiled(dtype, processor, shapes):
    graph, arrays = program(dtype, shapes)
    rtol = 3e-5 if dtype is float32 else 1e-11
    source = compare(graph, arrays, PROCESSORS[processor], rtol, native=True)
    assert "tile = multiply_add(" in source


def test_whole_numbers_and_depthwise_windows_need_no_tiles():
    graph, _ = program(float32, SHAPES[3:4])
    assert "tile" not in emit(schedule(optimise(graph))).source
