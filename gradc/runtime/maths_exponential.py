"""e^x and its family as formulas on `Real`: exp, expm1, sigmoid, tanh, softplus, sinh, cosh."""

from __future__ import annotations

from gradc.runtime.coefficients import EXP_32, EXP_64
from gradc.runtime.maths_logarithm import LN2_HIGH, LN2_LOW, log1p_of_unit
from gradc.runtime.real import Maker, Real, Whole

_LOG2_E = 1.4426950408889634
# Adding 1.5 * 2^mantissa rounds to a whole number and leaves it in the low bits.
_ROUND = (12582912.0, 6755399441055744.0)


def exp(m: Maker, x: Real) -> Real:
    """Return e^x."""
    return exponential(m, x)


def exponential(m: Maker, x: Real, low: Real | None = None, *, halved: bool = False) -> Real:
    """Return e^(x + low), or half of it, which doesn't overflow as soon."""
    x = x.at_least(-104.0 if m.single else -746.0).at_most(90.0 if m.single else 711.0)
    k, r = _reduced(m, x)
    if low is not None:
        r = r + low
    if halved:
        k = k - 1
    # Two factors, since 2^k itself may be too large or too small for a normal number.
    first = k >> 1
    scale = power_of_two(m, first)
    return m.fma(_less_one(m, r), scale, scale) * power_of_two(m, k - first)


def falling_exponential(m: Maker, x: Real) -> Real:
    """Return e^x for x that isn't positive."""
    k, r = _reduced(m, x.at_least(-104.0 if m.single else -746.0))
    # 2^64 too large, so that a result too small for a normal number is rounded once, at the end
    scale = power_of_two(m, k + 64)
    return m.fma(_less_one(m, r), scale, scale) * 2.0**-64


def expm1(m: Maker, x: Real) -> Real:
    """Return e^x - 1, exact near 0."""
    limited = x.at_least(-18.0 if m.single else -40.0).at_most(90.0 if m.single else 711.0)
    k, r = _reduced(m, limited)
    first = k >> 1
    second = k - first
    scale = power_of_two(m, first)
    # 2^a (p + 1) - 2^-b, times 2^b.
    less = scale - power_of_two(m, m.whole(0) - second)
    return (m.fma(_less_one(m, r), scale, less) * power_of_two(m, second)).with_sign_of(x)


def sigmoid(m: Maker, x: Real) -> Real:
    """Return 1 / (1 + e^-x)."""
    e = falling_exponential(m, -abs(x))
    return m.select(x >= 0.0, 1.0, e) / (1.0 + e)


def softplus(m: Maker, x: Real) -> Real:
    """Return log(1 + e^x)."""
    return m.select(x < 0.0, 0.0, x) + log1p_of_unit(m, falling_exponential(m, -abs(x)))


def tanh(m: Maker, x: Real) -> Real:
    """Return (e^2x - 1) / (e^2x + 1)."""
    size = abs(x).at_most(10.0 if m.single else 20.0)
    k, r = _reduced(m, size + size)
    scale = power_of_two(m, k)
    t = m.fma(_less_one(m, r), scale, scale - 1.0)
    return (t / (t + 2.0)).with_sign_of(x)


def sinh(m: Maker, x: Real) -> Real:
    """Return (e^x - e^-x) / 2."""
    size = abs(x)
    t = expm1(m, size.at_most(1.0))
    near = 0.5 * (t + t / (t + 1.0))
    half = exponential(m, size, halved=True)
    return m.select(size < 1.0, near, half - 0.25 / half).with_sign_of(x)


def cosh(m: Maker, x: Real) -> Real:
    """Return (e^x + e^-x) / 2."""
    half = exponential(m, abs(x), halved=True)
    return half + 0.25 / half


def power_of_two(m: Maker, k: Whole) -> Real:
    """Return 2^k where that is a normal number."""
    return ((k + m.precision.bias) << m.precision.mantissa).bits_as_real()


def _reduced(m: Maker, x: Real) -> tuple[Whole, Real]:
    """Return k and r with x = k log(2) + r and |r| <= log(2) / 2."""
    round_ = m.pick(*_ROUND)
    shifted = m.fma(x, _LOG2_E, round_)
    n = -(shifted - round_)
    k = shifted.bits() - round_.bits()
    return k, m.fma(n, m.pick(*LN2_LOW), m.fma(n, m.pick(*LN2_HIGH), x))


def _less_one(m: Maker, r: Real) -> Real:
    """Return e^r - 1 for |r| <= log(2) / 2."""
    p = m.polynomial(r, EXP_32 if m.single else EXP_64)
    return m.fma(r * r, p, r)
