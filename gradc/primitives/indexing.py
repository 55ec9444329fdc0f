"""Primitives whose positions are data: reading by an index, and adding at an index."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np

from gradc.errors import ShapeError, TensorIndexError
from gradc.ir.builder import Builder
from gradc.ir.derivative import Linear
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, Primitive, Sample, register
from gradc.primitives.typing_rules import check_axis, check_index, same_dtype

Array = np.ndarray[Any, Any]
Params = dict[str, Any]


def _check_range(name: str, index: Array, size: int) -> None:
    if index.size and not (0 <= index.min() and index.max() < size):
        bad = index.min() if index.min() < 0 else index.max()
        raise TensorIndexError(
            f"{name}: index {bad} is out of range for an axis of size {size}",
            hint=f"indices must lie in 0 ... {size - 1}",
        )


# ---- whole slices: index_select, index_add --------------------------------------------------
def _index_select(x: Array, index: Array, axis: int) -> Array:
    _check_range("index_select", index, x.shape[axis])
    return np.take(x, index, axis)


def _index_select_type(x: TensorType, index: TensorType, axis: int) -> TensorType:
    check_axis("index_select", x, axis)
    check_index("index_select", index)
    return x.with_shape(x.shape[:axis] + index.shape + x.shape[axis + 1 :])


def _index_select_transpose(
    b: Builder, ct: Any, inputs: tuple[Any, ...], params: Params
) -> tuple[Any]:
    x, index = inputs
    return (b.op("index_add", b.zeros_like(x), index, ct, axis=params["axis"]),)


def _index_add(x: Array, index: Array, updates: Array, axis: int) -> Array:
    _check_range("index_add", index, x.shape[axis])
    out = x.copy()
    key: Any = (slice(None),) * axis + (index,)
    np.add.at(out, key, updates)
    return out


def _index_add_type(x: TensorType, index: TensorType, updates: TensorType, axis: int) -> TensorType:
    check_axis("index_add", x, axis)
    check_index("index_add", index)
    same_dtype("index_add", x, updates)
    expected = x.shape[:axis] + index.shape + x.shape[axis + 1 :]
    if updates.shape != expected:
        raise ShapeError(f"index_add: updates must be {list(expected)}, got {updates}")
    return x


def _index_add_transpose(
    b: Builder, ct: Any, inputs: tuple[Any, ...], params: Params
) -> tuple[Any, Any]:
    return ct, b.op("index_select", ct, inputs[1], axis=params["axis"])


# ---- single elements: gather, scatter_add ---------------------------------------------------
def _gather(x: Array, index: Array, axis: int) -> Array:
    _check_range("gather", index, x.shape[axis])
    return x[_positions(index, axis)]


def _positions(index: Array, axis: int) -> tuple[Array, ...]:
    """Return the index arrays of torch.gather: along each other axis, the own position."""
    grid: list[Any] = list(cast("tuple[Any, ...]", np.indices(index.shape, sparse=True)))
    grid[axis] = index
    return tuple(grid)


def _gather_type(x: TensorType, index: TensorType, axis: int) -> TensorType:
    check_axis("gather", x, axis)
    check_index("gather", index)
    _check_inside("gather", x, index, axis)
    return x.with_shape(index.shape)


def _check_inside(name: str, x: TensorType, index: TensorType, axis: int) -> None:
    inside = index.ndim == x.ndim and all(
        a == axis or n <= m for a, (n, m) in enumerate(zip(index.shape, x.shape, strict=True))
    )
    if not inside:
        raise ShapeError(f"{name}: index {index} doesn't fit {x} beside axis {axis}")


def _gather_transpose(b: Builder, ct: Any, inputs: tuple[Any, ...], params: Params) -> tuple[Any]:
    """One element per row goes back by comparison, which fuses; several are scattered."""
    x, index = inputs
    type, picked, axis = b.typeof(x), b.typeof(index), params["axis"]
    rows_match = all(
        a == axis or n == m for a, (n, m) in enumerate(zip(picked.shape, type.shape, strict=True))
    )
    if picked.shape[axis] != 1 or not rows_match:
        return (b.op("scatter_add", b.zeros_like(x), index, ct, axis=axis),)
    position = b.op("iota", shape=type.shape, dtype=picked.dtype, axis=axis, device=type.device)
    here = b.op("eq", position, b.broadcast(index, type.shape))
    return (b.op("where", here, b.broadcast(ct, type.shape), b.zeros_like(x)),)


def _scatter_add(x: Array, index: Array, updates: Array, axis: int) -> Array:
    _check_range("scatter_add", index, x.shape[axis])
    out = x.copy()
    np.add.at(out, _positions(index, axis), updates)
    return out


def _scatter_add_type(
    x: TensorType, index: TensorType, updates: TensorType, axis: int
) -> TensorType:
    check_axis("scatter_add", x, axis)
    check_index("scatter_add", index)
    same_dtype("scatter_add", x, updates)
    _check_inside("scatter_add", x, index, axis)
    if updates.shape != index.shape:
        raise ShapeError(f"scatter_add: updates {updates} and index {index} differ in shape")
    return x


def _scatter_add_transpose(
    b: Builder, ct: Any, inputs: tuple[Any, ...], params: Params
) -> tuple[Any, Any]:
    return ct, b.op("gather", ct, inputs[1], axis=params["axis"])


_X = np.arange(12.0).reshape(4, 3) - 5.5


def _select_samples() -> Iterable[Sample]:
    yield Sample((_X, np.array([3, 0, 3])), {"axis": 0})
    yield Sample((_X, np.array([[2, 1], [0, 0]])), {"axis": 1})
    yield Sample((_X, np.array(2)), {"axis": 0})
    yield Sample((_X, np.zeros(0, np.int64)), {"axis": 0})


def _add_samples() -> Iterable[Sample]:
    yield Sample((_X, np.array([3, 0, 3]), _X[:3] * 0.5), {"axis": 0})
    yield Sample((_X, np.array([[2, 1], [2, 0]]), np.ones((4, 2, 2))), {"axis": 1})
    yield Sample((_X, np.zeros(0, np.int64), np.zeros((0, 3))), {"axis": 0})


def _gather_samples() -> Iterable[Sample]:
    yield Sample((_X, np.array([[0], [2], [1], [2]])), {"axis": 1})
    yield Sample((_X, np.array([[0, 3, 3], [1, 1, 0]])), {"axis": 0})
    yield Sample((_X, np.array([[0, 0], [2, 1]])), {"axis": 1})
    yield Sample((_X[0], np.array([2, 2, 0, 1])), {"axis": 0})


def _scatter_samples() -> Iterable[Sample]:
    yield Sample((_X, np.array([[0], [2], [1], [2]]), _X[:, :1]), {"axis": 1})
    yield Sample((_X, np.array([[0, 3, 3], [3, 1, 3]]), _X[:2] + 1), {"axis": 0})
    yield Sample((_X[0], np.array([2, 2, 0]), np.array([1.0, 2.0, 4.0])), {"axis": 0})


def _indexing(
    name: str, meaning: Any, typing: Any, derivative: Linear, samples: Any, maths: str
) -> Primitive:
    return register(
        Primitive(
            name=name,
            kind=Kind.INDEXING,
            meaning=meaning,
            typing=typing,
            derivative=derivative,
            maths=maths,
            samples=samples,
            reference=name,
        )
    )


index_select = _indexing(
    "index_select", _index_select, _index_select_type,
    Linear(_index_select_transpose, operands=(0,), others=(1,), rule="added at the index"),
    _select_samples, "{0}[{1}]",
)  # fmt: skip
index_add = _indexing(
    "index_add", _index_add, _index_add_type,
    Linear(_index_add_transpose, operands=(0, 2), others=(1,), rule="read at the index"),
    _add_samples, "{0}, with {2} added at {1}",
)  # fmt: skip
gather = _indexing(
    "gather", _gather, _gather_type,
    Linear(_gather_transpose, operands=(0,), others=(1,), rule="back to the place it came from"),
    _gather_samples, "{0} at {1} along axis {axis}",
)  # fmt: skip
scatter_add = _indexing(
    "scatter_add", _scatter_add, _scatter_add_type,
    Linear(_scatter_add_transpose, operands=(0, 2), others=(1,), rule="read at the index"),
    _scatter_samples, "{0}, with {2} added at {1} along axis {axis}",
)  # fmt: skip
