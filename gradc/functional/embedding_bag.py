"""Bags of indices -> the sum, mean or maximum of the rows of a table that each bag names."""

from __future__ import annotations

import math

import numpy as np

from gradc.errors import ArgumentError, DTypeError, ShapeError, TraceError, UnsupportedError
from gradc.functional.embedding import by_frequency, checked_index, checked_padding, renorm
from gradc.functional.reduction import check_floating, check_tensor
from gradc.ir.dtype import int32, int64
from gradc.ir.primitive import lookup
from gradc.tensor import Tensor, where
from gradc.tensor.data import placed
from gradc.tensor.dispatch import apply
from gradc.tensor.moving import check_beside
from gradc.tensor.state import active_trace

MODES = ("sum", "mean", "max")


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Return the sum, mean or maximum of a table's rows for each bag of indices.

    Args:
        input: int64 indices: `[B, N]`, bags of one size, or `[n]`, bags one after the other.
        weight: `[rows, features]`.
        offsets: for `[n]`: where each bag begins, int64 `[B]`, the first at 0, none falling.
        max_norm: where given, rows that are looked up and longer are made so long, in `weight`.
        norm_type: the order of that norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is looked up here; not
            for `max`.
        mode: `sum`, `mean` or `max`; an empty bag gives zeros.
        sparse: must be False.
        per_sample_weights: a factor for each index, of the input's shape; for `sum` only.
        include_last_offset: whether the last offset is where the last bag ends.
        padding_idx: a row that no bag counts.

    Returns:
        `[B, features]`.

    Raises:
        TensorIndexError: an index outside [0, rows) (eager; compiled code gives NaN).
        TraceError: `max` of bags given by offsets while compiling: their sizes aren't known.

    Example:
        >>> import gradc
        >>> table = gradc.tensor([[1.0], [10.0], [100.0]])
        >>> bags, starts = gradc.tensor([0, 1, 2, 2]), gradc.tensor([0, 3])
        >>> embedding_bag(bags, table, starts, mode="sum").tolist()
        [[111.0], [100.0]]
    """
    name = "embedding_bag"
    if sparse:
        raise UnsupportedError(f"{name}: sparse=True is not supported")
    if mode not in MODES:
        raise ArgumentError(f"{name}: mode must be 'sum', 'mean' or 'max', got {mode!r}")
    if mode == "max" and scale_grad_by_freq:
        raise ArgumentError(f"{name}: scale_grad_by_freq is not for mode='max'")
    index = checked_index(name, input, weight)
    padding = checked_padding(name, padding_idx, weight)
    starts = _starts(name, index, offsets, include_last_offset)
    _check_factors(name, index, weight, mode, per_sample_weights)
    flat = index.reshape(-1)
    if max_norm is not None:
        renorm(weight, flat, max_norm, norm_type)
    rows: Tensor = apply(lookup("index_select"), weight, flat, axis=0)
    if scale_grad_by_freq:
        rows = by_frequency(rows, flat, int(weight.shape[0]))
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    counted = None if padding is None else (flat != padding).unsqueeze(-1)
    if mode == "max":
        return _largest(rows, counted, index, starts)
    if counted is not None:
        rows = where(counted, rows, 0.0)
    if starts is None:
        total = rows.reshape(*index.shape, rows.shape[1]).sum(1)
    else:
        total = _gathered(rows, _bags(flat, starts), int(starts.shape[0]))
    if mode == "sum":
        return total
    each = rows.new_ones(rows.shape[0], 1)
    each = each if counted is None else where(counted, each, 0.0)
    if starts is None:
        sizes = each.reshape(*index.shape, 1).sum(1)
    else:
        sizes = _gathered(each, _bags(flat, starts), int(starts.shape[0]))
    return total / sizes.clamp(min=1.0)


def _starts(
    name: str, index: Tensor, offsets: Tensor | None, include_last_offset: bool
) -> Tensor | None:
    """Return where the bags begin, None for the rows of a matrix."""
    if index.ndim == 2:
        if offsets is not None:
            raise ArgumentError(f"{name}: offsets must be None for input {list(index.shape)}")
        return None
    if index.ndim != 1:
        raise ShapeError(f"{name}: expected input [B, N] or [n], got {list(index.shape)}")
    if offsets is None:
        raise ArgumentError(f"{name}: input {list(index.shape)} needs offsets")
    check_tensor(name, "offsets", offsets)
    check_beside(name, input=index, offsets=offsets)
    if offsets.ndim != 1 or (include_last_offset and offsets.shape[0] == 0):
        raise ShapeError(f"{name}: expected offsets [B], got {list(offsets.shape)}")
    if offsets.dtype not in (int32, int64):
        raise DTypeError(f"{name}: offsets must be int64, got {offsets.dtype}")
    if active_trace() is None and offsets.numel():
        values, n = offsets.cpu().numpy(), int(index.shape[0])
        if values[0] != 0 or values[-1] > n or (np.diff(values) < 0).any():
            raise ArgumentError(
                f"{name}: offsets must begin with 0, not fall and not exceed {n}, got "
                f"{values.tolist()}"
            )
    starts = offsets.to(int64)
    return starts[:-1] if include_last_offset else starts


def _check_factors(
    name: str, index: Tensor, weight: Tensor, mode: str, factors: Tensor | None
) -> None:
    if factors is None:
        return
    check_floating(name, "per_sample_weights", factors)
    check_beside(name, input=index, per_sample_weights=factors)
    if mode != "sum":
        raise ArgumentError(f"{name}: per_sample_weights are for mode='sum' only, got {mode!r}")
    if tuple(factors.shape) != tuple(index.shape):
        raise ShapeError(
            f"{name}: per_sample_weights must have the input's shape {list(index.shape)}, got "
            f"{list(factors.shape)}"
        )
    if factors.dtype is not weight.dtype:
        raise DTypeError(
            f"{name}: weight is {weight.dtype}, per_sample_weights are {factors.dtype}"
        )


def _bags(flat: Tensor, starts: Tensor) -> Tensor:
    """Return the bag of each index: how many bags begin at it or before, less 1."""
    n = int(flat.shape[0])
    begun = flat.new_zeros(n + 1).index_add(0, starts, starts.new_ones(starts.shape[0]))
    return begun.cumsum(0)[:n] - 1


def _gathered(rows: Tensor, bags: Tensor, count: int) -> Tensor:
    """Return the sum of the rows of each bag."""
    return rows.new_zeros(count, rows.shape[1]).index_add(0, bags, rows)


def _largest(rows: Tensor, counted: Tensor | None, index: Tensor, starts: Tensor | None) -> Tensor:
    """Return the largest entries of each bag's rows, zeros for a bag without any."""
    if starts is None:
        count, width = (int(n) for n in index.shape)
        wide, there = rows.reshape(count, width, rows.shape[1]), None
        if counted is not None:
            there = counted.reshape(count, width, 1)
    else:
        if active_trace() is not None:
            raise TraceError(
                "embedding_bag: mode='max' needs the values of offsets, which aren't known while "
                "a function is being compiled",
                hint="bags of one size, input [B, N], filled up with padding_idx",
            )
        place, inside = _places(starts.cpu().numpy(), int(rows.shape[0]))
        count, width = place.shape
        picked = placed(place.reshape(-1), rows.device)
        there = placed(inside[:, :, None], rows.device)
        if counted is not None:
            there = there & counted.index_select(0, picked).reshape(count, width, 1)
        wide = rows.index_select(0, picked).reshape(count, width, rows.shape[1])
    if width == 0:
        return rows.new_zeros(count, rows.shape[1])
    if there is None:
        return wide.max(1).values
    largest = where(there, wide, -math.inf).max(1).values
    return where(there.any(1), largest, 0.0)


def _places(starts: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of each bag, filled up to the longest, and which of them are its own."""
    ends = np.append(starts[1:], n)
    steps = np.arange(int((ends - starts).max(initial=0)))
    place = starts[:, None] + steps
    inside = place < ends[:, None]
    return np.where(inside, place, 0), inside
