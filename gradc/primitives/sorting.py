"""Stable sorting along one axis, with the index that says whence each element came."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradc.ir.derivative import Selection
from gradc.ir.dtype import int64
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, Primitive, Sample, register
from gradc.primitives.typing_rules import check_axis

Array = np.ndarray[Any, Any]


def _sort(x: Array, axis: int, descending: bool = False) -> tuple[Array, Array]:
    """NaN counts as the largest value, as in PyTorch; equal elements keep their order."""
    if descending:
        # NOTE: a stable descending order is the stable ascending order of the mirror, mirrored.
        mirrored = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
        index = np.flip(x.shape[axis] - 1 - mirrored, axis)
    else:
        index = np.argsort(x, axis=axis, kind="stable")
    return np.take_along_axis(x, index, axis), np.ascontiguousarray(index, np.int64)


def _typing(x: TensorType, axis: int, descending: bool = False) -> tuple[TensorType, TensorType]:
    check_axis("sort", x, axis)
    return x, x.with_dtype(int64)


def _samples() -> Iterable[Sample]:
    x = np.array([[3.0, -1.0, 2.5], [0.5, 4.0, -2.0]])
    yield Sample((x,), {"axis": 1})
    yield Sample((x,), {"axis": 0, "descending": True})
    yield Sample((np.array([1.0, 2.0, 1.0, 2.0]),), {"axis": 0}, smooth=False)
    yield Sample((np.array([1.0, 2.0, 1.0, 2.0]),), {"axis": 0, "descending": True}, smooth=False)
    yield Sample((np.array([np.nan, 2.0, np.inf, -np.inf]),), {"axis": 0}, smooth=False)
    yield Sample((np.array([5, 1, 4]),), {"axis": 0})
    yield Sample((np.zeros((0,)),), {"axis": 0})


sort = register(
    Primitive(
        name="sort",
        kind=Kind.SORT,
        meaning=_sort,
        typing=_typing,
        derivative=Selection(lambda params: params["axis"]),
        maths="{0} sorted along axis {axis}",
        samples=_samples,
        reference="sort",
    )
)
