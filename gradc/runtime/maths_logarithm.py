"""log x and its family as formulas on `Real`: log, log1p, asinh, acosh, atanh, pow."""

from __future__ import annotations

import math

from gradc.runtime.coefficients import LOG1P_32, LOG_32, LOG_64, LOG_POW
from gradc.runtime.real import Maker, Real

# log(2) in two parts; the first has zeros at its end, so that k times it is exact.
LN2_HIGH = (0.693359375, 0.6931471805598903)
LN2_LOW = (-2.121944400546906e-04, 5.497923018708371e-14)
_LN2 = 0.6931471805599453
_ROOT_HALF = 0.7071067811865476
_TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)


def log(m: Maker, x: Real) -> Real:
    """Return the natural logarithm."""
    mantissa, exponent = _split(m, x)
    return _at_the_edges(m, x, x, _sum(m, mantissa - 1.0, exponent, m.real(0.0)))


def log1p(m: Maker, x: Real) -> Real:
    """Return log(1 + x), exact near 0."""
    u = 1.0 + x
    mantissa, exponent = _split(m, u)
    lost = m.select(x >= 1.0, 1.0 - (u - x), x - (u - 1.0)) / u
    y = _sum(m, mantissa - 1.0, exponent, lost)
    return _at_the_edges(m, x, u, y).with_sign_of(x)


def log1p_of_unit(m: Maker, e: Real) -> Real:
    """Return log(1 + e) for 0 <= e <= 1."""
    return m.fma(e * e, m.polynomial(e, LOG1P_32), e) if m.single else log1p(m, e)


def asinh(m: Maker, x: Real) -> Real:
    """Return log(x + sqrt(x^2 + 1))."""
    size = abs(x)
    large = size > 1e8
    a = m.select(large, 1.0, size)
    square = a * a
    near = log1p(m, a + square / (1.0 + (square + 1.0).sqrt()))
    return m.select(large, log(m, size) + _LN2, near).with_sign_of(x)


def acosh(m: Maker, x: Real) -> Real:
    """Return log(x + sqrt(x^2 - 1)); NaN below 1."""
    large = x > 1e8
    t = m.select(large, 1.0, x) - 1.0
    near = log1p(m, t + (t + t + t * t).sqrt())
    return m.select(x < 1.0, math.nan, m.select(large, log(m, x) + _LN2, near))


def atanh(m: Maker, x: Real) -> Real:
    """Return log((1 + x) / (1 - x)) / 2; NaN outside [-1, 1]."""
    size = abs(x)
    return (0.5 * log1p(m, (size + size) / (1.0 - size))).with_sign_of(x)


def _split(m: Maker, x: Real) -> tuple[Real, Real]:
    """Return a mantissa in [sqrt(1/2), sqrt(2)) and the exponent of a positive number."""
    shift = m.precision.mantissa + 1
    small = x < 2.0 ** (1 - m.precision.bias)
    bits = m.select(small, x * 2.0**shift, x).bits()
    exponent = (bits - m.real(_ROOT_HALF).bits()) >> m.precision.mantissa
    mantissa = (bits - (exponent << m.precision.mantissa)).bits_as_real()
    return mantissa, exponent.as_real() - m.select(small, shift, 0.0)


def _sum(m: Maker, f: Real, k: Real, lost: Real) -> Real:
    """Return log(1 + f) + k log(2) + lost."""
    square = f * f
    if m.single:
        tail = square * f * m.polynomial(f, LOG_32) + lost
        tail = m.fma(k, m.pick(*LN2_LOW), tail)
        return m.fma(k, m.pick(*LN2_HIGH), f + m.fma(-0.5, square, tail))
    s = f / (2.0 + f)
    z = s * s
    half = 0.5 * square
    tail = m.fma(s, half + z * m.polynomial(z, LOG_64), m.fma(k, m.pick(*LN2_LOW), lost))
    return k * m.pick(*LN2_HIGH) - ((half - tail) - f)


def _at_the_edges(m: Maker, x: Real, u: Real, y: Real) -> Real:
    """Return y, or the value of log(u) where u is 0, negative, inf or NaN."""
    y = m.select(x < math.inf, y, x)
    y = m.select(u < 0.0, math.nan, y)
    return m.select(u.equals(0.0), -math.inf, y)


def two_part_log(m: Maker, x: Real) -> tuple[Real, Real]:
    """Return the float64 log of a positive number as a sum of two, exact to about 2^-66."""
    mantissa, k = _split(m, x)
    f = mantissa - 1.0
    u = mantissa + 1.0
    u_low = mantissa - (u - 1.0)
    s = f / u
    s_low = (m.exact_fma(-s, u, f) - s * u_low) / u
    z = s * s
    z_low = m.exact_fma(s, s, -z) + (s + s) * s_low
    cube = s * z
    cube_low = m.exact_fma(s, z, -cube) + (s * z_low + s_low * z)
    third, third_low = m.real(_TWO_THIRDS[0]), m.real(_TWO_THIRDS[1])
    c = cube * third
    c_low = m.exact_fma(cube, third, -c) + (cube * third_low + cube_low * third)
    tail = cube * z * m.polynomial(z, LOG_POW)
    whole = k * m.real(LN2_HIGH[1])
    high, low = _two_sum(whole, s + s)
    high, lower = _two_sum(high, c)
    low = low + lower + (c_low + (s_low + s_low) + (tail + k * m.real(LN2_LOW[1])))
    return _two_sum(high, low)


def _two_sum(x: Real, y: Real) -> tuple[Real, Real]:
    """Return x + y and its rounding error."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)
