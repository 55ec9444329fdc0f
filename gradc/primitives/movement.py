"""Primitives that only move elements: out[i] = x[f(i)], with f known when compiling."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradc.errors import ShapeError
from gradc.ir.builder import Builder
from gradc.ir.derivative import Linear
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, Primitive, Sample, register
from gradc.primitives.typing_rules import check_axes, check_axis, same_dtype

Array = np.ndarray[Any, Any]
Ints = tuple[int, ...]
Params = dict[str, Any]

_X = np.arange(6.0).reshape(2, 3) - 2.25


def _reshape(x: Array, shape: Ints) -> Array:
    return x.reshape(shape)


def _reshape_type(x: TensorType, shape: Ints) -> TensorType:
    out = x.with_shape(shape)
    if out.size != x.size:
        raise ShapeError(f"reshape: {x} has {x.size} elements, shape {list(shape)} has {out.size}")
    return out


def _reshape_transpose(b: Builder, ct: Any, inputs: Any, params: Params) -> tuple[Any]:
    return (b.reshape(ct, b.typeof(inputs[0]).shape),)


def _permute(x: Array, axes: Ints) -> Array:
    return x.transpose(axes)


def _permute_type(x: TensorType, axes: Ints) -> TensorType:
    if sorted(axes) != list(range(x.ndim)):
        raise ShapeError(f"permute: axes {axes} are no permutation of those of {x}")
    return x.with_shape(tuple(x.shape[a] for a in axes))


def _permute_transpose(b: Builder, ct: Any, inputs: Any, params: Params) -> tuple[Any]:
    axes: Ints = params["axes"]
    return (b.op("permute", ct, axes=tuple(axes.index(i) for i in range(len(axes)))),)


def _broadcast(x: Array, shape: Ints) -> Array:
    return np.broadcast_to(x, shape)


def _broadcast_type(x: TensorType, shape: Ints) -> TensorType:
    tail = shape[len(shape) - x.ndim :] if x.ndim else ()
    if len(shape) < x.ndim or any(n not in (1, m) for n, m in zip(x.shape, tail, strict=True)):
        raise ShapeError(f"broadcast: {x} doesn't broadcast to {list(shape)}")
    return x.with_shape(shape)


def _broadcast_transpose(b: Builder, ct: Any, inputs: Any, params: Params) -> tuple[Any]:
    old, new = b.typeof(inputs[0]).shape, params["shape"]
    lead = len(new) - len(old)
    stretched = (i + lead for i, n in enumerate(old) if n == 1 and new[i + lead] != 1)
    axes = (*range(lead), *stretched)
    return (b.reshape(b.op("sum", ct, axes=axes), old) if axes else ct,)


def _slices(start: Ints, stop: Ints, step: Ints) -> tuple[slice, ...]:
    return tuple(slice(a, o, s) for a, o, s in zip(start, stop, step, strict=True))


def _slice(x: Array, start: Ints, stop: Ints, step: Ints) -> Array:
    return x[_slices(start, stop, step)]


def _slice_type(x: TensorType, start: Ints, stop: Ints, step: Ints) -> TensorType:
    bounds = list(zip(start, stop, step, x.shape, strict=True))
    if any(not (0 <= a <= o <= n and s > 0) for a, o, s, n in bounds):
        raise ShapeError(f"slice: {start}:{stop}:{step} doesn't fit {x}")
    return x.with_shape(tuple(-((a - o) // s) for a, o, s, _ in bounds))


def _slice_transpose(b: Builder, ct: Any, inputs: Any, params: Params) -> tuple[Any]:
    """Put the adjoint back where it was cut from, zeros elsewhere."""
    start, step = params["start"], params["step"]
    shape, cut = b.typeof(inputs[0]).shape, b.typeof(ct).shape
    if 0 in cut:
        return (b.zeros_like(inputs[0]),)
    span = tuple((n - 1) * s + 1 for n, s in zip(cut, step, strict=True))
    high = tuple(n - a - w for n, a, w in zip(shape, start, span, strict=True))
    interior = tuple(s - 1 for s in step)
    return (b.op("pad", ct, low=start, high=high, interior=interior, value=0),)


def _pad(x: Array, low: Ints, high: Ints, interior: Ints, value: float) -> Array:
    out = np.full(_padded(x.shape, low, high, interior), value, x.dtype)
    if x.size:
        out[
            tuple(
                slice(a, a + (n - 1) * (i + 1) + 1, i + 1)
                for a, i, n in zip(low, interior, x.shape, strict=True)
            )
        ] = x
    return out


def _padded(shape: Ints, low: Ints, high: Ints, interior: Ints) -> Ints:
    sides = zip(shape, low, high, interior, strict=True)
    return tuple(a + n + max(n - 1, 0) * i + h for n, a, h, i in sides)


def _pad_type(x: TensorType, low: Ints, high: Ints, interior: Ints, value: float) -> TensorType:
    if any(p < 0 for p in (*low, *high, *interior)):
        raise ShapeError(f"pad: negative padding {low}, {high}, {interior} of {x}")
    return x.with_shape(_padded(x.shape, low, high, interior))


def _zero_padding(params: Params) -> Params:
    return {**params, "value": 0}


def _pad_transpose(b: Builder, ct: Any, inputs: Any, params: Params) -> tuple[Any]:
    shape = b.typeof(inputs[0]).shape
    if 0 in shape:
        return (b.zeros_like(inputs[0]),)
    start, step = params["low"], tuple(i + 1 for i in params["interior"])
    ends = zip(start, shape, step, strict=True)
    stop = tuple(a + (n - 1) * s + 1 for a, n, s in ends)
    return (b.op("slice", ct, start=start, stop=stop, step=step),)


def _concatenate(*xs: Array, axis: int) -> Array:
    return np.concatenate(xs, axis)


def _concatenate_type(*types: TensorType, axis: int) -> TensorType:
    if not types:
        raise ShapeError("concatenate: needs at least one operand")
    same_dtype("concatenate", *types)
    first = types[0]
    check_axis("concatenate", first, axis)
    for t in types[1:]:
        same = t.ndim == first.ndim and all(
            a == axis or n == m for a, (n, m) in enumerate(zip(t.shape, first.shape, strict=True))
        )
        if not same:
            raise ShapeError(f"concatenate: {first} and {t} differ beside axis {axis}")
    shape = list(first.shape)
    shape[axis] = sum(t.shape[axis] for t in types)
    return first.with_shape(tuple(shape))


def _concatenate_transpose(
    b: Builder, ct: Any, inputs: tuple[Any, ...], params: Params
) -> tuple[Any, ...]:
    axis: int = params["axis"]
    shape, at = b.typeof(ct).shape, 0
    parts: list[Any] = []
    for x in inputs:
        n: int = b.typeof(x).shape[axis]
        start, stop = [0] * len(shape), list(shape)
        start[axis], stop[axis] = at, at + n
        step = (1,) * len(shape)
        parts.append(b.op("slice", ct, start=tuple(start), stop=tuple(stop), step=step))
        at += n
    return tuple(parts)


def _flip(x: Array, axes: Ints) -> Array:
    return np.flip(x, axes)


def _flip_type(x: TensorType, axes: Ints) -> TensorType:
    check_axes("flip", x, axes)
    return x


def _flip_transpose(b: Builder, ct: Any, inputs: Any, params: Params) -> tuple[Any]:
    return (b.op("flip", ct, axes=params["axes"]),)


def _reshape_samples() -> Iterable[Sample]:
    yield Sample((_X,), {"shape": (3, 2)})
    yield Sample((_X,), {"shape": (1, 6, 1)})
    yield Sample((np.array(1.5),), {"shape": (1, 1)})
    yield Sample((np.zeros((0, 2)),), {"shape": (4, 0)})
    yield Sample((_X.T,), {"shape": (6,)})


def _permute_samples() -> Iterable[Sample]:
    yield Sample((_X,), {"axes": (1, 0)})
    yield Sample((np.arange(24.0).reshape(2, 3, 4),), {"axes": (2, 0, 1)})
    yield Sample((np.array(2.0),), {"axes": ()})


def _broadcast_samples() -> Iterable[Sample]:
    yield Sample((_X,), {"shape": (4, 2, 3)})
    yield Sample((_X[:, :1],), {"shape": (2, 3)})
    yield Sample((np.array(2.0),), {"shape": (2, 2)})
    yield Sample((np.array([[1.0]]),), {"shape": (1, 3)})
    yield Sample((np.array([1.0]),), {"shape": (0,)})


def _slice_samples() -> Iterable[Sample]:
    yield Sample((_X,), {"start": (0, 1), "stop": (2, 3), "step": (1, 1)})
    yield Sample((np.arange(7.0),), {"start": (1,), "stop": (7,), "step": (3,)})
    yield Sample((np.arange(7.0),), {"start": (0,), "stop": (6,), "step": (4,)})
    yield Sample((_X,), {"start": (1, 2), "stop": (1, 3), "step": (1, 1)})


def _pad_samples() -> Iterable[Sample]:
    yield Sample((_X,), {"low": (1, 0), "high": (0, 2), "interior": (0, 0), "value": 0})
    yield Sample((_X,), {"low": (0, 1), "high": (1, 0), "interior": (1, 2), "value": 1.5})
    yield Sample((np.zeros((0,)),), {"low": (1,), "high": (2,), "interior": (3,), "value": 0})


def _concatenate_samples() -> Iterable[Sample]:
    yield Sample((_X, _X[:1] * 2), {"axis": 0})
    yield Sample((_X, _X[:, :0], _X[:, 1:] - 1), {"axis": 1})
    yield Sample((np.array([1.0]),), {"axis": 0})


def _flip_samples() -> Iterable[Sample]:
    yield Sample((_X,), {"axes": (1,)})
    yield Sample((_X,), {"axes": (0, 1)})


def _movement(
    name: str, meaning: Any, typing: Any, transpose: Any, samples: Any, maths: str, **linear: Any
) -> Primitive:
    return register(
        Primitive(
            name=name,
            kind=Kind.MOVEMENT,
            meaning=meaning,
            typing=typing,
            derivative=Linear(transpose, **linear),
            maths=maths,
            samples=samples,
        )
    )


reshape = _movement(
    "reshape", _reshape, _reshape_type, _reshape_transpose, _reshape_samples,
    "{0} as {shape}", rule="reshaped back",
)  # fmt: skip
permute = _movement(
    "permute", _permute, _permute_type, _permute_transpose, _permute_samples,
    "{0} with axes {axes}", rule="axes put back",
)  # fmt: skip
broadcast = _movement(
    "broadcast", _broadcast, _broadcast_type, _broadcast_transpose, _broadcast_samples,
    "{0} repeated to {shape}", rule="summed over the repeats",
)  # fmt: skip
slice_ = _movement(
    "slice", _slice, _slice_type, _slice_transpose, _slice_samples,
    "{0}[{start}:{stop}:{step}]", rule="put back, zeros elsewhere",
)  # fmt: skip
pad = _movement(
    "pad", _pad, _pad_type, _pad_transpose, _pad_samples, "{0} padded with {value}",
    rule="the inner part", tangent_params=_zero_padding,
)  # fmt: skip
concatenate = _movement(
    "concatenate", _concatenate, _concatenate_type, _concatenate_transpose, _concatenate_samples,
    "operands joined along axis {axis}", rule="cut apart",
)  # fmt: skip
flip = _movement(
    "flip", _flip, _flip_type, _flip_transpose, _flip_samples,
    "{0} reversed along {axes}", rule="reversed",
)  # fmt: skip
