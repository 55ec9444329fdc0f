"""Operands of any dtype, and Python numbers -> tensors of one dtype and one shape."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from gradc.ir.dtype import (
    DType,
    Format,
    bool_,
    float32,
    float64,
    from_numpy,
    int32,
    int64,
    promote,
    uint8,
)
from gradc.ir.primitive import lookup
from gradc.tensor import epoch
from gradc.tensor.axes import Ints, broadcast_shapes
from gradc.tensor.core import home, is_tensor, shape_of, wrap_array
from gradc.tensor.dispatch import apply, constant
from gradc.tensor.expressions import operand_names
from gradc.tensor.kinds import is_array, is_numpy_number
from gradc.tensor.movement import broadcast_view
from gradc.tensor.moving import gathered
from gradc.tensor.state import STATE, State

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

CAST = lookup("cast")
Number = bool | int | float
Operand = Any  # a Tensor, an ndarray or a Python number


def is_number(value: Any) -> bool:
    """Return whether `value` is a Python or NumPy number without axes."""
    return isinstance(value, bool | int | float | np.number | np.bool_)


def number_dtype(value: Any) -> DType:
    """Return the dtype that a Python number has by itself."""
    if isinstance(value, bool | np.bool_):
        return bool_
    return int64 if isinstance(value, int | np.integer) else STATE.default_dtype


def category(dtype: DType) -> int:
    """Return 0 for bool, 1 for integers, 2 for floats."""
    return 0 if dtype.is_bool else 2 if dtype.is_floating_point else 1


def result_type(*operands: Operand) -> DType:
    """Return the dtype that operands are brought to before they meet.

    Tensors with axes decide; 0-d tensors, and after them Python numbers, only when they are of
    a higher category (bool, integer, float).
    """
    ranked: list[DType | None] = [None, None, None]
    for x in operands:
        if is_tensor(x):
            place, dtype = (0 if x._data.shape else 1), x._dtype
        else:
            place, dtype = 2, number_dtype(x)
        known = ranked[place]
        ranked[place] = dtype if known is None else promote(known, dtype)
    result: DType | None = None
    for dtype in ranked:
        if dtype is not None and (result is None or category(dtype) > category(result)):
            result = dtype
    assert result is not None
    return result


def cast(x: Tensor, dtype: DType) -> Tensor:
    """Return `x` as `dtype`; itself where it is that already."""
    return x if x._dtype is dtype else apply(CAST, x, dtype=dtype)


def operand(name: str, value: Operand) -> Operand:
    """Return a tensor or number; arrays become tensors, anything else is an error."""
    if is_tensor(value) or is_number(value):
        return value
    if is_array(value) and from_numpy(value.dtype) is not None:
        return wrap_array(value)
    raise ArgumentTypeError(
        f"{name}: expected a Tensor or a number, got {type(value).__name__}",
        hint="gradc.tensor(...)",
    )


def pair(name: str, x: Operand, y: Operand) -> tuple[Tensor, Tensor]:
    """Return two operands, one of them a tensor, as tensors of one dtype and shape."""
    if is_tensor(x):
        if is_tensor(y):
            if x._dtype is y._dtype and x._data.shape == y._data.shape:
                return x, y
        elif type(y) in _FITS.get(x._dtype, ()):
            return x, constant(fitting(y, x._dtype), x._dtype, x._data.shape, home(x))
    elif is_tensor(y) and type(x) in _FITS.get(y._dtype, ()):
        return constant(fitting(x, y._dtype), y._dtype, y._data.shape, home(y)), y
    x, y = operand(name, x), operand(name, y)
    if not is_tensor(x) and not is_tensor(y):
        raise ArgumentTypeError(f"{name}: at least one operand must be a Tensor")
    a, b = together(name, x, y)
    return a, b


_WORD = 1 << 63
# Python numbers that don't change a tensor's dtype.
_FITS: dict[DType, tuple[type, ...]] = {
    float32: (float, int),
    float64: (float, int),
    int64: (int,),
    int32: (int,),
}


def together(name: str, *operands: Operand, dtype: DType | None = None) -> tuple[Tensor, ...]:
    """Return the operands as tensors of one dtype and one shape.

    Eagerly, 0-d constants keep their shape, since NumPy broadcasts them by itself.

    Args:
        name: of the operation, for messages.
        operands: tensors and numbers, at least one tensor.
        dtype: what they are brought to; None: their result_type.
    """
    dtype = result_type(*operands) if dtype is None else dtype
    shape = common_shape(name, operands)
    operands, device = on_one_device(name, operands)
    return tuple([brought(x, dtype, shape, device) for x in operands])


def on_one_device(name: str, operands: tuple[Operand, ...]) -> tuple[tuple[Operand, ...], str]:
    """Return the operands on one device, and where numbers among them are to be made."""
    for x in operands:
        if is_tensor(x) and x._storage.place is not None:
            return gathered(name, operands), home(x)
    return operands, "cpu"


def common_shape(name: str, operands: tuple[Operand, ...]) -> Ints:
    """Return the shape that all operands broadcast to."""
    shapes = [shape_of(x) for x in operands if is_tensor(x)]
    shape = broadcast_shapes(*shapes)
    if shape is None:
        raise not_broadcastable(name, operands)
    return shape


def brought(x: Operand, dtype: DType, shape: Ints, device: str) -> Tensor:
    """Return a tensor or number as a tensor of a dtype and shape; a number on a device."""
    if is_tensor(x):
        return broadcast_view(cast(x, dtype), shape)
    if is_numpy_number(x):
        x = x.item()
    return constant(fitting(x, dtype), dtype, shape, device)


def fitting(value: Number, dtype: DType) -> Number:
    """Return a Python number as one of `dtype`'s kind; of an integer the bits that it has."""
    if dtype.is_floating_point:
        return float(value)
    if dtype.is_bool:
        return bool(value)
    whole, half = int(value), 1 << 8 * dtype.itemsize - 1
    if not -_WORD <= whole < _WORD:
        raise ArgumentError(f"the number {whole} does not fit into 64 bits")
    least = 0 if dtype is uint8 else -half
    return (whole - least) % (2 * half) + least


