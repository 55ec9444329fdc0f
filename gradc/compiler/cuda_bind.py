"""A captured program -> compiled for a device, and bound to the storages that it captured."""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gradc.compiler.bind import backward_of, name_residuals
from gradc.compiler.capture import Captured
from gradc.compiler.cuda_native import CudaExecutable, cuda_executable
from gradc.compiler.cuda_needs import Needs, lacking
from gradc.compiler.cuda_precision import PrecisionGuard
from gradc.compiler.cuda_program import APART, COPIED_ARGUMENT, COPIED_RESULT, CudaProgram
from gradc.compiler.cuda_state import CudaBound, CudaGradient, bound
from gradc.compiler.flow import BackwardProgram
from gradc.compiler.split import split
from gradc.devices.array import DeviceArray, empty
from gradc.errors import OutOfMemoryError
from gradc.ir.graph import TensorType
from gradc.passes.pipeline import optimise


def build_cuda(captured: Captured, index: int) -> CudaProgram:
    """Optimise, plan, write out, compile and bind a captured graph for a device.

    Raises:
        OutOfMemoryError: the device has too little memory for it.
    """
    graph = optimise(captured.graph)
    backward = None
    if captured.seeds:
        halves = split(graph, captured.seeds, len(captured.sources))
        name_residuals(halves, captured)
        code = cuda_executable(halves.forward, index)
        backward = backward_of(captured, halves, cuda_executable(halves.backward, index))
    else:
        code = cuda_executable(graph, index)
    plans = [code.plan] if backward is None else [code.plan, backward.code.plan]
    if any(plan.multiplies_in_tiles for plan in plans):
        guard = PrecisionGuard(code.plan.arithmetic.precision)
        captured = replace(captured, guards=(*captured.guards, guard))
    needs = _needs(captured, code, backward)
    try:
        return _bound_to_tensors(captured, code, backward, needs, index)
    except OutOfMemoryError as error:
        raise lacking(error, captured.graph.name, needs) from error


def _needs(captured: Captured, code: CudaExecutable, backward: Any) -> Needs:
    """Return what a program will need, from the types of its inputs."""
    codes = [code] if backward is None else [code, backward.code]
    inputs, count = code.graph.inputs, len(captured.positions)
    copied = [v for i, v in enumerate(inputs[:count]) if i not in captured.updated_arguments]
    return Needs(
        temporaries=sum(c.arena.nbytes for c in codes),
        arguments=sum(v.type.nbytes for v in copied if v.type.nbytes <= COPIED_ARGUMENT),
        state=sum(v.type.nbytes for v in inputs[count:] if v not in captured.hypers),
        results=sum(pool.nbytes for c in codes for pool in c.pools),
    )


def _bound_to_tensors(
    captured: Captured,
    code: CudaExecutable,
    backward: BackwardProgram[CudaExecutable] | None,
    needs: Needs,
    index: int,
) -> CudaProgram:
    """Return the program with memory for its arguments, results and numbers."""
    inputs, count = code.graph.inputs, len(captured.positions)
    hypers = list(captured.hypers)
    numbers = np.full(len(hypers), np.nan)  # unlike any at the first call
    device_numbers = empty((len(hypers), APART), np.float64, index)
    states = _states(captured, code, index)
    arguments: list[DeviceArray | None] = [
        None if i in captured.updated_arguments else _copied(v.type, COPIED_ARGUMENT, index)
        for i, v in enumerate(inputs[:count])
    ]
    results = [
        _copied(v.type, COPIED_RESULT, index) for v in code.graph.outputs[: captured.returned]
    ]
    addresses = [0] * (len(inputs) + len(code.graph.outputs))
    for i, fixed in enumerate(arguments):
        addresses[i] = 0 if fixed is None else fixed.address
    for b in states:
        addresses[b.position] = b.home.address
    for i, value in enumerate(inputs):
        if value in captured.hypers:
            addresses[i] = device_numbers.address + 8 * APART * hypers.index(value)
    updated = any(b.updated for b in states)
    return CudaProgram(
        captured=captured,
        code=code,
        backward=backward,
        states=states,
        hypers=[(h.owner, h.key) for h in captured.hypers.values()],
        numbers=numbers,
        device_numbers=device_numbers,
        gradients=[
            CudaGradient(owner, code.pools[i], again=owner not in captured.read)
            for i, owner in enumerate(captured.gradients, captured.returned)
        ],
        arguments=arguments,
        results=results,
        addresses=addresses,
        places=[0] * count,
        apart={b.storage for b in states if b.updated or (captured.updated_arguments and updated)},
        needs=needs,
    )


def _states(captured: Captured, code: CudaExecutable, index: int) -> list[CudaBound]:
    """Return the bound storages: inputs that are neither arguments nor hyper-parameters."""
    updated = {old for old, _ in captured.graph.updates}
    count = len(captured.positions)
    return [
        bound(
            i, value, captured.cells[value].storage,
            captured.grads_of.get(value), value in updated, index,
        )
        for i, value in enumerate(code.graph.inputs)
        if i >= count and value not in captured.hypers
    ]  # fmt: skip


def _copied(kind: TensorType, limit: int, index: int) -> DeviceArray | None:
    """Return memory for a small argument or result; None for a large one."""
    nbytes = kind.size * kind.dtype.numpy.itemsize
    return empty(kind.shape, kind.dtype.numpy, index) if nbytes <= limit else None
