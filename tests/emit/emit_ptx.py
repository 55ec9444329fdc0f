"""Run generated CUDA text on the PTX machine, and compare it with the NumPy evaluator."""

import numpy as np
from emit_cuda import cuda_text
from ptx.device import PtxGpu
from ptx.memory import GlobalMemory
from ptx.schedule import TOGETHER

from gradc.ir.evaluate import evaluate
from gradc.schedule.arithmetic import FULL


def results(graph, arrays, order, arithmetic=FULL):
    """Return (plan, emitted, outputs, updated inputs, the GPU); nothing is written beforehand."""
    plan, emitted = cuda_text(graph, arithmetic)
    memory = GlobalMemory()
    inputs = [memory.upload(a) for a in arrays]
    arena = memory.allocate(emitted.arena_bytes)
    likes = [np.empty(v.shape, v.dtype.numpy) for v in graph.outputs]
    outputs = [memory.allocate(like.nbytes) for like in likes]
    gpu = PtxGpu(emitted.source, memory, order)
    gpu.run(dict(enumerate([arena, *inputs, *outputs], 2)))
    place = {v: i for i, v in enumerate(graph.inputs)}
    got = [memory.download(a, like) for a, like in zip(outputs, likes, strict=True)]
    updated = [memory.download(inputs[place[old]], arrays[place[old]]) for old, _ in graph.updates]
    return plan, emitted, got, updated, gpu


def check(graph, arrays, *, order=TOGETHER, rtol=1e-7, atol=1e-9):
    """Compare with the evaluator; return (plan, emitted, the GPU)."""
    given = [
        np.array(a, v.dtype.numpy, order="C").reshape(v.shape)
        for a, v in zip(arrays, graph.inputs, strict=True)
    ]
    with np.errstate(all="ignore"):
        outputs, updated = evaluate(graph, [a.copy() for a in given])
        plan, emitted, got, changed, gpu = results(graph, given, order)
    for expected, found in zip((*outputs, *updated), (*got, *changed), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)
    return plan, emitted, gpu