def not_broadcastable(name: str, operands: tuple[Operand, ...]) -> ShapeError:
    """Return the error for shapes that don't fit together."""
    names = operand_names(name, len(operands))
    shown = [
        f"{n} {list(shape_of(x))}" for n, x in zip(names, operands, strict=True) if is_tensor(x)
    ]
    return ShapeError(
        f"{name}: shapes don't broadcast: {' and '.join(shown)}",
        hint="sizes are matched from the last axis; each pair must be equal or hold a 1",
    )


def need_floating(name: str, x: Tensor) -> Tensor:
    """Return `x` in a floating dtype, integers and bool in the default one."""
    return x if x._dtype.is_floating_point else cast(x, STATE.default_dtype)


def check_dtype(name: str, value: Any) -> DType:
    """Return a dtype argument, or raise."""
    if isinstance(value, Format):
        raise value.not_stored()
    if isinstance(value, DType):
        return value
    if value in _PYTHON:
        return STATE.default_dtype if value is float else _PYTHON[value]
    raise DTypeError(
        f"{name}: dtype must be a gradc dtype, got {value!r}", hint="dtype=gradc.float32"
    )


_PYTHON: dict[Any, DType] = {bool: bool_, int: int64, float: int64}


def get_default_dtype() -> DType:
    """Return the dtype of floating tensors made from Python numbers."""
    return STATE.default_dtype


def set_default_dtype(d: DType) -> None:
    """Set the dtype of floating tensors made from Python numbers: float32 or float64."""
    if not check_dtype("set_default_dtype", d).is_floating_point:
        raise DTypeError(f"set_default_dtype: only floating dtypes are supported, got {d}")
    State.default_dtype = d  # of the class: threads share it
    epoch.bump()


def promote_types(type1: DType, type2: DType) -> DType:
    """Return the smallest dtype that both convert to."""
    return promote(type1, type2)


def can_cast(from_: DType, to: DType) -> bool:
    """Return whether a result may be written as another dtype: floats don't become integers."""
    return category(from_) <= category(to)
