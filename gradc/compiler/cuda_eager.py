"""Operations on device arrays, one by one: each is a program of one kernel, compiled once.

The key is the primitive, the types of its operands and its parameters; of sums of products, the
precision too. What the step of such a program launches is told once: capturing a graph would cost
more than it saves. Numbers and other small operands that repeat are read where they lie.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from gradc.compiler.cuda_launches import Launch, launches_of
from gradc.compiler.cuda_native import CudaExecutable, cuda_executable
from gradc.devices.array import DeviceArray, empty, upload
from gradc.devices.driver import Driver, driver
from gradc.devices.eager import Result, set_eager
from gradc.devices.precision import PRECISION
from gradc.devices.repeated import Repeated, number
from gradc.ir.builder import GraphBuilder, several
from gradc.ir.dtype import from_numpy
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, Primitive, lookup
from gradc.passes.pipeline import optimise

MULTIPLY = (Kind.CONTRACTION, Kind.ATTENTION, Kind.CONTROL)  # what the precision may concern
FULL, BROADCAST, RESHAPE = lookup("full"), lookup("broadcast"), lookup("reshape")
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Operation:
    """A primitive, compiled for operands of certain types.

    Attributes:
        program: what computes it.
        many: whether it gives a tuple.
        outputs: shape and dtype of each.
        launches: what its step launches, where that is all that it does.
    """

    program: CudaExecutable
    many: bool
    outputs: tuple[tuple[tuple[int, ...], np.dtype[Any]], ...]
    launches: tuple[Launch, ...] | None

    def run(self, device: Driver, operands: Sequence[DeviceArray]) -> Result:
        """Run it; return an array, or a tuple of them."""
        outputs = tuple([empty(shape, dtype, device.index) for shape, dtype in self.outputs])
        addresses = [x.address for x in (*operands, *outputs)]
        if self.launches is None:
            with self.program.lock:
                self.program.direct(addresses)
        else:
            for launch in self.launches:
                launch.give(device, addresses)
        return outputs if self.many else outputs[0]


_OPERATIONS: dict[Any, Operation] = {}


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
    small = [_small(primitive, x) for x in operands]
    types = tuple([(y.shape, x.shape, y.dtype) for x, y in zip(operands, small, strict=True)])
    precision = PRECISION.name if primitive.kind in MULTIPLY else ""
    key = (device, primitive, types, frozen(params), precision)
    known = _OPERATIONS.get(key)
    if known is None:
        with _LOCK:
            known = _OPERATIONS.get(key)
            if known is None:
                known = _OPERATIONS[key] = _compiled(primitive, operands, small, params, index)
    return known.run(device, small)


def _small(primitive: Primitive, x: DeviceArray) -> DeviceArray:
    """Return the array that a kernel reads for an operand."""
    if type(x) is Repeated and primitive.kind is Kind.ELEMENTWISE:
        x = x.source
    return x.aligned()


def _compiled(
    primitive: Primitive,
    operands: tuple[DeviceArray, ...],
    small: list[DeviceArray],
    params: Mapping[str, Any],
    index: int,
) -> Operation:
    """Compile a primitive for operands of these types, of which the kernel reads `small`."""
    builder = GraphBuilder(primitive.name)
    names = primitive.operands or tuple("abcdefgh"[: len(operands)])
    inputs: list[Any] = []
    for i, (x, read) in enumerate(zip(operands, small, strict=True)):
        dtype = from_numpy(x.dtype)
        assert dtype is not None
        name = names[i] if i < len(names) else ""
        given = builder.input(TensorType(read.shape, dtype), name)
        inputs.append(given if read.shape == x.shape else builder.broadcast(given, x.shape))
    here = dict(params) if operands else {**params, "device": "cpu"}  # a graph is for any device
    result = builder.apply(primitive, tuple(inputs), here)
    program = cuda_executable(optimise(builder.finish(several(result))), index)
    outputs = tuple([(v.shape, v.dtype.numpy) for v in program.graph.outputs])
    return Operation(program, isinstance(result, tuple), outputs, launches_of(program))


def _full(
    index: int, shape: tuple[int, ...], dtype: Any, value: Any, device: str = ""
) -> DeviceArray:
    """Return an array of one value, without a program for each value."""
    host = np.asarray(value).astype(dtype.numpy)
    if not host.tobytes().strip(b"\0"):
        made = empty(shape, dtype.numpy, index)
        made.fill(0)
        return made
    if math.prod(shape) == 1:
        return upload(host, index).reshape(shape)
    one = number(value, dtype.numpy, index)
    return cast("DeviceArray", run(BROADCAST, (one,), {"shape": shape}))


def _index(device: str) -> int:
    """Return the number in `cuda:1`."""
    return int(device.partition(":")[2] or 0)


def frozen(param: Any) -> Any:
    """Return a parameter as part of a key: 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    if isinstance(param, Mapping):
        entries = cast("Mapping[str, Any]", param)
        return tuple((key, frozen(entries[key])) for key in sorted(entries))
    if isinstance(param, tuple):
        return tuple, *map(frozen, cast("tuple[Any, ...]", param))
    if isinstance(param, float):
        return float, repr(param)
    return type(param), param


def register() -> None:
    """Let all operations on device arrays run here."""
    set_eager(run)
