"""Run generated CUDA text on an emulated device, and compare it with the NumPy evaluator."""

import ctypes

import numpy as np
from emit_run import tables

from gradc.build.cuda import load_cuda
from gradc.emit.cuda import emit
from gradc.ir.evaluate import evaluate
from gradc.passes.pipeline import optimise
from gradc.primitives.sixteen_bits import lowered
from gradc.runtime import interpreted_cuda
from gradc.runtime.cuda_launch import CudaKernel, CudaStep
from gradc.schedule.arithmetic import FULL
from gradc.schedule.make import schedule
from gradc.schedule.target import CUDA

DTYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64}
DTYPES |= {"u8": np.uint8, "b1": np.bool_}


def cuda_text(graph, arithmetic=FULL):
    plan = schedule(optimise(graph), target=CUDA, arithmetic=arithmetic)
    return plan, emit(plan)


def array_of(view):
    """Return the array that a view stands for."""
    dtype = np.dtype(DTYPES[view.code])
    count = int(np.prod(view.shape)) * dtype.itemsize
    if not count:
        return np.empty(view.shape, dtype)
    memory = (ctypes.c_char * count).from_address(view.address)
    return np.ndarray(view.shape, dtype, memory)


class Device:
    """A device in host memory that runs kernels at once."""

    def __init__(self, native):
        self.native = native
        self.launched = []

    def launch(self, name, blocks, threads, arguments):
        self.launched.append(name)
        self.native.functions[name].run(blocks, threads, arguments)

    def product(self, name, a, b, out, bias, rounds):
        a, b, out = (array_of(v) for v in (a, b, out))
        added = 0 if bias is None else array_of(bias)
        left, _, right = name.removeprefix("batch_").partition("matmul")
        a = a.swapaxes(-1, -2) if left else a
        b = b.swapaxes(-1, -2) if right else b
        a, b = lowered(rounds, a, b)
        out[...] = a @ b + np.array(added, out.dtype)


def run(source, table, name="test"):
    """Run a generated file on the emulated device; return the device."""
    native = load_cuda(source, name, "emulated")
    device = Device(native)
    with np.errstate(all="ignore"):
        native.step(device, {slot: int(a) for slot, a in enumerate(table)})
    return device


def in_lanes(order):
    """Return what runs a generated file in plain Python, each group with these lanes."""

    def launch(source, table):
        text = {}
        exec(compile(source, "generated.py", "exec"), text)
        kernels = {k.__name__: k for k in text.values() if isinstance(k, CudaKernel)}
        (step,) = [v for v in text.values() if isinstance(v, CudaStep)]

        class Lanes(Device):
            def launch(self, name, blocks, threads, arguments):
                self.launched.append(name)
                interpreted_cuda.run(kernels[name], blocks, threads, arguments, order)

        with np.errstate(all="ignore"):
            step(Lanes(None), {slot: int(a) for slot, a in enumerate(table)})

    return launch


def results(graph, arrays, launch=run):
    """Return (plan, emitted, outputs, updated inputs) of a run of the generated text."""
    plan, emitted = cuda_text(graph)
    table, inputs, outputs, arena = tables(graph, emitted, arrays)
    launch(emitted.source, table)
    del arena
    place = {v: i for i, v in enumerate(graph.inputs)}
    return plan, emitted, outputs, [inputs[place[old]] for old, _ in graph.updates]


def check(graph, arrays, *, launch=run, rtol=1e-7, atol=1e-9):
    """Compare with the evaluator; return (plan, emitted)."""
    given = [
        np.array(a, v.dtype.numpy).reshape(v.shape)
        for a, v in zip(arrays, graph.inputs, strict=True)
    ]
    with np.errstate(all="ignore"):
        outputs, updated = evaluate(graph, given)
    plan, emitted, got, changed = results(graph, arrays, launch)
    assert max(map(len, emitted.source.splitlines())) <= 100, emitted.source
    for expected, found in zip((*outputs, *updated), (*got, *changed), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)
    return plan, emitted
