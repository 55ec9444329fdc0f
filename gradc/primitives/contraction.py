"""The sum of products over paired axes that matmul, linear, einsum and bmm ride on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradc.errors import DTypeError, ShapeError
from gradc.ir.builder import Builder
from gradc.ir.derivative import Bilinear
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, Primitive, Sample, register
from gradc.primitives.sixteen_bits import lowered
from gradc.primitives.typing_rules import same_dtype

Array = np.ndarray[Any, Any]
Axes = tuple[tuple[int, ...], tuple[int, ...]]


def free_axes(ndim: int, contract: tuple[int, ...], batch: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes that are neither summed nor batched."""
    return tuple(a for a in range(ndim) if a not in contract and a not in batch)


def _dot(x: Array, y: Array, contract: Axes, batch: Axes = ((), ()), rounds: str = "") -> Array:
    """Compute as one stacked matrix product, so that float products use BLAS.

    With `rounds`, the name of a 16-bit format, operands are rounded to it.
    """
    x, y = lowered(rounds, x, y)
    x_free = free_axes(x.ndim, contract[0], batch[0])
    y_free = free_axes(y.ndim, contract[1], batch[1])
    batch_shape = tuple(x.shape[a] for a in batch[0])
    x_shape, y_shape = tuple(x.shape[a] for a in x_free), tuple(y.shape[a] for a in y_free)
    k = _size(tuple(x.shape[a] for a in contract[0]))
    left = x.transpose(batch[0] + x_free + contract[0])
    right = y.transpose(batch[1] + contract[1] + y_free)
    left = left.reshape(*batch_shape, _size(x_shape), k)
    right = right.reshape(*batch_shape, k, _size(y_shape))
    with np.errstate(all="ignore"):
        product = np.matmul(left, right)
    return product.reshape(batch_shape + x_shape + y_shape)


def _size(shape: tuple[int, ...]) -> int:
    n = 1
    for s in shape:
        n *= s
    return n


def _typing(
    x: TensorType, y: TensorType, contract: Axes, batch: Axes = ((), ()), rounds: str = ""
) -> TensorType:
    del rounds
    same_dtype("dot", x, y)
    if x.dtype.is_bool:
        raise DTypeError(f"dot: takes numbers, got {x}", hint="convert with .to(gradc.int64)")
    for (xs, ys), what in ((contract, "summed"), (batch, "batched")):
        sizes = tuple(x.shape[a] for a in xs), tuple(y.shape[a] for a in ys)
        if sizes[0] != sizes[1]:
            raise ShapeError(f"dot: {what} sizes differ: {x} axes {xs}, {y} axes {ys}")
    shape = tuple(x.shape[a] for a in batch[0])
    shape += tuple(x.shape[a] for a in free_axes(x.ndim, contract[0], batch[0]))
    shape += tuple(y.shape[a] for a in free_axes(y.ndim, contract[1], batch[1]))
    return x.with_shape(shape)


def _left(b: Builder, ct: Any, x: Any, y: Any, params: dict[str, Any]) -> Any:
    """x_bar = y_bar contracted with y over y's free axes, axes put back in x's order."""
    contract, batch = params["contract"], params.get("batch", ((), ()))
    return _adjoint(b, ct, x, y, contract, batch, left=True)


def _right(b: Builder, ct: Any, x: Any, y: Any, params: dict[str, Any]) -> Any:
    contract, batch = params["contract"], params.get("batch", ((), ()))
    return _adjoint(b, ct, y, x, contract[::-1], batch[::-1], left=False)


def _adjoint(
    b: Builder, ct: Any, of: Any, other: Any, contract: Axes, batch: Axes, *, left: bool
) -> Any:
    """Return the adjoint of operand `of`; (contract, batch) list `of`'s axes first."""
    ndim, other_ndim = b.typeof(of).ndim, b.typeof(other).ndim
    n_batch = len(batch[0])
    of_free = free_axes(ndim, contract[0], batch[0])
    other_free = free_axes(other_ndim, contract[1], batch[1])
    first = n_batch + (len(of_free) if left else 0)
    ct_other = tuple(range(first, first + len(other_free)))
    ct_batch = tuple(range(n_batch))
    if left:
        product = b.op(
            "dot", ct, other, contract=(ct_other, other_free), batch=(ct_batch, batch[1])
        )
        # axes of the product: batch, of's free axes, other's contracted axes in other's order
        rest = sorted(range(len(contract[1])), key=lambda i: contract[1][i])
        axes = batch[0] + of_free + tuple(contract[0][i] for i in rest)
    else:
        product = b.op(
            "dot", other, ct, contract=(other_free, ct_other), batch=(batch[1], ct_batch)
        )
        rest = sorted(range(len(contract[1])), key=lambda i: contract[1][i])
        axes = batch[0] + tuple(contract[0][i] for i in rest) + of_free
    order = tuple(axes.index(a) for a in range(ndim))
    return product if order == tuple(range(ndim)) else b.op("permute", product, axes=order)


def _samples() -> Iterable[Sample]:
    rng = np.random.default_rng(7)
    m, n = rng.standard_normal((3, 4)), rng.standard_normal((4, 2))
    yield Sample((m, n), {"contract": ((1,), (0,))})
    yield Sample((m, n.T.copy()), {"contract": ((1,), (1,))})
    yield Sample((m.T.copy(), n.T.copy()), {"contract": ((0,), (1,))})
    yield Sample((m, m), {"contract": ((0, 1), (0, 1))})
    yield Sample((m[0], m[1]), {"contract": ((), ())})
    yield Sample((m, n[:, 0].copy()), {"contract": ((1,), (0,))})
    a, c = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 4, 5))
    yield Sample((a, c), {"contract": ((2,), (1,)), "batch": ((0,), (0,))})
    yield Sample((a, c), {"contract": ((2, 0), (1, 0))})
    yield Sample((a, n), {"contract": ((2,), (0,))})
    d, e = rng.standard_normal((3, 2, 4, 5)), rng.standard_normal((4, 2, 5, 6))
    yield Sample((d, e), {"contract": ((3,), (2,)), "batch": ((1, 2), (1, 0))})
    yield Sample((np.zeros((0, 3)), np.zeros((3, 2))), {"contract": ((1,), (0,))})
    yield Sample((np.zeros((2, 0)), np.zeros((0, 3))), {"contract": ((1,), (0,))})
    yield Sample((np.arange(6).reshape(2, 3), np.arange(3)), {"contract": ((1,), (0,))})


dot = register(
    Primitive(
        name="dot",
        kind=Kind.CONTRACTION,
        meaning=_dot,
        typing=_typing,
        derivative=Bilinear(_left, _right, "{y_bar} @ {y}.T", "{x}.T @ {y_bar}"),
        maths="{0} @ {1}",
        samples=_samples,
        reference="tensordot",
    )
)
