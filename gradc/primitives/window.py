"""Primitives of pooling: which element of each window is the largest, and moving it there and back.

A window is given along every axis of the operand, 1 along those that are not pooled; its elements
are numbered in row-major order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import numpy as np

from gradc.errors import DTypeError, ShapeError
from gradc.ir.builder import Builder
from gradc.ir.derivative import Linear, Zero
from gradc.ir.dtype import int32
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, Primitive, Sample, register
from gradc.primitives.convolution import reach

Array = np.ndarray[Any, Any]
Ints = tuple[int, ...]
Params = dict[str, Any]


def places(shape: Ints, window: Ints, stride: Ints, dilation: Ints) -> Ints:
    """Return how many windows fit along each axis."""
    covered = reach(window, dilation)
    return tuple((n - c) // s + 1 for n, c, s in zip(shape, covered, stride, strict=True))


def taps(window: Ints, stride: Ints, dilation: Ints, count: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Yield (start, stop) of the slice of each window element, `stride` being the step."""
    for tap in product(*map(range, window)):
        start = tuple(t * d for t, d in zip(tap, dilation, strict=True))
        ends = zip(start, count, stride, strict=True)
        yield start, tuple(a + (n - 1) * s + 1 for a, n, s in ends)


def _slices(start: Ints, stop: Ints, step: Ints) -> tuple[slice, ...]:
    return tuple(slice(a, o, s) for a, o, s in zip(start, stop, step, strict=True))


def _argmax(x: Array, window: Ints, stride: Ints, dilation: Ints) -> Array:
    count = places(x.shape, window, stride, dilation)
    best = index = np.zeros(count, np.int32)
    for number, (start, stop) in enumerate(taps(window, stride, dilation, count)):
        here = x[_slices(start, stop, stride)]
        if number == 0:
            best = here.copy()
            continue
        with np.errstate(all="ignore"):
            larger = (here > best) | (here != here)
        np.copyto(best, here, where=larger)
        index[larger] = number
    return index


def _pick(x: Array, index: Array, window: Ints, stride: Ints, dilation: Ints) -> Array:
    out = np.zeros(index.shape, x.dtype)
    for number, (start, stop) in enumerate(taps(window, stride, dilation, index.shape)):
        np.copyto(out, x[_slices(start, stop, stride)], where=index == number)
    return out


def _put(y: Array, index: Array, shape: Ints, window: Ints, stride: Ints, dilation: Ints) -> Array:
    out = np.zeros(shape, y.dtype)
    zero = np.zeros((), y.dtype)
    for number, (start, stop) in enumerate(taps(window, stride, dilation, index.shape)):
        out[_slices(start, stop, stride)] += np.where(index == number, y, zero)
    return out


def _check(name: str, x: TensorType, window: Ints, stride: Ints, dilation: Ints) -> TensorType:
    lengths = {x.ndim, len(window), len(stride), len(dilation)}
    if len(lengths) > 1 or min((*window, *stride, *dilation), default=1) < 1:
        raise ShapeError(f"{name}: {window}, {stride}, {dilation} don't fit {x}")
    if any(n < c for n, c in zip(x.shape, reach(window, dilation), strict=True)):
        raise ShapeError(f"{name}: windows of {list(window)} don't fit into {x}")
    return x.with_shape(places(x.shape, window, stride, dilation))


def _argmax_type(x: TensorType, window: Ints, stride: Ints, dilation: Ints) -> TensorType:
    if x.dtype.is_bool:
        raise DTypeError(f"window_argmax: takes numbers, got {x}")
    return _check("window_argmax", x, window, stride, dilation).with_dtype(int32)


def _pick_type(
    x: TensorType, index: TensorType, window: Ints, stride: Ints, dilation: Ints
) -> TensorType:
    out = _check("window_pick", x, window, stride, dilation)
    if index != out.with_dtype(int32):
        raise ShapeError(f"window_pick: the index must be {out.with_dtype(int32)}, got {index}")
    return out


def _put_type(
    y: TensorType, index: TensorType, shape: Ints, window: Ints, stride: Ints, dilation: Ints
) -> TensorType:
    out = y.with_shape(shape)
    if _check("window_put", out, window, stride, dilation) != y or index != y.with_dtype(int32):
        raise ShapeError(f"window_put: {y} and index {index} don't fit into {list(shape)}")
    return out


def _pick_transpose(b: Builder, ct: Any, inputs: tuple[Any, ...], params: Params) -> tuple[Any]:
    return (b.op("window_put", ct, inputs[1], shape=b.typeof(inputs[0]).shape, **params),)


def _put_transpose(b: Builder, ct: Any, inputs: tuple[Any, ...], params: Params) -> tuple[Any]:
    rest = {k: v for k, v in params.items() if k != "shape"}
    return (b.op("window_pick", ct, inputs[1], **rest),)


_IMAGE = np.array(
    [[3.0, 1.0, 3.0, -2.5, 0.5], [1.0, 3.0, 0.25, 2.0, 7.0], [4.0, -1.0, 6.0, 6.0, 0.0],
     [0.5, 2.0, 5.0, -3.0, 1.0]]
)  # fmt: skip
_WINDOWS: tuple[Params, ...] = (
    {"window": (2, 2), "stride": (2, 2), "dilation": (1, 1)},
    {"window": (3, 2), "stride": (1, 2), "dilation": (1, 1)},
    {"window": (2, 2), "stride": (2, 1), "dilation": (1, 3)},
    {"window": (1, 1), "stride": (3, 2), "dilation": (1, 1)},
    {"window": (1, 5), "stride": (1, 5), "dilation": (1, 1)},
)


def _argmax_samples() -> Iterable[Sample]:
    for params in _WINDOWS:
        yield Sample((_IMAGE,), params)
    line = {"window": (3,), "stride": (3,), "dilation": (1,)}
    yield Sample((np.array([1.0, np.nan, 2.0, -np.inf, -np.inf, -np.inf]),), line)
    yield Sample((np.array([2, 9, 9, -4, 0, 1]),), line)


def _index_of(x: Array, params: Params) -> Array:
    return _argmax(x, **params)


def _pick_samples() -> Iterable[Sample]:
    for params in _WINDOWS:
        yield Sample((_IMAGE, _index_of(_IMAGE, params)), params)


def _put_samples() -> Iterable[Sample]:
    for params in _WINDOWS:
        index = _index_of(_IMAGE, params)
        y = np.linspace(-1.5, 2.0, index.size).reshape(index.shape)
        yield Sample((y, index), {"shape": _IMAGE.shape, **params})


window_argmax = register(
    Primitive(
        name="window_argmax",
        kind=Kind.WINDOW,
        meaning=_argmax,
        typing=_argmax_type,
        derivative=Zero(),
        maths="place of the largest in {window} windows of {0}",
        samples=_argmax_samples,
    )
)
window_pick = register(
    Primitive(
        name="window_pick",
        kind=Kind.WINDOW,
        meaning=_pick,
        typing=_pick_type,
        derivative=Linear(
            _pick_transpose, operands=(0,), others=(1,), rule="to the largest of each window"
        ),
        maths="{0} at {1} in {window} windows",
        samples=_pick_samples,
    )
)
window_put = register(
    Primitive(
        name="window_put",
        kind=Kind.WINDOW,
        meaning=_put,
        typing=_put_type,
        derivative=Linear(
            _put_transpose, operands=(0,), others=(1,), rule="read at the place it was put"
        ),
        maths="{0} put at {1} in {window} windows",
        samples=_put_samples,
    )
)
