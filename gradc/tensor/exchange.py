"""Memory on a device, shared with other libraries by DLPack.

Whoever takes a tensor keeps its memory alive, and the tensor is written in place from then on, so
that changes show on both sides.

Source: the DLPack specification (dmlc.github.io/dlpack), version 0.8's structures.
"""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import atexit
import ctypes
import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.devices.array import DeviceArray, Memory
from gradc.devices.driver import Driver, driver
from gradc.errors import ArgumentError, ArgumentTypeError, DTypeError, UnsupportedError
from gradc.ir.dtype import from_numpy
from gradc.tensor.core import read, resolve
from gradc.tensor.on_device import device_place

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

CPU_KIND, CUDA_KIND = 1, 2
NAME, USED = ctypes.c_char_p(b"dltensor"), ctypes.c_char_p(b"used_dltensor")
_CODES = {"i": 0, "u": 1, "f": 2, "b": 6}
_KINDS = {code: kind for kind, code in _CODES.items()}


class DLTensor(ctypes.Structure):
    """What an array is: where it lies, its type, its shape."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class DLManagedTensor(ctypes.Structure):
    """An array, and the function that gives it back."""

    _fields_ = (
        ("array", DLTensor),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
    )


_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
# NOTE: a destructor gets an object that is dying: as an address, which counts no references.
_Destructor = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
_LENT: dict[int, tuple[Any, ...]] = {}
_CAPSULES: set[int] = set()  # addresses of those that are alive

_new = ctypes.pythonapi.PyCapsule_New
_new.restype, _new.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, _Destructor)
_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_IsValid", ctypes.pythonapi)
)
_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
_set_destructor = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(
    ("PyCapsule_SetDestructor", ctypes.pythonapi)
)
_rename = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_SetName", ctypes.pythonapi)
)


@_Deleter
def _give_back(place: int) -> None:
    """Forget what was lent under the address of its structure."""
    _LENT.pop(place, None)


@_Destructor
def _unused(capsule: int) -> None:
    """Give back what nobody took out of a capsule."""
    _CAPSULES.discard(capsule)
    if _valid(capsule, NAME):
        _give_back(_pointer(capsule, NAME))


@atexit.register
def _part() -> None:
    """Let nobody call back into an interpreter that is gone; what is lent stays."""
    for managed, *_ in _LENT.values():
        managed.deleter = None
    for capsule in _CAPSULES:
        _set_destructor(capsule, None)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_LENT))


def device_numbers(index: int) -> tuple[int, int]:
    """Return DLPack's numbers of a CUDA device; an emulated one's memory is the host's."""
    return (CPU_KIND, 0) if driver(index).emulated else (CUDA_KIND, index)


def lent(x: Tensor) -> DeviceArray:
    """Return the array of a tensor on a device, whose memory stays the tensor's from now on.

    A view that is not the whole base in order has memory of its own: it is a copy.
    """
    array: DeviceArray = read(resolve(x))
    array.memory.lent = True
    return array


