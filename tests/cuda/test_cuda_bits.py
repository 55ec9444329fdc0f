"""Bits of integers on a device: one compiled kernel, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import gradc

ON_REAL_DEVICES = True


@pytest.mark.parametrize("kind", ["i4", "i8", "u1"])
def test_bits_on_a_device(kind):
    ends = np.iinfo(kind)
    x = np.array([ends.min, ends.max, 0, 1, 5, 100, 77]).astype(kind)
    y = np.array([1, 2, 3, 4, 5, 6, 7]).astype(kind)

    @gradc.compile
    def bits(x, y):
        return (x & y) | (x ^ 3), x << y, x >> y, ~x

    found = bits(gradc.tensor(x, device="cuda"), gradc.tensor(y, device="cuda"))
    for f, e in zip(found, ((x & y) | (x ^ 3), x << y, x >> y, ~x), strict=True):
        np.testing.assert_array_equal(f.cpu().numpy(), e.astype(kind))
