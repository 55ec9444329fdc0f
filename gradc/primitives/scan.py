"""Running folds along one axis: cumsum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradc.ir.builder import Builder
from gradc.ir.derivative import Linear
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, Primitive, Sample, register
from gradc.primitives.typing_rules import check_axis

Array = np.ndarray[Any, Any]


def _cumsum(x: Array, axis: int, reverse: bool = False) -> Array:
    with np.errstate(all="ignore"):
        if not reverse:
            return np.cumsum(x, axis=axis, dtype=x.dtype)
        return np.flip(np.cumsum(np.flip(x, axis), axis=axis, dtype=x.dtype), axis).copy()


def _typing(x: TensorType, axis: int, reverse: bool = False) -> TensorType:
    check_axis("cumsum", x, axis)
    return x


def _transpose(b: Builder, ct: Any, inputs: Any, params: dict[str, Any]) -> tuple[Any]:
    reverse = not params.get("reverse", False)
    return (b.op("cumsum", ct, axis=params["axis"], reverse=reverse),)


def _samples() -> Iterable[Sample]:
    x = np.array([[0.5, -1.25, 3.0], [2.0, 0.125, -0.5]])
    yield Sample((x,), {"axis": 0})
    yield Sample((x,), {"axis": 1})
    yield Sample((x,), {"axis": 1, "reverse": True})
    yield Sample((np.zeros((0,)),), {"axis": 0})
    yield Sample((np.array([1.0, np.inf, np.nan]),), {"axis": 0}, smooth=False)
    yield Sample((np.arange(4),), {"axis": 0})


cumsum = register(
    Primitive(
        name="cumsum",
        kind=Kind.SCAN,
        meaning=_cumsum,
        typing=_typing,
        derivative=Linear(_transpose, rule="running sum from the other end"),
        maths="running sum of {0} along axis {axis}",
        samples=_samples,
        reference="cumsum",
    )
)
