"""sin, cos and tan as formulas on `Real`, for arguments of any size."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from llvmlite import ir

from gradc.runtime.coefficients import COS_32, COS_64, SIN_32, SIN_64
from gradc.runtime.real import DOUBLE, Maker, Real, Truth, Whole

_HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
_ROUND = 6755399441055744.0
_BITS = 1280
_EASY = 2.0**50


def sin(m: Maker, x: Real) -> Real:
    """Return the sine of an angle in radians."""
    quadrant, r = _quadrant(m, x)
    sine, cosine = _sin(m, r), _cos(m, r)
    y = _signed(m, _is_odd(m, quadrant), quadrant & 2, cosine, sine)
    return m.select(abs(x) < 2.0**-27, x, y) if not m.single else _tiny(m, x, y)


def cos(m: Maker, x: Real) -> Real:
    """Return the cosine of an angle in radians."""
    quadrant, r = _quadrant(m, x)
    sine, cosine = _sin(m, r), _cos(m, r)
    y = _signed(m, _is_odd(m, quadrant), (quadrant + 1) & 2, sine, cosine)
    return m.select(abs(x) < 2.0**-27, 1.0, y)


def tan(m: Maker, x: Real) -> Real:
    """Return sin x / cos x of a float64 angle."""
    quadrant, r = _quadrant(m, x)
    sine, cosine = _sin(m, r), _cos(m, r)
    odd = _is_odd(m, quadrant)
    y = m.select(odd, -cosine, sine) / m.select(odd, sine, cosine)
    return m.select(abs(x) < 2.0**-27, x, y)


def _tiny(m: Maker, x: Real, y: Real) -> Real:
    """Return x where its sine rounds to it, else y."""
    return m.select(abs(x) < 2.0**-12, x, y)


def _is_odd(m: Maker, quadrant: Whole) -> Truth:
    """Return whether sine and cosine change places."""
    return ~(quadrant & 1).is_zero()


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


def _quadrant(m: Maker, x: Real) -> tuple[Whole, Real]:
    """Return n and r with x = n pi / 2 + r and |r| <= pi / 4; only n mod 4 is kept."""
    return _quadrant_single(m, x) if m.single else _quadrant_double(m, x)


def _quadrant_single(m: Maker, x: Real) -> tuple[Whole, Real]:
    """Multiply the mantissa by 2^e 2 / pi mod 4, from a table over the exponent e."""
    size = abs(x)
    bits = size.bits()
    exponent = bits >> 23
    # The mantissa as a whole number: only whole multiples may be taken mod 4.
    double, mantissa = m.in_double(((bits & 0x7FFFFF) + (1 << 23)).as_real())
    # NOTE: 24 and 29 bits, so that the first product is exact.
    first = _entry(double, m, "single_0", exponent, _table_single()[0])
    second = _entry(double, m, "single_1", exponent, _table_single()[1])
    turns = mantissa * first
    shifted = double.fma(mantissa, second, turns) + _ROUND
    rest = double.fma(mantissa, second, turns - (shifted - _ROUND))
    wide = shifted.bits().value
    quadrant = Whole(m, m.builder.trunc(wide, m.precision.whole))
    r = m.narrowed(rest * _HALF_PI[0])
    negative = x < 0.0
    return _negated(m, negative, quadrant), m.select(negative, -r, r)


def _quadrant_double(m: Maker, x: Real) -> tuple[Whole, Real]:
    """Subtract n pi / 2 in three parts; beyond 2^50 multiply by 2 / pi mod 4 from a table."""
    round_ = m.real(_ROUND)
    easy = abs(x) < _EASY
    near = m.select(easy, x, 0.0)
    shifted = m.fma(near, 2 / math.pi, round_)
    n = -(shifted - round_)
    # NOTE: the first is exact, both parts being multiples of 2^-52 there.
    r = m.exact_fma(n, m.real(_HALF_PI[0]), near)
    high = m.exact_fma(n, m.real(_HALF_PI[1]), r)
    lost = m.exact_fma(n, m.real(_HALF_PI[1]), r - high)
    r = high + m.fma(n, _HALF_PI[2], lost)
    far_quadrant, far = _far(m, x)
    bits = m.builder.select(easy.value, shifted.bits().value, far_quadrant.value)
    return Whole(m, bits), m.select(easy, r, far)


def _far(m: Maker, x: Real) -> tuple[Whole, Real]:
    """Return the quadrant and rest of a float64 of at least 2^50."""
    bits = abs(x).bits()
    raw = (bits >> 52) - _FIRST
    inside = m.builder.icmp_signed(">", raw.value, m.whole(0).value)
    exponent = Whole(m, m.builder.select(inside, raw.value, m.whole(0).value))
    mantissa = ((bits & ((1 << 52) - 1)) + (1 << 52)).as_real()
    parts = [
        _entry(m, m, f"double_{i}", exponent, column) for i, column in enumerate(_table_double())
    ]
    turns = mantissa * parts[0]
    low = m.exact_fma(mantissa, parts[0], -turns)
    next_ = mantissa * parts[1]
    next_low = m.exact_fma(mantissa, parts[1], -next_)
    high, error = _two_sum(turns - 4.0 * m.call("rint", 0.25 * turns), low)
    high, more = _two_sum(high, next_)
    shifted = high + _ROUND
    high = high - (shifted - _ROUND)
    tail = error + more + (next_low + mantissa * parts[2])
    r = m.fma(high, _HALF_PI[0], m.fma(high, _HALF_PI[1], tail * _HALF_PI[0]))
    negative = x < 0.0
    return _negated(m, negative, shifted.bits()), m.select(negative, -r, r)


def _two_sum(x: Real, y: Real) -> tuple[Real, Real]:
    """Return x + y and its rounding error."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


