"""Between tensors, NumPy arrays and Python numbers, and between dtypes."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.devices.driver import device_count, driver
from gradc.errors import ArgumentError, ArgumentTypeError, DTypeError, GradientError, ShapeError
from gradc.ir.dtype import DType, bool_, float32, float64, int32, int64, uint8
from gradc.tensor.copying import clone
from gradc.tensor.core import elements, is_tensor, read, resolve, shape_of, type_text, wrap_array
from gradc.tensor.device import Device, check_device
from gradc.tensor.edges import wants_grad
from gradc.tensor.kinds import is_array
from gradc.tensor.movement import size_of
from gradc.tensor.moving import device_of, move
from gradc.tensor.promotion import cast, check_dtype
from gradc.tensor.refusal import refuse_value

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

BY_WHERE = "gradc.where(condition, a, b) instead of branching on a value"


def item(x: Tensor) -> Any:
    """Return the only element as a Python number."""
    of = resolve(x)
    refuse_value(of, ".item()")
    shape = shape_of(of)
    if size_of(shape) != 1:
        raise ShapeError(
            f"a Tensor with {size_of(shape)} elements cannot be converted to Scalar: x "
            f"{list(shape)}"
        )
    return elements(of).item()


def as_number(x: Tensor, kind: type, what: str) -> Any:
    """Return the only element for `float(x)` and its kin."""
    of = resolve(x)
    refuse_value(of, what)
    return kind(item(of))


def truth_value(x: Tensor) -> bool:
    """Return the only element for `if x:`."""
    of = resolve(x)
    refuse_value(of, "bool() (an `if`, `while`, `and`, `or` or `not`)", BY_WHERE)
    shape = shape_of(of)
    if size_of(shape) != 1:
        many = "more than one value" if size_of(shape) else "no values"
        raise ShapeError(
            f"Boolean value of Tensor with {many} is ambiguous: x {list(shape)}",
            hint="x.any() or x.all()",
        )
    return bool(elements(of).item())


def index_value(x: Tensor) -> int:
    """Return the only element for use as an index."""
    of = resolve(x)
    refuse_value(of, "an int index")
    if of._dtype.is_floating_point or size_of(shape_of(of)) != 1:
        raise ArgumentTypeError(
            "only integer tensors of a single element can be converted to an index"
        )
    return int(item(of))


def tolist(x: Tensor) -> Any:
    """Return nested lists of Python numbers; a number for a 0-d tensor."""
    of = resolve(x)
    refuse_value(of, ".tolist()")
    return elements(of).tolist()


def numpy(x: Tensor, *, force: bool = False) -> np.ndarray[Any, Any]:
    """Return the ndarray that shares this tensor's memory.

    Args:
        x: not requiring grad.
        force: detach, and copy from a device, first.
    """
    of = resolve(x)
    refuse_value(of, ".numpy()")
    if not force and wants_grad(of):
        raise GradientError(
            "Can't call numpy() on Tensor that requires grad.", hint="tensor.detach().numpy()"
        )
    if of._storage.place is not None and not force:
        raise ArgumentTypeError(
            f"numpy: can't convert a tensor {type_text(of)} on {device_of(of)} to an ndarray, "
            "which shares its memory",
            hint="tensor.cpu() copies it to the host first",
        )
    return elements(of)


def array_protocol(x: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
    """Return what np.asarray(x) gives: the shared memory, or a copy in another dtype."""
    array = numpy(x)
    if dtype is not None and np.dtype(dtype) != array.dtype:
        return array.astype(dtype)
    return array.copy() if copy else array


def data_ptr(x: Tensor) -> int:
    """Return the address of the first element."""
    of = resolve(x)
    refuse_value(of, ".data_ptr()")
    content = read(of)
    return content.ctypes.data if is_array(content) else content.address


def to(
    x: Tensor,
    *args: Any,
    device: Any = None,
    dtype: DType | None = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
    other: Tensor | None = None,
) -> Tensor:
    """Return `x` in another dtype or on another device; itself where it is that already.

    Called as `to(dtype)`, `to(device)`, `to(device, dtype)` or `to(other)`, with non_blocking and
    copy after these.

    Args:
        x: any tensor.
        args: dtype, device, or a tensor that has the ones wanted.
        device: where to.
        dtype: the element type.
        non_blocking: whether a copy to a device may be made after this returns; from pinned
            memory only that saves time.
        copy: give a copy in any case.
        memory_format: accepted for PyTorch's sake: memory is contiguous.
        other: a tensor that has the dtype and the device wanted.
    """
    flags = 0
    for given in args if other is None else (other, *args):
        if is_tensor(given):
            dtype, device = given._dtype, device_of(given)
        elif isinstance(given, DType) or given in (float, int, bool):
            dtype = check_dtype("to", given)
        elif isinstance(given, bool):
            non_blocking, copy = (given, copy) if flags == 0 else (non_blocking, given)
            flags += 1
        elif isinstance(given, str | int | Device):
            device = given
        elif given is not None:
            raise ArgumentTypeError(
                f"to: expected a dtype, a device or a tensor, got {type(given).__name__}"
            )
    here = x if device is None else move(x, check_device("to", device), non_blocking)
    kind = x._dtype if dtype is None else check_dtype("to", dtype)
    if kind is x._dtype:
        return clone(x) if copy and here is x else here
    return cast(here, kind)


def type_as(x: Tensor, other: Tensor) -> Tensor:
    """Return `x` in the dtype of `other`."""
    return cast(x, other._dtype)


def to_float(x: Tensor) -> Tensor:
    """Return `x` as float32."""
    return cast(x, float32)


def to_double(x: Tensor) -> Tensor:
    """Return `x` as float64."""
    return cast(x, float64)


def to_int(x: Tensor) -> Tensor:
    """Return `x` as int32."""
    return cast(x, int32)


def to_long(x: Tensor) -> Tensor:
    """Return `x` as int64."""
    return cast(x, int64)


def to_bool(x: Tensor) -> Tensor:
    """Return `x` != 0."""
    return cast(x, bool_)


def to_byte(x: Tensor) -> Tensor:
    """Return `x` as uint8."""
    return cast(x, uint8)


def cpu(x: Tensor) -> Tensor:
    """Return `x` on the CPU, itself where it is there."""
    return to(x, "cpu")


def cuda(x: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """Return `x` on a CUDA device, the current one where none is given; itself if it is there."""
    return to(x, "cuda" if device is None else device, non_blocking=non_blocking)


def pin_memory(x: Tensor, device: Any = None) -> Tensor:
    """Return a copy of `x` in pinned memory, from which a device copies by itself.

    Args:
        x: on the CPU.
        device: the CUDA device; the current one where not given.
    """
    of = resolve(x)
    refuse_value(of, ".pin_memory()", "pin tensors outside of the compiled function")
    if of._storage.place is not None:
        raise ArgumentError(
            f"pin_memory: cannot pin a tensor {type_text(of)} on {device_of(of)}, only on the CPU"
        )
    if is_pinned(of, device):
        return x
    found = _cuda("pin_memory", device)
    array = driver(found.index or 0).pinned(shape_of(of), of._dtype.numpy)
    np.copyto(array, elements(of))
    return wrap_array(array)


def is_pinned(x: Tensor, device: Any = None) -> bool:
    """Return whether the elements lie in pinned memory."""
    of = resolve(x)
    if of._storage.place is not None or not device_count():
        return False
    return driver(_cuda("is_pinned", device).index or 0).is_pinned(elements(of))


def _cuda(name: str, device: Any) -> Device:
    found = check_device(name, "cuda" if device is None else device)
    if found.type != "cuda":
        raise ArgumentError(f"{name}: expected a CUDA device, got {found}", hint='device="cuda"')
    return found


def type_name(x: Tensor, dtype: Any = None) -> Any:
    """Return PyTorch's name of the type, or `x` in another dtype."""
    if dtype is not None:
        return to(x, dtype)
    if x._dtype not in _TYPE_NAMES:
        raise DTypeError(f"type: no name for {x._dtype}")
    room = "gradc" if device_of(x).type == "cpu" else "gradc.cuda"
    return f"{room}.{_TYPE_NAMES[x._dtype]}Tensor"


_TYPE_NAMES = {
    float32: "Float",
    float64: "Double",
    int32: "Int",
    int64: "Long",
    uint8: "Byte",
    bool_: "Bool",
}


def nbytes(x: Tensor) -> int:
    """Return the number of bytes of all elements."""
    return size_of(shape_of(x)) * x._dtype.itemsize
