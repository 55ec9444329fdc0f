"""Python and NumPy data -> tensors, by copy or on shared memory."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import ArgumentError, ArgumentTypeError, DTypeError
from gradc.ir.dtype import DType, from_numpy
from gradc.tensor.copying import clone, detach
from gradc.tensor.core import is_tensor, wrap_array
from gradc.tensor.creation import FULL, made
from gradc.tensor.cuda_array import from_cuda_array
from gradc.tensor.device import Device, check_device
from gradc.tensor.dispatch import apply
from gradc.tensor.joining import stack
from gradc.tensor.kinds import is_array, is_numpy_number, is_sequence
from gradc.tensor.moving import move
from gradc.tensor.promotion import cast, check_dtype, fitting
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

Array = np.ndarray[Any, Any]


def tensor(
    data: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Return a copy of Python or NumPy data.

    Args:
        data: number, nested lists or tuples of numbers, ndarray, tensor, or another library's
            array on a device.
        dtype: where not given: the array's; for Python data bool, int64 or the default floating
            dtype.
        device: where it is made; the default device, or where `data` is, where not given.
        requires_grad: whether it is a leaf that wants a gradient.
        pin_memory: whether it lies in memory that a device copies from by itself.

    Example:
        >>> import gradc
        >>> gradc.tensor([[1, 2], [3, 4]]).dtype
        gradc.int64
    """
    where = check_device("tensor", device)
    kind = None if dtype is None else check_dtype("tensor", dtype)
    if hasattr(data, "__cuda_array_interface__") and not is_tensor(data):
        data = from_cuda_array(data)
    if is_tensor(data):
        copy = clone(detach(data))
        copy = copy if device is None else move(copy, where)
        return made(copy if kind is None else cast(copy, kind), requires_grad, pin_memory)
    if _holds_tensor(data):
        return made(_stacked(data, kind, where), requires_grad, pin_memory)
    if STATE.trace is not None and is_array(data) and _lies_in_order(data):
        # A compiled function reads the numbers that the array holds at each call.
        copy = move(clone(wrap_array(data)), where)
        return made(copy if kind is None else cast(copy, kind), requires_grad, pin_memory)
    return made(placed(array_of(data, kind), where), requires_grad, pin_memory)


def _lies_in_order(array: Array) -> bool:
    """Return whether a tensor can be made on the memory of an array."""
    return bool(
        array.ndim and from_numpy(array.dtype) is not None and all(s >= 0 for s in array.strides)
    )


def placed(array: Array, device: Device) -> Tensor:
    """Return a new array as a tensor; under a trace, as a captured constant or an equation."""
    trace = STATE.trace
    if trace is None:
        return move(wrap_array(array), device)
    dtype = from_numpy(array.dtype)
    assert dtype is not None
    if array.size and (array == array.flat[0]).all():
        value = fitting(array.flat[0].item(), dtype)
        return apply(FULL, shape=array.shape, dtype=dtype, value=value, device="cpu")
    return trace.constant(array)


def _holds_tensor(data: Any) -> bool:
    if is_sequence(data) and not isinstance(data, str):
        return any(is_tensor(d) or _holds_tensor(d) for d in data)
    return False


def _stacked(data: Any, dtype: DType | None, device: Device) -> Tensor:
    """Return nested lists that hold 0-d tensors as one tensor on a device, off the tape."""
    parts = [move(d, device) if is_tensor(d) else tensor(d, device=device) for d in data]
    joined = clone(detach(stack(parts)))
    return joined if dtype is None else cast(joined, dtype)


def array_of(data: Any, dtype: DType | None) -> Array:
    """Return Python or NumPy data as a new array of a dtype that gradc has."""
    array: Array
    if is_array(data) or is_numpy_number(data):
        array = np.asarray(data)
    else:
        array = _parsed(data)
        if array.dtype.kind == "f":
            array = array.astype(STATE.default_dtype.numpy) if dtype is None else array
        elif array.dtype.kind in "iu":
            array = _int64(array)
    if dtype is not None and array.dtype.kind in "biuf":
        return np.array(array, dtype.numpy, order="C")
    if from_numpy(array.dtype) is None:
        raise DTypeError(
            f"tensor: can't convert data of NumPy type {array.dtype}; the supported types are: "
            "float64, float32, int64, int32, uint8 and bool",
            hint="array.astype('float32')",
        )
    return np.array(array, order="C")


def _parsed(data: Any) -> Array:
    try:
        array = np.array(data)
    except ValueError:
        raise ArgumentError(
            "tensor: expected sequences of equal lengths at each level, got a ragged one",
            hint="pad the rows to one length",
        ) from None
    if array.size == 0 and array.dtype.kind == "f":
        return array
    if array.dtype.kind not in "biuf":
        raise ArgumentTypeError(
            f"tensor: could not infer dtype of {type(data).__name__}: expected numbers, got "
            f"{str(array.dtype)!r} data",
            hint="numbers, nested lists of numbers, or an ndarray",
        )
    return array


def _int64(array: Array) -> Array:
    if array.dtype.kind == "u" and array.size and int(array.max()) > np.iinfo(np.int64).max:
        raise ArgumentError("tensor: Overflow when unpacking long: a number doesn't fit int64")
    return array.astype(np.int64)


def from_numpy_array(ndarray: Array) -> Tensor:
    """Return a tensor on the memory of an ndarray: changes of one show in the other.

    Args:
        ndarray: of dtype float32, float64, int32, int64, uint8 or bool.
    """
    if not isinstance(ndarray, np.ndarray):  # pyright: ignore[reportUnnecessaryIsInstance] # users pass anything
        raise ArgumentTypeError(f"from_numpy: expected np.ndarray, got {type(ndarray).__name__}")
    if from_numpy(ndarray.dtype) is None:
        raise DTypeError(
            f"from_numpy: can't convert np.ndarray of type {ndarray.dtype}. The supported types "
            "are: float64, float32, int64, int32, uint8 and bool",
            hint="array.astype('float32')",
        )
    if any(s < 0 for s in ndarray.strides):
        raise ArgumentError(
            "from_numpy: at least one stride in the given numpy array is negative",
            hint="array.copy()",
        )
    return wrap_array(ndarray)


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Return data as a tensor, sharing memory where that is possible."""
    where = check_device("as_tensor", device)
    kind = None if dtype is None else check_dtype("as_tensor", dtype)
    if is_tensor(data):
        here = data if device is None else move(data, where)
        return here if kind is None else cast(here, kind)
    if hasattr(data, "__cuda_array_interface__"):
        shared = from_cuda_array(data)
        here = shared if device is None else move(shared, where)
        return here if kind is None else cast(here, kind)
    if is_array(data) and from_numpy(data.dtype) is not None:
        shared = move(from_numpy_array(data), where)
        return shared if kind is None else cast(shared, kind)
    return tensor(data, dtype=kind, device=where)
