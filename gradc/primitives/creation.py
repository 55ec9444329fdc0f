"""Primitives without operands: constants and counters."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.ir.derivative import Zero
from gradc.ir.dtype import DType, float32, float64, int64
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, Primitive, Sample, register

Array = np.ndarray[Any, Any]


def _full(shape: tuple[int, ...], dtype: DType, value: float, device: str = "cpu") -> Array:
    return np.full(shape, value, dtype.numpy)


def _full_type(
    shape: tuple[int, ...], dtype: DType, value: float, device: str = "cpu"
) -> TensorType:
    return TensorType(tuple(shape), dtype, device)


def _iota(shape: tuple[int, ...], dtype: DType, axis: int, device: str = "cpu") -> Array:
    column = [1] * len(shape)
    column[axis] = shape[axis]
    count = np.arange(shape[axis], dtype=dtype.numpy).reshape(column)
    return np.broadcast_to(count, shape).copy()


def _iota_type(shape: tuple[int, ...], dtype: DType, axis: int, device: str = "cpu") -> TensorType:
    return TensorType(tuple(shape), dtype, device)


full = register(
    Primitive(
        name="full",
        kind=Kind.CREATION,
        meaning=_full,
        typing=_full_type,
        derivative=Zero(),
        maths="{value}",
        samples=lambda: [
            Sample((), {"shape": (2, 3), "dtype": float32, "value": 0.1}),
            Sample((), {"shape": (), "dtype": float64, "value": float("-inf")}),
            Sample((), {"shape": (0, 2), "dtype": int64, "value": 7}),
        ],
        reference="full",
    )
)

iota = register(
    Primitive(
        name="iota",
        kind=Kind.CREATION,
        meaning=_iota,
        typing=_iota_type,
        derivative=Zero(),
        maths="index along axis {axis}",
        samples=lambda: [
            Sample((), {"shape": (5,), "dtype": int64, "axis": 0}),
            Sample((), {"shape": (2, 3), "dtype": float32, "axis": 1}),
            Sample((), {"shape": (2, 3), "dtype": float64, "axis": 0}),
        ],
    )
)
