"""Rounding to what 16 bits hold, as formulas on `Real`."""

from __future__ import annotations

import math

from gradc.ir.dtype import Format, bfloat16, float16
from gradc.runtime.real import Formula, Maker, Real

TINY = {True: 2.0**-126, False: 2.0**-1022}  # the smallest normal number, by `single`


def _rounding(to: Format) -> Formula:
    """Return the formula for a format."""

    def formula(m: Maker, x: Real) -> Real:
        cut = m.precision.mantissa - to.digits
        bits, size = x.bits(), abs(x)
        odd = (bits >> cut) & 1
        near = ((bits + (odd + ((1 << (cut - 1)) - 1))) & -(1 << cut)).bits_as_real()
        if to.smallest > TINY[m.single]:  # below it steps are as wide as at it
            shift = to.quantum * 2.0**m.precision.mantissa
            even = ((size + shift) - shift).with_sign_of(x)
            near = m.select(size < to.smallest, even, near)
        if to.smallest > TINY[m.single] or not m.single:  # else carries end at infinity
            infinite = m.real(math.inf).with_sign_of(x)
            near = m.select(abs(near) > to.largest, infinite, near)
        return m.select(x.is_nan(), x, near)

    return formula


round_bfloat16 = _rounding(bfloat16)
round_float16 = _rounding(float16)
