"""x ** y as a formula on `Real`, with the special cases of IEEE 754."""

from __future__ import annotations

import math

from gradc.runtime.maths_exponential import exponential
from gradc.runtime.maths_logarithm import log, two_part_log
from gradc.runtime.real import Maker, Real, Truth


def pow(m: Maker, x: Real, y: Real) -> Real:
    """Return x ** y; NaN for a negative base and an exponent that isn't whole."""
    size = abs(x)
    positive = _in_double(m, size, y) if m.single else _by_two_parts(m, size, y)
    whole = m.call("floor", y).equals(y)
    half = y * 0.5
    odd = whole & ~m.call("floor", half).equals(half)
    signed = m.select(odd, positive.with_sign_of(x), positive)
    bad = (x < 0.0) & (size < math.inf) & ~whole & y.equals(y)
    result = m.select(bad, math.nan, signed)
    return m.select(x.equals(1.0) | y.equals(0.0) | _one_to_infinity(size, y), 1.0, result)


def _one_to_infinity(size: Real, y: Real) -> Truth:
    """Return whether this is 1 or -1 to the power inf or -inf."""
    return size.equals(1.0) & y.is_infinite()


def _in_double(m: Maker, size: Real, y: Real) -> Real:
    """Return size ** y of float32 numbers by way of float64."""
    double, x = m.in_double(size)
    _, exponent = m.in_double(y)
    return m.narrowed(exponential(double, exponent * log(double, x)))


def _by_two_parts(m: Maker, size: Real, y: Real) -> Real:
    """Return size ** y in float64 from a logarithm in two parts."""
    log_high, log_low = two_part_log(m, size)
    high = y * log_high
    low = m.exact_fma(y, log_high, -high) + y * log_low
    # Far outside the range of exp the lower part is noise, or inf - inf.
    low = m.select(abs(high) < 800.0, low, 0.0)
    inside = exponential(m, high, low)
    at_zero = m.select(y < 0.0, math.inf, 0.0)
    at_infinity = m.select(y < 0.0, 0.0, math.inf)
    result = m.select(size.equals(0.0), at_zero, m.select(size.is_infinite(), at_infinity, inside))
    return m.select(size.is_nan() | y.is_nan(), math.nan, result)
