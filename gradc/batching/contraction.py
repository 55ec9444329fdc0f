"""Batching rules of products: a batch of both operands is a batch axis, of one a free axis."""

from __future__ import annotations

from typing import Any

from gradc.batching.batch import Batch, Flags, Operands, Params
from gradc.ir.primitive import Primitive
from gradc.primitives.contraction import Axes, free_axes

Ints = tuple[int, ...]


def contract(
    batch: Batch, primitive: Primitive, params: Params, operands: Operands, flags: Flags
) -> Operands:
    """Return the result of a dot or a conv, batched."""
    x, y = operands
    if primitive.name == "dot":
        axes: Axes = params.get("batch") or ((), ())
        return (dot(batch, x, y, params["contract"], axes, flags),)
    return (conv(batch, x, y, params, flags),)


def dot(batch: Batch, x: Any, y: Any, contract: Axes, axes: Axes, flags: Flags) -> Any:
    """Return the products of each example, whose batch axes are `axes`."""
    b = batch.builder
    y_free = free_axes(len(batch.shape(y, flags[1])), contract[1], axes[1])
    if flags == (False, True) and not y_free:
        # a matrix times one vector per example: the other way round the examples come first
        x, y, flags = y, x, (True, False)
        contract, axes = (contract[1], contract[0]), (axes[1], axes[0])
    summed = _shifted(contract[0], flags[0]), _shifted(contract[1], flags[1])
    paired: Axes = _shifted(axes[0], flags[0]), _shifted(axes[1], flags[1])
    if all(flags):
        return b.op("dot", x, y, contract=summed, batch=((0, *paired[0]), (0, *paired[1])))
    product = b.op("dot", x, y, contract=summed, batch=paired)
    before = len(paired[0])
    if flags[1]:
        before += len(free_axes(b.typeof(x).ndim, summed[0], paired[0]))
    return batch.to_front(product, before)


def _shifted(axes: Ints, flag: bool) -> Ints:
    return tuple(a + 1 for a in axes) if flag else axes


def conv(batch: Batch, x: Any, w: Any, params: Params, flags: Flags) -> Any:
    """Return the convolutions of each example.

    Examples of x only are more samples, of w only more output channels, of both more groups.
    """
    b, n = batch.builder, batch.size
    rank = len(params["stride"])
    shape, window = batch.shape(x, flags[0]), batch.shape(w, flags[1])
    samples, (groups, inner) = shape[0], shape[rank + 1 :]
    outer = window[-1]
    if flags == (True, False):
        out = b.op("conv", b.reshape(x, (n * samples, *shape[1:])), w, **params)
        return b.reshape(out, (n, samples, *b.typeof(out).shape[1:]))
    if flags == (False, True):
        w = b.op("permute", w, axes=(*range(1, rank + 3), 0, rank + 3))
        out = b.op("conv", x, b.reshape(w, (*window[:-1], n * outer)), **params)
        out = b.reshape(out, (*b.typeof(out).shape[:-1], n, outer))
        return batch.to_front(out, rank + 2)
    x = b.op("permute", x, axes=(*range(1, rank + 2), 0, rank + 2, rank + 3))
    x = b.reshape(x, (*shape[: rank + 1], n * groups, inner))
    w = b.op("permute", w, axes=(*range(1, rank + 1), 0, *range(rank + 1, rank + 4)))
    w = b.reshape(w, (*window[:rank], n * groups, inner, outer))
    out = b.op("conv", x, w, **params)
    out = b.reshape(out, (*b.typeof(out).shape[: rank + 1], n, groups, outer))
    return batch.to_front(out, rank + 1)
