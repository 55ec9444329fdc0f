"""sin, cos and tan as formulas on `Real`, for arguments of any size."""

from __future__ import annotations

from gradc.runtime.coefficients import COS_32, COS_64, SIN_32, SIN_64
from gradc.runtime.maths_angle import quadrant
from gradc.runtime.real import Maker, Real, Truth, Whole


def sin(m: Maker, x: Real) -> Real:
    """Return the sine of an angle in radians."""
    n, r, low = quadrant(m, x)
    y = _signed(m, _is_odd(n), n & 2, _cos(m, r, low), _sin(m, r, low))
    return m.select(abs(x) < _tiny(m), x, y)


def cos(m: Maker, x: Real) -> Real:
    """Return the cosine of an angle in radians."""
    n, r, low = quadrant(m, x)
    return _signed(m, _is_odd(n), (n + 1) & 2, _sin(m, r, low), _cos(m, r, low))


def tan(m: Maker, x: Real) -> Real:
    """Return sin x / cos x of a float64 angle."""
    n, r, low = quadrant(m, x)
    sine, cosine, odd = _sin(m, r, low), _cos(m, r, low), _is_odd(n)
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


def _sin(m: Maker, r: Real, low: Real) -> Real:
    """Return sin(r + low) for |r| <= pi / 4."""
    z = r * r
    p = m.polynomial(z, SIN_32 if m.single else SIN_64)
    if m.single:
        return m.fma(z * r, p, r)
    return r + m.fma(z * r, p, m.fma(-0.5 * z, low, low))


def _cos(m: Maker, r: Real, low: Real) -> Real:
    """Return cos(r + low) for |r| <= pi / 4."""
    z = r * r
    half = 0.5 * z
    w = 1.0 - half
    # (1 - w) - half is what the subtraction rounded away.
    lost = (1.0 - w) - half
    if not m.single:
        lost = m.fma(-r, low, lost)
    return w + m.fma(z * z, m.polynomial(z, COS_32 if m.single else COS_64), lost)
