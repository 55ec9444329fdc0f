"""Operands to test elementwise primitives with: smooth points, kinks, NaN, inf, 0-d, empty."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from gradc.ir.primitive import Sample

Array = np.ndarray[Any, Any]
Samples = Callable[[], Iterable[Sample]]

INF, NAN = np.inf, np.nan
SPECIAL = (0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 1e30, -1e30, 1e-30, INF, -INF, NAN)
PAIRS = (0.0, -0.0, 1.0, -2.0, 3.0, 2.5, -2.5, INF, -INF, NAN)


def spaced(low: float, high: float, shape: tuple[int, ...], turn: int = 1) -> Array:
    """Return distinct irregular numbers between `low` and `high`; `turn` varies them."""
    count = int(np.prod(shape))
    # Multiples of the golden ratio modulo 1 spread evenly and never repeat.
    fraction = (np.arange(1, count + 1) * turn * 0.6180339887498949) % 1.0
    return (low + (high - low) * fraction).reshape(shape)


def unary(
    low: float = -3.0, high: float = 3.0, kinks: tuple[float, ...] = (), integers: bool = False
) -> Samples:
    """Return samples for one operand that is smooth between `low` and `high`."""

    def samples() -> Iterable[Sample]:
        yield Sample((spaced(low, high, (3, 5)),))
        yield Sample((spaced(low, high, ()),))
        yield Sample((np.zeros((0, 3)),))
        yield Sample((np.array((*SPECIAL, *kinks)),), smooth=False)
        if integers:
            yield Sample((np.array([[0, 1, -1], [7, -8, 2**31 + 5]]),))

    return samples


def binary(
    low: tuple[float, float] = (-3.0, -3.0),
    high: tuple[float, float] = (3.0, 3.0),
    integers: bool = True,
    smooth: bool = True,
) -> Samples:
    """Return samples for two operands; all pairs of special values among them."""

    def samples() -> Iterable[Sample]:
        for shape in ((3, 5), ()):
            x, y = (spaced(low[i], high[i], shape, 1 + 2 * i) for i in (0, 1))
            yield Sample((x, y), smooth=smooth)
        yield Sample((np.zeros((2, 0)), np.zeros((2, 0))))
        x, y = np.meshgrid(PAIRS, PAIRS)
        yield Sample((x, y), smooth=False)
        if integers:
            yield Sample((np.array([7, -7, 7, -7, 0]), np.array([3, 3, -3, -3, 5])))

    return samples


def bools(count: int) -> Samples:
    """Return samples of `count` bool operands: the whole truth table, 0-d and empty."""

    def samples() -> Iterable[Sample]:
        rows = np.indices((2,) * count).reshape(count, -1).astype(bool)
        yield Sample(tuple(rows))
        yield Sample(tuple(np.array(True) for _ in range(count)))
        yield Sample(tuple(np.zeros((0,), bool) for _ in range(count)))

    return samples


def integers() -> Iterable[Sample]:
    """Yield pairs of integers: all signs, zeros and both ends of int64 among them."""
    ends = np.iinfo(np.int64)
    x, y = np.meshgrid((0, 1, -1, 6, -7, 2**40 + 3, ends.min, ends.max), (0, 3, -1, -(2**35), 255))
    yield Sample((x, y))
    yield Sample((np.array(12), np.array(10)))
    yield Sample((np.zeros((0, 2), np.int64), np.zeros((0, 2), np.int64)))


def selection() -> Iterable[Sample]:
    """Yield (condition, a, b); what is not chosen may be NaN or inf."""
    shape = (3, 4)
    condition = spaced(-1.0, 1.0, shape) > 0.0
    yield Sample((condition, spaced(-3.0, 3.0, shape, 3), spaced(-3.0, 3.0, shape, 5)))
    yield Sample((np.array(False), np.array(1.5), np.array(-2.5)))
    yield Sample((np.zeros((0,), bool), np.zeros((0,)), np.zeros((0,))))
    yield Sample((np.array([True, False]), np.array([1.0, NAN]), np.array([INF, 2.0])))
    yield Sample((np.array([True, False]), np.array([1, 2]), np.array([3, 4])))
    yield Sample((np.array([True, False]), np.array([True, True]), np.array([False, False])))
