"""erf and erfc as formulas on `Real`."""

from __future__ import annotations

from gradc.runtime.coefficients import ERF_32, ERF_64, ERFCX_32, ERFCX_64, SCALED_ERFC_32
from gradc.runtime.maths_exponential import exponential
from gradc.runtime.real import Maker, Real


def erf(m: Maker, x: Real) -> Real:
    """Return 2 / sqrt(pi) times the integral of e^-t^2 from 0 to x."""
    size = abs(x)
    if m.single:
        # e^(-x^2) is computed once where the derivative needs it too
        far = 1.0 - exponential(m, -x * x) * m.polynomial(size.at_most(4.2), SCALED_ERFC_32)
    else:
        far = 1.0 - _tail(m, size.at_least(1.0))
    return m.select(size < 1.0, _near(m, x), far.with_sign_of(x))


def erfc(m: Maker, x: Real) -> Real:
    """Return 1 - erf x, exact where that is small."""
    size = abs(x)
    tail = _tail(m, size)
    far = m.select(x < 0.0, 2.0 - tail, tail)
    return m.select(size < 0.5, 1.0 - _near(m, x), far)


def _near(m: Maker, x: Real) -> Real:
    """Return erf x for |x| <= 1."""
    z = (x * x).at_most(1.0)
    return m.fma(x, m.polynomial(z, ERF_32 if m.single else ERF_64), x)


def _tail(m: Maker, size: Real) -> Real:
    """Return erfc of a number that isn't negative, e^(-x^2) times a slow function."""
    a = size.at_most(10.6 if m.single else 27.4)
    square = a * a
    lost = m.exact_fma(a, a, -square)
    t = (a - 4.0) / (a + 4.0)
    twice = a + a
    below = 1.0 + twice
    if m.single:
        return exponential(m, -square, -lost) * (m.polynomial(t, ERFCX_32) / below)
    # what the quotient lost by rounding, relative to it, goes into the exponent
    rest = t * m.polynomial(t, ERFCX_64[:-1])
    above = rest + ERFCX_64[-1]
    slow = above / below
    exact_above = (ERFCX_64[-1] - above) + rest
    exact_below = m.select(twice < 1.0, (1.0 - below) + twice, (twice - below) + 1.0)
    missing = m.exact_fma(-slow, below, above) + (exact_above - slow * exact_below)
    return exponential(m, -square, missing / above - lost) * slow
