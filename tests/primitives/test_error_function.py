"""erf and erfc against mpmath: accuracy over the whole range, tails and special values."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from gradc.primitives.error_function import erf, erfc

POINTS = np.concatenate(
    [
        np.linspace(-6.0, 6.0, 601),
        np.linspace(6.0, 27.0, 101),
        np.array([0.46875, 4.0, -4.0, 1e-300, -1e-10, 1e-5]),
    ]
)


def exact(function, x):
    with mpmath.workdps(40):
        return np.array([float(getattr(mpmath, function)(mpmath.mpf(float(v)))) for v in x])


# The bounds are what this implementation reaches, in units in the last place, rounded up.
@pytest.mark.parametrize(("function", "ulps"), [(erf, 2.0), (erfc, 6.0)])
def test_accuracy(function, ulps):
    expected = exact(function.__name__, POINTS)
    error = np.abs(function(POINTS) - expected) / np.spacing(np.abs(expected))
    assert error.max() <= ulps


@pytest.mark.parametrize("function", [erf, erfc])
def test_float32_is_rounded_once(function):
    x = POINTS.astype(np.float32)
    assert function(x).dtype == np.float32
    expected = exact(function.__name__, x).astype(np.float32)
    error = np.abs(function(x) - expected) / np.spacing(np.abs(expected))
    assert error.max() <= 1.0


def test_special_values():
    x = np.array([np.inf, -np.inf, np.nan, 0.0])
    np.testing.assert_array_equal(erf(x), [1.0, -1.0, np.nan, 0.0])
    np.testing.assert_array_equal(erfc(x), [0.0, 2.0, np.nan, 1.0])
    assert np.signbit(erf(np.array([-0.0])))[0]
