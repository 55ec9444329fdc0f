"""erf and erfc of NumPy arrays, by W. J. Cody's rational approximations.

Source: W. J. Cody, "Rational Chebyshev approximations for the error function",
Mathematics of Computation 23 (1969), pages 631-637.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

INVERSE_SQRT_PI = 0.56418958354775628695
SMALL = 0.46875  # below: erf(x) = x R(x^2)
LARGE = 4.0  # above: an expansion in 1 / x^2

# Highest power first; the denominators' leading 1 is written out.
_ERF_P = (
    1.85777706184603153e-1,
    3.16112374387056560e0,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
_ERF_Q = (
    1.0,
    2.36012909523441209e1,
    2.44024637934444173e2,
    1.28261652607737228e3,
    2.84423683343917062e3,
)
_MIDDLE_P = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594e0,
    6.61191906371416295e1,
    2.98635138197400131e2,
    8.81952221241769090e2,
    1.71204761263407058e3,
    2.05107837782607147e3,
    1.23033935479799725e3,
)
_MIDDLE_Q = (
    1.0,
    1.57449261107098347e1,
    1.17693950891312499e2,
    5.37181101862009858e2,
    1.62138957456669019e3,
    3.29079923573345963e3,
    4.36261909014324716e3,
    3.43936767414372164e3,
    1.23033935480374942e3,
)
_TAIL_P = (
    1.63153871373020978e-2,
    3.05326634961232344e-1,
    3.60344899949804439e-1,
    1.25781726111229246e-1,
    1.60837851487422766e-2,
    6.58749161529837803e-4,
)
_TAIL_Q = (
    1.0,
    2.56852019228982242e0,
    1.87295284992346725e0,
    5.27905102951428412e-1,
    6.05183413124413191e-2,
    2.33520497626869185e-3,
)


def erf(x: Array) -> Array:
    """Return 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x, in x's dtype."""
    wide = np.asarray(x, np.float64)
    size = np.abs(wide)
    far = np.copysign(1.0 - _erfc_positive(np.maximum(size, SMALL)), wide)
    near = wide * _ratio(_ERF_P, _ERF_Q, np.minimum(size, SMALL) ** 2)
    return np.where(size <= SMALL, near, far).astype(x.dtype)


def erfc(x: Array) -> Array:
    """Return 1 - erf(x) without cancellation, in x's dtype."""
    wide = np.asarray(x, np.float64)
    size = np.abs(wide)
    tail = _erfc_positive(np.maximum(size, SMALL))
    far = np.where(wide < 0.0, 2.0 - tail, tail)
    near = 1.0 - wide * _ratio(_ERF_P, _ERF_Q, np.minimum(size, SMALL) ** 2)
    return np.where(size <= SMALL, near, far).astype(x.dtype)


def _erfc_positive(x: Array) -> Array:
    """Return erfc(x) for x >= SMALL; NaN stays NaN."""
    middle = _ratio(_MIDDLE_P, _MIDDLE_Q, np.minimum(x, LARGE))
    large = np.maximum(x, LARGE)
    z = 1.0 / (large * large)
    tail = (INVERSE_SQRT_PI - z * _ratio(_TAIL_P, _TAIL_Q, z)) / large
    return np.where(x <= LARGE, middle, tail) * _gauss(x)


def _gauss(x: Array) -> Array:
    """Return exp(-x^2), with x^2 split in two so that its rounding error isn't amplified."""
    near = np.minimum(x, 30.0)  # exp(-900) is 0, and inf - inf must not arise
    high = np.trunc(near * 16.0) / 16.0
    return np.exp(-high * high) * np.exp(-(near - high) * (near + high))


def _ratio(p: tuple[float, ...], q: tuple[float, ...], x: Array) -> Array:
    """Return p(x) / q(x) by Horner's rule."""
    top, bottom = np.full_like(x, p[0]), np.full_like(x, q[0])
    for a in p[1:]:
        top = top * x + a
    for b in q[1:]:
        bottom = bottom * x + b
    return top / bottom
