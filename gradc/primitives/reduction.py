"""Primitives that fold axes: sum, prod, max, min, any, all, argmax, argmin."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from gradc.errors import DTypeError, ShapeError
from gradc.ir.builder import Builder
from gradc.ir.derivative import Derivative, Linear, Weighted, Zero
from gradc.ir.dtype import int64
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, Primitive, Sample, register
from gradc.primitives.typing_rules import check_axes, check_axis, fold_axes

Array = np.ndarray[Any, Any]
Params = dict[str, Any]


def spread(b: Builder, folded: Any, like: TensorType, axes: tuple[int, ...]) -> Any:
    """Return `folded`, the result of a reduction over `axes`, broadcast to `like`'s shape."""
    kept = tuple(1 if i in axes else n for i, n in enumerate(like.shape))
    return b.broadcast(b.reshape(folded, kept), like.shape)


def _ufunc(ufunc: Any) -> Callable[..., Array]:
    def meaning(x: Array, axes: tuple[int, ...], keepdims: bool = False) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(ufunc.reduce(x, axis=axes, keepdims=keepdims, dtype=x.dtype))

    return meaning


def _typing(name: str, empty_allowed: bool, bools: bool) -> Callable[..., TensorType]:
    def typing(x: TensorType, axes: tuple[int, ...], keepdims: bool = False) -> TensorType:
        check_axes(name, x, axes)
        if bools != x.dtype.is_bool:
            raise DTypeError(f"{name}: takes {'bool' if bools else 'numbers'}, got {x}")
        if not empty_allowed and any(x.shape[a] == 0 for a in axes):
            raise ShapeError(
                f"{name}: no elements to fold in {x} over axes {axes}",
                hint="check that the batch isn't empty",
            )
        return fold_axes(x, axes, keepdims)

    return typing


def _sum_transpose(b: Builder, ct: Any, inputs: tuple[Any, ...], params: Params) -> tuple[Any]:
    return (spread(b, ct, b.typeof(inputs[0]), params["axes"]),)


def _extreme_weight(b: Builder, x: Any, out: Any, params: Params) -> Any:
    """Ties share the derivative evenly, as in torch.amax."""
    type, axes = b.typeof(x), params["axes"]
    chosen = b.cast(b.op("eq", x, spread(b, out, type, axes)), type.dtype)
    count = b.op("sum", chosen, axes=axes, keepdims=True)
    return b.op("div", chosen, b.broadcast(count, type.shape))


def _prod_weight(b: Builder, x: Any, out: Any, params: Params) -> Any:
    """The product of the other elements, right also where elements are zero.

    With one zero in a group only that element has a derivative, with two none has: so
    multiply the non-zero elements and count the zeros, and never divide by zero.
    """
    type, axes = b.typeof(x), params["axes"]
    zero, one = b.full(type, 0), b.full(type, 1)
    is_zero = b.op("eq", x, zero)
    safe = b.op("where", is_zero, one, x)
    others = spread(b, b.op("prod", safe, axes=axes, keepdims=True), type, axes)
    zeros = b.op("sum", b.cast(is_zero, type.dtype), axes=axes, keepdims=True)
    zeros = b.op("sub", b.broadcast(zeros, type.shape), b.cast(is_zero, type.dtype))
    return b.op("where", b.op("eq", zeros, zero), b.op("div", others, safe), zero)


_RNG_DATA = np.array(
    [[0.5, -1.25, 3.0, 0.75], [2.0, 0.125, -0.5, 1.5], [-2.5, 1.0, 0.25, -3.0]], np.float64
)


