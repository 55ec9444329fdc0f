"""Checks shared by the shape rules: axes in range and in order, dtypes of a kind."""

from __future__ import annotations

from gradc.errors import DTypeError, ShapeError
from gradc.ir.dtype import int64
from gradc.ir.graph import TensorType


def check_axes(name: str, type: TensorType, axes: tuple[int, ...]) -> None:
    """Raise unless `axes` are distinct, sorted, non-negative and below the rank."""
    if list(axes) != sorted(set(axes)) or any(not 0 <= a < type.ndim for a in axes):
        raise ShapeError(f"{name}: axes {axes} don't fit {type}")


def check_axis(name: str, type: TensorType, axis: int) -> None:
    """Raise unless `axis` is non-negative and below the rank."""
    if not 0 <= axis < type.ndim:
        raise ShapeError(f"{name}: axis {axis} doesn't fit {type}")


def check_index(name: str, index: TensorType) -> None:
    """Raise unless `index` holds int64."""
    if index.dtype is not int64:
        raise DTypeError(f"{name}: the index must be int64, got {index}")


def same_dtype(name: str, *types: TensorType) -> None:
    """Raise unless all types have one dtype."""
    if len({t.dtype for t in types}) > 1:
        given = ", ".join(map(str, types))
        raise DTypeError(f"{name}: operands must have one dtype, got {given}")


def fold_axes(type: TensorType, axes: tuple[int, ...], keepdims: bool) -> TensorType:
    """Return the type left when `axes` are folded."""
    if keepdims:
        return type.with_shape(tuple(1 if i in axes else n for i, n in enumerate(type.shape)))
    return type.with_shape(tuple(n for i, n in enumerate(type.shape) if i not in axes))
