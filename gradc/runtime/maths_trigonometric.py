"""sin, cos and tan as formulas on `Real`, for arguments of any size."""

from __future__ import annotations

from gradc.runtime.coefficients import COS_32, COS_64, SIN_32, SIN_64
from gradc.runtime.maths_angle import quadrant
from gradc.runtime.real import Maker, Real, Truth, Whole


def sin(m: Maker, x: Real) -> Real:
    """Return the sine of an angle in radians."""
    n, r = quadrant(m, x)
    y = _signed(m, _is_odd(n), n & 2, _cos(m, r), _sin(m, r))
    return m.select(abs(x) < _tiny(m), x, y)


def cos(m: Maker, x: Real) -> Real:
    """Return the cosine of an angle in radians."""
    n, r = quadrant(m, x)
    return _signed(m, _is_odd(n), (n + 1) & 2, _sin(m, r), _cos(m, r))


def tan(m: Maker, x: Real) -> Real:
    """Return sin x / cos x of a float64 angle."""
    n, r = quadrant(m, x)
    sine, cosine, odd = _sin(m, r), _cos(m, r), _is_odd(n)
    y = m.select(odd, -cosine, sine) / m.select(odd, sine, cosine)
    return m.select(abs(x) < _tiny(m), x, y)


def _tiny(m: Maker) -> Real:
    """Return below what the sine of x rounds to x; it keeps the sign of 0."""
    return m.pick(2.0**-12, 2.0**-27)


def _is_odd(n: Whole) -> Truth:
    """Return whether sine and cosine change places."""
    return ~(n & 1).is_zero()


def _signed(m: Maker, odd: Truth, flip: Whole, swapped: Real, straight: Real) -> Real:
    """Return one of two values, negated where `flip` is not 0."""
    y = m.select(odd, swapped, straight)
    return m.select(flip.is_zero(), y, -y)


def _sin(m: Maker, r: Real) -> Real:
    """Return sin r for |r| <= pi / 4."""
    z = r * r
    return m.fma(z * r, m.polynomial(z, SIN_32 if m.single else SIN_64), r)


def _cos(m: Maker, r: Real) -> Real:
    """Return cos r for |r| <= pi / 4."""
    z = r * r
    half = 0.5 * z
    w = 1.0 - half
    # (1 - w) - half is what the subtraction rounded away.
    tail = m.fma(z * z, m.polynomial(z, COS_32 if m.single else COS_64), (1.0 - w) - half)
    return w + tail
