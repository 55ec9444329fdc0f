"""asin, acos, atan and atan2 as float64 formulas on `Real`."""

from __future__ import annotations

import math

from gradc.runtime.coefficients import ASIN_64, ATAN_64
from gradc.runtime.real import Maker, Real, Truth

_PI = (3.141592653589793, 1.2246467991473532e-16)
_HALF_PI = (1.5707963267948966, 6.123233995736766e-17)
_QUARTER_PI = (0.7853981633974483, 3.061616997868383e-17)
_TAN_EIGHTH = 0.41421356237309503


def asin(m: Maker, x: Real) -> Real:
    """Return the angle in [-pi / 2, pi / 2] whose sine is x; NaN outside [-1, 1]."""
    far, s, tail = _arcsine(m, abs(x))
    beyond = _HALF_PI[0] - (2.0 * s + (2.0 * tail - _HALF_PI[1]))
    return m.select(far, beyond, s + tail).with_sign_of(x)


def acos(m: Maker, x: Real) -> Real:
    """Return the angle in [0, pi] whose cosine is x; NaN outside [-1, 1]."""
    far, s, tail = _arcsine(m, abs(x))
    twice = 2.0 * (s + tail)
    beyond = m.select(x < 0.0, _PI[0] - (twice - _PI[1]), twice)
    signed, rest = s.with_sign_of(x), tail.with_sign_of(x)
    return m.select(far, beyond, _HALF_PI[0] - (signed + (rest - _HALF_PI[1])))


def atan(m: Maker, x: Real) -> Real:
    """Return the angle in [-pi / 2, pi / 2] whose tangent is x."""
    size = abs(x)
    beyond, middle = size > 1.0 / _TAN_EIGHTH, size > _TAN_EIGHTH
    top = m.select(beyond, -1.0, m.select(middle, size - 1.0, size))
    bottom = m.select(beyond, size, m.select(middle, size + 1.0, 1.0))
    base = [
        m.select(beyond, half, m.select(middle, quarter, 0.0))
        for half, quarter in zip(_HALF_PI, _QUARTER_PI, strict=True)
    ]
    return (base[0] + _arctangent(m, top / bottom, base[1])).with_sign_of(x)


def atan2(m: Maker, y: Real, x: Real) -> Real:
    """Return the angle of the point (x, y), in [-pi, pi]."""
    width, height = abs(x), abs(y)
    steep = height > width
    large, small = m.select(steep, height, width), m.select(steep, width, height)
    # NOTE: halved twice so that the sum of two large sides doesn't overflow.
    scale = m.select(large > 1e300, 0.25, 1.0)
    large, small = large * scale, small * scale
    middle = (small > _TAN_EIGHTH * large) | small.is_infinite()
    top = m.select(middle, small - large, small)
    bottom = m.select(middle, small + large, large)
    same = small.equals(large) & (large.equals(0.0) | large.is_infinite())
    r = m.select(same, 0.0, top / bottom)
    angle = m.select(middle, _QUARTER_PI[0], 0.0)
    low = _arctangent(m, r, m.select(middle, _QUARTER_PI[1], 0.0))
    angle, low = _reflected(m, steep, _HALF_PI, angle, low)
    left = m.real(1.0).with_sign_of(x) < 0.0
    angle, low = _reflected(m, left, _PI, angle, low)
    result = (angle + low).with_sign_of(y)
    return m.select(x.is_nan() | y.is_nan(), math.nan, result)


def _reflected(
    m: Maker, here: Truth, line: tuple[float, float], angle: Real, low: Real
) -> tuple[Real, Real]:
    """Return line - (angle + low) where asked; the second part stays the smaller one."""
    return m.select(here, line[0] - angle, angle), m.select(here, line[1] - low, low)


def _arcsine(m: Maker, size: Real) -> tuple[Truth, Real, Real]:
    """Return asin s = s + tail, with s = sqrt((1 - size) / 2) where size is beyond 1/2."""
    far = size > 0.5
    z = m.select(far, 0.5 * (1.0 - size), size * size)
    s = m.select(far, z.sqrt(), size)
    return far, s, s * z * m.polynomial(z, ASIN_64)


def _arctangent(m: Maker, r: Real, low: Real) -> Real:
    """Return atan r + low for |r| <= tan(pi / 8)."""
    z = r * r
    return r + m.fma(r * z, m.polynomial(z, ATAN_64), low)
