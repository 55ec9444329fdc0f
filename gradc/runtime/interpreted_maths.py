"""The maths of generated text as NumPy functions of one number; the type of the argument stays."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradc.ir.dtype import bfloat16, float16
from gradc.primitives.sixteen_bits import rounded
from gradc.runtime.philox_constants import KEY_STEPS, MULTIPLIERS, ROUNDS

Number = Any
Function = Callable[[Number], Number]
_LOW = 0xFFFFFFFF

exp, expm1, log, log1p = np.exp, np.expm1, np.log, np.log1p
sin, cos, tan = np.sin, np.cos, np.tan
asin, acos, atan, atan2 = np.arcsin, np.arccos, np.arctan, np.arctan2
sinh, cosh, tanh = np.sinh, np.cosh, np.tanh
asinh, acosh, atanh = np.arcsinh, np.arccosh, np.arctanh
sqrt = np.sqrt
isnan, isinf, isfinite = np.isnan, np.isinf, np.isfinite
maximum, minimum = np.maximum, np.minimum
remainder, floor_divide = np.remainder, np.floor_divide


def _like(x: Number, value: float) -> Number:
    """Return a number of the type of x."""
    return np.asarray(x).dtype.type(value)


def _rounding(function: Function) -> Function:
    """Return a rounding function that leaves integers as they are."""

    def rounded(x: Number) -> Number:
        return function(x) if np.asarray(x).dtype.kind == "f" else x

    return rounded


floor, ceil, trunc = _rounding(np.floor), _rounding(np.ceil), _rounding(np.trunc)
round_even = _rounding(np.rint)


def round_bfloat16(x: Number) -> Number:
    """Return the nearest number that bfloat16 holds, in the type of x."""
    return rounded(np.asarray(x), bfloat16)[()]


def round_tf32(x: Number) -> Number:
    """Return the nearest number that TF32 holds, of two the one farther from 0."""
    bits = (np.asarray(x).view(np.uint32) + np.uint32(1 << 12)) & ~np.uint32((1 << 13) - 1)
    return np.where(np.isnan(x), x, bits.view(np.float32))[()]


def round_float16(x: Number) -> Number:
    """Return the nearest number that float16 holds, in the type of x."""
    return rounded(np.asarray(x), float16)[()]


def sigmoid(x: Number) -> Number:
    """Return 1 / (1 + e^-x), in a form that cannot overflow."""
    one = _like(x, 1)
    e = np.exp(-np.abs(x))
    return (one if x >= 0 else e) / (one + e)


def softplus(x: Number) -> Number:
    """Return log(1 + e^x), in a form that cannot overflow."""
    return np.maximum(x, _like(x, 0)) + np.log1p(np.exp(-np.abs(x)))


def erf(x: Number) -> Number:
    """Return the error function."""
    return _like(x, math.erf(x))


def erfc(x: Number) -> Number:
    """Return 1 - erf x, exact where that is small."""
    return _like(x, math.erfc(x))


def rsqrt(x: Number) -> Number:
    """Return 1 / sqrt(x)."""
    return _like(x, 1) / np.sqrt(x)


def sign(x: Number) -> Number:
    """Return -1, 0 or 1; 0 for NaN, as in PyTorch."""
    return _like(x, int(x > 0) - int(x < 0))


def pow(x: Number, y: Number) -> Number:
    """Return x ** y; for integers 1 / x ** -y rounded to 0 where y is negative."""
    if np.asarray(x).dtype.kind in "iu" and y < 0:
        return np.power(x, -y) if abs(x) == 1 else _like(x, 0)
    return np.power(x, y)


def philox(seed: int, offset: int, index: int) -> int:
    """Return the 32 random bits of one element: word index % 4 of block index // 4."""
    seed, offset, index = int(seed), int(offset), int(index)
    key = [seed & _LOW, seed >> 32 & _LOW]
    counter = [index // 4 & _LOW, 0, offset & _LOW, offset >> 32 & _LOW]
    for _ in range(ROUNDS):
        first, second = counter[0] * MULTIPLIERS[0], counter[2] * MULTIPLIERS[1]
        counter = [
            second >> 32 ^ counter[1] ^ key[0],
            second & _LOW,
            first >> 32 ^ counter[3] ^ key[1],
            first & _LOW,
        ]
        key = [(part + step) & _LOW for part, step in zip(key, KEY_STEPS, strict=True)]
    return counter[index % 4]