def _negated(m: Maker, negative: Truth, quadrant: Whole) -> Whole:
    """Return the quadrant of -x where that is asked."""
    other = (m.whole(0) - quadrant).value
    return Whole(m, m.builder.select(negative.value, other, quadrant.value))


def _entry(m: Maker, index: Maker, name: str, exponent: Whole, column: list[float]) -> Real:
    """Return one entry of a table kept in the module."""
    builder = m.builder
    full = f"gradc.two_over_pi.{name}"
    table = builder.module.globals.get(full)
    if table is None:
        type_ = ir.ArrayType(DOUBLE.real, len(column))
        table = ir.GlobalVariable(builder.module, type_, full)
        table.initializer = ir.Constant(type_, [ir.Constant(DOUBLE.real, v) for v in column])
        table.global_constant = True
        table.linkage = "linkonce_odr"
    wide: Any = exponent.value
    if index.single:
        wide = builder.zext(wide, ir.IntType(64))
    pointer = builder.gep(table, [ir.Constant(ir.IntType(64), 0), wide], inbounds=True)
    return Real(m, builder.load(pointer))


# The first exponent of the table for float64, as it is stored.
_FIRST = 1023 + 50


@cache
def _two_over_pi() -> int:
    """Return floor(2 / pi * 2^1280), from Machin's formula for pi in whole numbers."""
    guard = _BITS + 64

    def arctangent(n: int) -> int:
        term = total = (1 << guard) // n
        k = 1
        while term:
            term //= -n * n
            k += 2
            total += term // k
        return total

    pi = 4 * (4 * arctangent(5) - arctangent(239))
    return (2 << (guard + _BITS)) // pi


def _turns(exponent: int) -> int:
    """Return (2^exponent * 2 / pi mod 4) * 2^1280."""
    scaled = _two_over_pi() << exponent if exponent >= 0 else _two_over_pi() >> -exponent
    return scaled & ((4 << _BITS) - 1)


def _column_pair(value: int, keep: int) -> tuple[float, int]:
    """Return the leading `keep` bits of value / 2^1280, and what is left of value."""
    drop = max(value.bit_length() - keep, 0)
    top = value >> drop << drop
    return math.ldexp(value >> drop, drop - _BITS), value - top


@cache
def _table_single() -> tuple[list[float], list[float]]:
    """Return 2 / pi * 2^e mod 4 in two parts for the exponents of float32; NaN for inf."""
    first, second = [], []
    for stored in range(256):
        high, rest = _column_pair(_turns(stored - 150), 29)
        low, _ = _column_pair(rest, 53)
        first.append(math.nan if stored == 255 else high)
        second.append(low)
    return first, second


@cache
def _table_double() -> tuple[list[float], list[float], list[float]]:
    """Return 2 / pi * 2^e mod 4 in three parts for float64 from 2^50 on; NaN for inf."""
    columns: tuple[list[float], list[float], list[float]] = ([], [], [])
    for stored in range(_FIRST, 2048):
        rest = _turns(stored - 1075)
        for column in columns:
            part, rest = _column_pair(rest, 53)
            column.append(part)
    columns[0][-1] = math.nan
    return columns
