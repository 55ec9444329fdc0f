"""Memory on a device, shared with other libraries: DLPack and the CUDA array interface.

Whoever takes a tensor keeps its memory alive, and the tensor is written in place from then on, so
that changes show on both sides.

Source: the DLPack specification (dmlc.github.io/dlpack), version 0.8's structures; the CUDA Array
Interface, version 3 (numba.readthedocs.io).
"""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import ctypes
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.devices.array import DeviceArray, Memory
from gradc.devices.driver import Driver, driver
from gradc.errors import ArgumentError, DTypeError, UnsupportedError
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

_new = ctypes.pythonapi.PyCapsule_New
_new.restype, _new.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, _Destructor)
_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_IsValid", ctypes.pythonapi)
)
_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
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
    if _valid(capsule, NAME):
        _give_back(_pointer(capsule, NAME))


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
    array = lent(x)
    if stream == 0:
        raise ArgumentError("__dlpack__: stream=0 is ambiguous", hint="stream=1 or stream=2")
    if stream != -1:
        _let_wait(array.driver, 0 if stream in (None, 1) else int(stream or 0))
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    strides = (ctypes.c_int64 * array.ndim)(*[s // array.itemsize for s in array.strides])
    tensor = DLTensor(
        array.address, *device_numbers(array.index), array.ndim, _CODES[array.dtype.kind],
        8 * array.itemsize, 1, shape, strides, 0,
    )  # fmt: skip
    managed = DLManagedTensor(tensor, None, ctypes.cast(_give_back, ctypes.c_void_p))
    place = ctypes.addressof(managed)
    _LENT[place] = (managed, shape, strides, array)
    return _new(place, NAME, _unused)


def _let_wait(of: Driver, stream: int) -> None:
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
        if self._deleter:
            _Deleter(self._deleter)(self._place)


def from_dlpack(other: Any) -> Tensor:
    """Return a tensor on the device memory that another library lends.

    Args:
        other: has `__dlpack__` and is on a CUDA device.

    Raises:
        DTypeError: a dtype that gradc has not.
        UnsupportedError: it is not contiguous.
    """
    _, index = other.__dlpack_device__()
    of = driver(index)
    capsule = other.__dlpack__(stream=of.stream or 1)
    place = _pointer(id(capsule), NAME)
    managed = DLManagedTensor.from_address(place)
    _rename(capsule, USED)
    owner = _Owner(place, managed.deleter)
    t = managed.array
    shape = tuple(t.shape[: t.ndim])
    kind = f"{_KINDS.get(t.code, 'V')}{t.bits // 8}" if t.code != _CODES["b"] else "?"
    strides = tuple(t.strides[: t.ndim]) if t.strides else None
    return _taken("from_dlpack", of, (t.data or 0) + t.byte_offset, shape, kind, strides, owner)


def from_cuda_array(other: Any) -> Tensor:
    """Return a tensor on the memory of an object with `__cuda_array_interface__`."""
    told = other.__cuda_array_interface__
    address, read_only = told["data"]
    if read_only:
        raise UnsupportedError("as_tensor: the memory is read-only", hint="copy it first")
    where = getattr(other, "device", None)
    of = driver(int(getattr(where, "id", None) or getattr(where, "index", None) or 0))
    stream = told.get("stream")
    if stream is not None:  # what made the elements; ours must wait for it
        current = of.stream
        of.use_stream(0 if stream == 1 else int(stream))
        try:
            _let_wait(of, current)
        finally:
            of.use_stream(current)
    kind, strides = np.dtype(told["typestr"]), told.get("strides")
    steps = None if strides is None else tuple(s // kind.itemsize for s in strides)
    return _taken("as_tensor", of, address, tuple(told["shape"]), kind.str, steps, other)


def _taken(
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
    told = zip(shape, strides or (), reversed(expected), strict=True) if strides else ()
    if any(n > 1 and given != want for n, given, want in told):
        raise UnsupportedError(
            f"{name}: an array {list(shape)} with strides {list(strides or ())} is not contiguous",
            hint="call it with x.contiguous()",
        )
    memory = Memory.foreign(of, address, math.prod(shape) * dtype.itemsize, owner)
    memory.lent = True
    return device_place(of.index).wrap(DeviceArray(memory, shape, dtype))


def cuda_array_interface(x: Tensor) -> dict[str, Any]:
    """Return `__cuda_array_interface__`, version 3, of a tensor on a device."""
    array = lent(x)
    return {
        "shape": array.shape,
        "typestr": array.dtype.str,
        "data": (array.address, False),
        "strides": None,
        "version": 3,
        "stream": array.driver.stream or 1,
    }