def dlpack(x: Tensor, stream: int | None) -> Any:
    """Return a capsule with the memory of a tensor on a device.

    Args:
        x: not requiring grad.
        stream: of the consumer, as DLPack numbers it: None and 1 the legacy default stream, 2 the
            per-thread one, others CUDA's handles; -1: it does not matter.
    """
    if stream is not None and (not isinstance(stream, int) or isinstance(stream, bool)):  # pyright: ignore[reportUnnecessaryIsInstance] # other libraries pass anything
        raise ArgumentTypeError(
            f"__dlpack__: stream must be a number or None, got {type(stream).__name__}"
        )
    if stream == 0:
        raise ArgumentError("__dlpack__: stream=0 is ambiguous", hint="stream=1 or stream=2")
    if stream is not None and stream < -1:
        raise ArgumentError(f"__dlpack__: stream={stream} is no stream", hint="stream=1, or -1")
    array = lent(x)
    if stream != -1:
        let_wait(array.driver, 0 if stream in (None, 1) else int(stream or 0))
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    strides = (ctypes.c_int64 * array.ndim)(*[s // array.itemsize for s in array.strides])
    tensor = DLTensor(
        array.address, *device_numbers(array.index), array.ndim, _CODES[array.dtype.kind],
        8 * array.itemsize, 1, shape, strides, 0,
    )  # fmt: skip
    managed = DLManagedTensor(tensor, None, ctypes.cast(_give_back, ctypes.c_void_p))
    place = ctypes.addressof(managed)
    _LENT[place] = (managed, shape, strides, array)
    capsule = _new(place, NAME, _unused)
    _CAPSULES.add(id(capsule))
    return capsule


def let_wait(of: Driver, stream: int) -> None:
    """Let a stream wait for the work given to the current one so far."""
    current = of.stream
    if stream == current:
        return
    event = of.event()
    event.record()
    of.use_stream(stream)
    try:
        event.wait()
    finally:
        of.use_stream(current)


class _Owner:
    """Somebody else's structure; its end gives the memory back."""

    def __init__(self, place: int, deleter: int | None) -> None:
        self._place, self._deleter = place, deleter

    def __del__(self) -> None:
        if self._deleter and not sys.is_finalizing():
            _Deleter(self._deleter)(self._place)


def is_capsule(given: Any) -> bool:
    """Return whether an object is a capsule, which carries a structure itself."""
    return type(given).__name__ == "PyCapsule"


def kind_of(capsule: Any) -> int:
    """Return DLPack's number of the kind of device that a capsule's memory is on."""
    return int(DLManagedTensor.from_address(_structure(capsule)).array.device_type)


@dataclass(frozen=True, slots=True)
class Carried:
    """A capsule with memory of the host, as an object that NumPy takes it from."""

    capsule: Any

    def __dlpack__(self, **options: Any) -> Any:
        """Return the capsule."""
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return the numbers of the CPU."""
        return CPU_KIND, 0


def _structure(capsule: Any) -> int:
    """Return the address of the structure in a capsule that nobody has used yet."""
    place = id(capsule)
    if _valid(place, NAME):
        return _pointer(place, NAME)
    if _valid(place, USED):
        raise ArgumentError(
            "from_dlpack: the capsule was used already: a capsule gives its memory to one taker",
            hint="pass the array itself, which makes a capsule for each",
        )
    raise UnsupportedError(
        "from_dlpack: the capsule is not called 'dltensor': gradc reads DLPack's version 0.8",
        hint="pass the array itself",
    )


def from_dlpack(other: Any) -> Tensor:
    """Return a tensor on the device memory that another library lends.

    Args:
        other: has `__dlpack__` and is on a CUDA device, or a capsule with such memory.

    Raises:
        ArgumentError: a capsule that was used already.
        DTypeError: a dtype that gradc has not.
        UnsupportedError: it is not contiguous.
    """
    if is_capsule(other):
        place = _structure(other)
        of, capsule = driver(DLManagedTensor.from_address(place).array.device_id), other
    else:
        of = driver(other.__dlpack_device__()[1])
        capsule = other.__dlpack__(stream=of.stream or 1)
        place = _structure(capsule)
    managed = DLManagedTensor.from_address(place)
    _rename(capsule, USED)
    owner = _Owner(place, managed.deleter)
    t = managed.array
    shape = tuple(t.shape[: t.ndim])
    kind = f"{_KINDS.get(t.code, 'V')}{t.bits // 8}" if t.code != _CODES["b"] else "?"
    strides = tuple(t.strides[: t.ndim]) if t.strides else None
    return taken("from_dlpack", of, (t.data or 0) + t.byte_offset, shape, kind, strides, owner)


def taken(
    name: str,
    of: Driver,
    address: int,
    shape: tuple[int, ...],
    kind: str,
    strides: tuple[int, ...] | None,
    owner: Any,
) -> Tensor:
    """Return memory of another library as a tensor; strides are in elements."""
    try:
        dtype = np.dtype(kind)
    except TypeError:
        dtype = None
    if dtype is None or from_numpy(dtype) is None:
        raise DTypeError(
            f"{name}: gradc has no dtype for {kind}", hint="convert it to float32 first"
        )
    step, expected = 1, list[int]()
    for n in reversed(shape):
        expected.append(step)
        step *= max(n, 1)
    there = strides and 0 not in shape
    told = zip(shape, strides or (), reversed(expected), strict=True) if there else ()
    if any(n > 1 and given != want for n, given, want in told):
        raise UnsupportedError(
            f"{name}: an array {list(shape)} with strides {list(strides or ())} is not contiguous",
            hint="call it with x.contiguous()",
        )
    memory = Memory.foreign(of, address, math.prod(shape) * dtype.itemsize, owner)
    memory.lent = True
    return device_place(of.index).wrap(DeviceArray(memory, shape, dtype))