def _samples(empty: bool, ties: bool) -> Callable[[], Iterable[Sample]]:
    def samples() -> Iterable[Sample]:
        yield Sample((_RNG_DATA,), {"axes": (0, 1)})
        yield Sample((_RNG_DATA,), {"axes": (1,), "keepdims": True})
        yield Sample((_RNG_DATA,), {"axes": (0,)})
        yield Sample((_RNG_DATA.reshape(3, 2, 2),), {"axes": (0, 2)})
        yield Sample((np.array(1.5),), {"axes": ()})
        yield Sample((_RNG_DATA,), {"axes": ()})
        yield Sample((np.array([1.0, np.nan, np.inf]),), {"axes": (0,)}, smooth=False)
        if empty:
            yield Sample((np.zeros((2, 0)),), {"axes": (1,)})
        yield Sample((np.zeros((0, 2)),), {"axes": (1,)})
        yield Sample((np.array([[2.0, 2.0, 0.0]]),), {"axes": (1,)}, smooth=not ties)
        yield Sample((np.array([0.0, 3.0, 0.0, 2.0]),), {"axes": (0,)}, smooth=not ties)
        yield Sample((np.arange(6).reshape(2, 3),), {"axes": (1,)})

    return samples


def _bool_samples() -> Iterable[Sample]:
    x = np.array([[True, False, True], [False, False, False]])
    yield Sample((x,), {"axes": (1,)})
    yield Sample((x,), {"axes": (0, 1), "keepdims": True})
    yield Sample((np.zeros((2, 0), bool),), {"axes": (1,)})


def _fold(
    name: str, ufunc: Any, derivative: Derivative, *, empty: bool, ties: bool, bools: bool = False
) -> Primitive:
    return register(
        Primitive(
            name=name,
            kind=Kind.REDUCTION,
            meaning=_ufunc(ufunc),
            typing=_typing(name, empty, bools),
            derivative=derivative,
            maths=f"{name} of {{0}} over axes {{axes}}",
            samples=_bool_samples if bools else _samples(empty, ties),
            reference={"max": "amax", "min": "amin"}.get(name, name),
        )
    )


sum_ = _fold(
    "sum", np.add, Linear(_sum_transpose, rule="the same to every term"), empty=True, ties=False
)
prod = _fold(
    "prod", np.multiply, Weighted(_prod_weight, "product of the others"), empty=True, ties=False
)
max_ = _fold("max", np.maximum, Weighted(_extreme_weight, "to the largest"), empty=False, ties=True)
min_ = _fold(
    "min", np.minimum, Weighted(_extreme_weight, "to the smallest"), empty=False, ties=True
)
any_ = _fold("any", np.logical_or, Zero(), empty=True, ties=False, bools=True)
all_ = _fold("all", np.logical_and, Zero(), empty=True, ties=False, bools=True)


def _arg(name: str, function: Callable[..., Any]) -> Primitive:
    def meaning(x: Array, axis: int, keepdims: bool = False) -> Array:
        return np.asarray(function(x, axis=axis, keepdims=keepdims), np.int64)

    def typing(x: TensorType, axis: int, keepdims: bool = False) -> TensorType:
        check_axis(name, x, axis)
        if x.shape[axis] == 0:
            raise ShapeError(f"{name}: no elements to compare in {x} along axis {axis}")
        return fold_axes(x, (axis,), keepdims).with_dtype(int64)

    def samples() -> Iterable[Sample]:
        yield Sample((_RNG_DATA,), {"axis": 0})
        yield Sample((_RNG_DATA,), {"axis": 1, "keepdims": True})
        yield Sample((np.array([1.0, 3.0, 3.0]),), {"axis": 0})
        yield Sample((np.array([1.0, np.nan, 3.0, np.nan]),), {"axis": 0})
        yield Sample((np.array([[4, 2], [4, 9]]),), {"axis": 1})

    return register(
        Primitive(
            name=name,
            kind=Kind.REDUCTION,
            meaning=meaning,
            typing=typing,
            derivative=Zero(),
            maths=f"{name} of {{0}} along axis {{axis}}",
            samples=samples,
            reference=name,
        )
    )


argmax = _arg("argmax", np.argmax)
argmin = _arg("argmin", np.argmin)
