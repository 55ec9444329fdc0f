"""Order along an axis: sort, argsort, topk, median and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradc.errors import ArgumentError
from gradc.ir.dtype import int64
from gradc.ir.primitive import lookup
from gradc.tensor.arithmetic import sub
from gradc.tensor.axes import axis
from gradc.tensor.copying import clone
from gradc.tensor.core import elements, home, resolve, shape_of, wrap_array
from gradc.tensor.dispatch import apply, constant
from gradc.tensor.hits import BY_WHERE
from gradc.tensor.logic import gt, isnan, where
from gradc.tensor.movement import between, reshape_to, select, size_of
from gradc.tensor.moving import beside
from gradc.tensor.promotion import cast
from gradc.tensor.reductions import sum
from gradc.tensor.refusal import refuse_value
from gradc.tensor.selecting import gather

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

SORT = lookup("sort")


class Sorted(NamedTuple):
    """Elements in order, and where each came from."""

    values: Tensor
    indices: Tensor


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Sorted:
    """Return the elements in order along an axis, and their indices.

    Args:
        input: `[*]`.
        dim: the axis.
        descending: largest first.
        stable: equal elements keep their order; they do in any case.
    """
    i = axis("sort", dim, len(shape_of(input)))
    if not shape_of(input):
        return Sorted(clone(input), constant(0, int64, (), home(input)))
    values, indices = apply(SORT, input, axis=i, descending=descending)
    return Sorted(values, indices)


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """Return the indices that sort an axis; arguments as for `sort`."""
    return sort(input, dim, descending, stable).indices


def msort(input: Tensor) -> Tensor:
    """Return the elements in order along the first axis."""
    return sort(input, 0).values


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Sorted:
    """Return the k largest (or smallest) elements along an axis, best first, and their indices.

    Args:
        input: `[*]`.
        k: how many.
        dim: the axis.
        largest: False takes the smallest.
        sorted: whether they must be in order; they are in any case.
    """
    i = axis("topk", dim, len(shape_of(input)))
    n = shape_of(input)[i] if shape_of(input) else 1
    if not 0 <= k <= n:
        raise ArgumentError(f"topk: selected index k out of range: k = {k}, axis of size {n}")
    values, indices = sort(input, i, descending=largest)
    if not shape_of(input):
        return Sorted(values, indices)
    return Sorted(between(values, i, 0, k), between(indices, i, 0, k))


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Sorted:
    """Return the k-th smallest element along an axis, counted from 1, and its index."""
    i = axis("kthvalue", dim, len(shape_of(input)))
    n = shape_of(input)[i] if shape_of(input) else 1
    if not 1 <= k <= n:
        raise ArgumentError(f"kthvalue(): selected number k out of range for dimension {i}: {k}")
    return _chosen(input, i, k - 1, keepdim)


def _chosen(x: Tensor, i: int, place: int, keepdim: bool) -> Sorted:
    values, indices = sort(x, i)
    if not shape_of(x):
        return Sorted(values, indices)
    if keepdim:
        return Sorted(between(values, i, place, place + 1), between(indices, i, place, place + 1))
    return Sorted(select(values, i, place), select(indices, i, place))


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the middle element (the lower of two), of all or along an axis with its index.

    Where an element is NaN, so is the median.
    """
    if dim is None:
        flat = reshape_to(input, (size_of(shape_of(input)),))
        return _middle(flat, 0, False).values
    return _middle(input, axis("median", dim, len(shape_of(input))), keepdim)


def _middle(x: Tensor, i: int, keepdim: bool) -> Sorted:
    """Return the median and its index; NaN is sorted last, the first NaN is where it was."""
    n = shape_of(x)[i] if shape_of(x) else 1
    if not shape_of(x) or not x.dtype.is_floating_point:
        return _chosen(x, i, (n - 1) // 2, keepdim)
    order = sort(x, i)
    nans = sum(cast(isnan(order.values), int64), i, True)
    place = where(gt(nans, 0), sub(n, nans), (n - 1) // 2)
    found = Sorted(*(gather(part, i, place) for part in order))
    return found if keepdim else Sorted(*(select(part, i, 0) for part in found))


def unique(
    input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False
) -> Any:
    """Return the distinct elements in order.

    Args:
        input: `[*]`.
        sorted: whether they must be in order; they are in any case.
        return_inverse: also give where each element of the input is found in the result.
        return_counts: also give how often each occurs.
    """
    x = resolve(input)
    refuse_value(x, "unique", BY_WHERE)
    values, inverse, counts = np.unique(
        elements(x), return_inverse=True, return_counts=True, equal_nan=False
    )
    out = [beside(wrap_array(values), x)]
    if return_inverse:
        found = inverse.reshape(shape_of(x)).astype(np.int64)
        out.append(beside(wrap_array(found), x))
    if return_counts:
        out.append(beside(wrap_array(counts.astype(np.int64)), x))
    return out[0] if len(out) == 1 else tuple(out)


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """Return how often each number from 0 on occurs, or the sums of its weights."""
    x = resolve(input)
    refuse_value(x, "bincount", "scatter_add into gradc.zeros(n)")
    given = None if weights is None else elements(resolve(weights))
    return beside(wrap_array(np.bincount(elements(x), given, minlength)), x)
