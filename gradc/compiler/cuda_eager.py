"""Operations on device arrays, one by one: each is a program of one kernel, compiled once.

The key is the primitive, the types of its operands and its parameters; of sums of products, the
precision too. The step of such a program
runs as it is, on the operands where they lie: capturing a graph would cost more than it saves.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from gradc.compiler.cuda_native import CudaExecutable, cuda_executable
from gradc.devices.array import DeviceArray, empty, upload
from gradc.devices.driver import driver
from gradc.devices.eager import Result, set_eager
from gradc.devices.precision import PRECISION
from gradc.ir.builder import GraphBuilder, several
from gradc.ir.dtype import from_numpy
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, Primitive, lookup
from gradc.passes.pipeline import optimise

MULTIPLY = (Kind.CONTRACTION, Kind.ATTENTION, Kind.CONTROL)  # what the precision may concern
FULL, BROADCAST, RESHAPE = lookup("full"), lookup("broadcast"), lookup("reshape")
_PROGRAMS: dict[Any, tuple[CudaExecutable, bool]] = {}
_LOCK = threading.Lock()


def run(
    primitive: Primitive, operands: tuple[DeviceArray, ...], params: Mapping[str, Any]
) -> Result:
    """Run a primitive; return an array, or a tuple of them.

    Args:
        primitive: what to compute.
        operands: arrays on one device.
        params: static parameters; without operands, `device` names where.
    """
    index = operands[0].index if operands else _index(params["device"])
    device = driver(index)
    if primitive is FULL:
        return _full(index, **params)
    if primitive is RESHAPE:
        return operands[0].copy().reshape(params["shape"])
    operands = tuple(x.aligned() for x in operands)
    types = tuple((x.shape, x.dtype) for x in operands)
    precision = PRECISION.name if primitive.kind in MULTIPLY else ""
    key = (device, primitive, types, frozen(dict(params)), precision)
    known = _PROGRAMS.get(key)
    if known is None:
        with _LOCK:
            known = _PROGRAMS.get(key)
            if known is None:
                known = _PROGRAMS[key] = _program(primitive, operands, params, index)
    program, many = known
    outputs = tuple(empty(v.shape, v.dtype.numpy, index) for v in program.graph.outputs)
    with program.lock:
        program.direct([x.address for x in (*operands, *outputs)])
    return outputs if many else outputs[0]


def _program(
    primitive: Primitive, operands: tuple[DeviceArray, ...], params: Mapping[str, Any], index: int
) -> tuple[CudaExecutable, bool]:
    """Return the program of a primitive, and whether it gives a tuple."""
    builder = GraphBuilder(primitive.name)
    names = primitive.operands or tuple("abcdefgh"[: len(operands)])
    inputs: list[Any] = []
    for i, x in enumerate(operands):
        dtype = from_numpy(x.dtype)
        assert dtype is not None
        inputs.append(builder.input(TensorType(x.shape, dtype), names[i] if i < len(names) else ""))
    here = dict(params) if operands else {**params, "device": "cpu"}  # a graph is for any device
    result = builder.apply(primitive, tuple(inputs), here)
    graph = builder.finish(several(result))
    return cuda_executable(optimise(graph), index), isinstance(result, tuple)


def _full(
    index: int, shape: tuple[int, ...], dtype: Any, value: Any, device: str = ""
) -> DeviceArray:
    """Return an array of one value, without a program for each value."""
    number = np.asarray(value).astype(dtype.numpy)
    if not number.tobytes().strip(b"\0"):
        made = empty(shape, dtype.numpy, index)
        made.fill(0)
        return made
    one = upload(number, index)
    if math.prod(shape) == 1:
        return one.reshape(shape)
    return cast("DeviceArray", run(BROADCAST, (one,), {"shape": shape}))


def _index(device: str) -> int:
    """Return the number in `cuda:1`."""
    return int(device.partition(":")[2] or 0)


def frozen(param: Any) -> Any:
    """Return a parameter as part of a key: 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    if isinstance(param, dict):
        entries = cast("dict[str, Any]", param)
        return tuple((key, frozen(entries[key])) for key in sorted(entries))
    if isinstance(param, tuple):
        return tuple, *map(frozen, cast("tuple[Any, ...]", param))
    if isinstance(param, float):
        return float, repr(param)
    return type(param), param


def register() -> None:
    """Let all operations on device arrays run here."""
    set_eager(run)
