"""An angle x of any size -> n mod 4 and r with x = n pi / 2 + r and |r| <= pi / 4.

In float64 r comes in two parts, so that its own rounding doesn't show in tan.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import Any

from llvmlite import ir

from gradc.runtime.real import DOUBLE, Maker, Real, Truth, Whole

_HALF_PI_32 = (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15)
_HALF_PI_64 = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
_ROUND_32, _ROUND_64 = 12582912.0, 6755399441055744.0
_BITS = 1280
# Below this many bits the multiple of pi / 2 is subtracted, above it is looked up.
_NEAR_32, _NEAR_64 = 17, 40


def quadrant(m: Maker, x: Real) -> tuple[Whole, Real, Real]:
    """Return the quadrant, what is left, and what that lost by rounding; NaN for inf."""
    if m.single:
        return *_quadrant_single(m, x), m.real(0.0)
    return _quadrant_double(m, x)


def _quadrant_single(m: Maker, x: Real) -> tuple[Whole, Real]:
    """Choose between both ways for each number, so that a loop has no branch."""
    near = abs(x) < 2.0**_NEAR_32
    small = m.select(near, x, 0.0)
    round_ = m.real(_ROUND_32)
    shifted = m.fma(small, 2 / math.pi, round_)
    n = -(shifted - round_)
    r = small
    for part in _HALF_PI_32:
        r = m.exact_fma(n, m.real(part), r)
    far_n, far_r = _far_single(m, x)
    chosen = m.builder.select(near.value, shifted.bits().value, far_n.value)
    # x - x is 0, or NaN for inf.
    return Whole(m, chosen), m.select(near, r, far_r + (x - x))


def _far_single(m: Maker, x: Real) -> tuple[Whole, Real]:
    """Multiply the mantissa by 96 bits of 2 / pi that begin at 2^1, as whole numbers mod 4."""
    builder = m.builder
    wide = Maker(builder, DOUBLE)
    bits = abs(x).bits()
    exponent = bits >> 23
    mantissa = Whole(wide, builder.zext(((bits & 0x7FFFFF) + (1 << 23)).value, ir.IntType(64)))
    # In words of 32 bits, after one of zeros; x is a whole number times 2^(exponent - 150).
    start = exponent - (150 + 2 - 32)
    words = _windows(m, start >> 5, start & 31)
    high, middle, low = (
        Whole(wide, builder.mul(mantissa.value, builder.zext(w.value, ir.IntType(64))))
        for w in words
    )
    carried = Whole(wide, builder.lshr(low.value, wide.whole(32).value))
    turns = (high << 32) + middle + carried
    n = (turns + (1 << 61)) >> 62
    rest = (turns - (n << 62)).as_real() * (math.pi / 2 * 2.0**-62)
    negative = x < 0.0
    narrow = Whole(m, builder.trunc(n.value, m.precision.whole))
    r = m.narrowed(rest)
    return _negated(m, negative, narrow), m.select(negative, -r, r)


def _windows(m: Maker, word: Whole, shift: Whole) -> list[Whole]:
    """Return three words of 2 / pi that begin `shift` bits into one of the first five."""
    builder = m.builder
    stored = [0, *(_two_over_pi() >> (_BITS - 32 * (k + 1)) & 0xFFFFFFFF for k in range(7))]
    picked: list[Any] = []
    for k in range(4):
        value = m.whole(stored[k + 4]).value
        for choice in range(4):
            here = builder.icmp_signed("==", word.value, m.whole(choice).value)
            value = builder.select(here, m.whole(stored[k + choice]).value, value)
        picked.append(value)
    kind = m.precision.whole
    type_ = ir.FunctionType(kind, [kind] * 3)
    joined = builder.module.declare_intrinsic("llvm.fshl", [kind], type_)
    pairs = pairwise(picked)
    return [Whole(m, builder.call(joined, [a, b, shift.value])) for a, b in pairs]


def _quadrant_double(m: Maker, x: Real) -> tuple[Whole, Real, Real]:
    """Subtract n pi / 2 in three parts, or branch to the table for a huge angle."""
    near = abs(x) < 2.0**_NEAR_64

    def subtracted() -> tuple[Whole, Real, Real]:
        round_ = m.real(_ROUND_64)
        shifted = m.fma(x, 2 / math.pi, round_)
        n = -(shifted - round_)
        # NOTE: the first is exact, both parts being multiples of 2^-52 there.
        r = m.exact_fma(n, m.real(_HALF_PI_64[0]), x)
        part = n * _HALF_PI_64[1]
        high, lost = _two_sum(r, part)
        lost = lost + m.exact_fma(n, m.real(_HALF_PI_64[1]), -part)
        return shifted.bits(), *_fast_two_sum(high, m.fma(n, _HALF_PI_64[2], lost))

    return m.branch(near, subtracted, lambda: _far_double(m, x))


def _far_double(m: Maker, x: Real) -> tuple[Whole, Real, Real]:
    """Multiply the mantissa by 2 / pi mod 4 in four parts, from a table over the exponent.

    The turns may be as near to a whole number as 2^-62, so that many bits cancel: every product
    and sum up to there keeps what it rounds away.
    """
    bits = abs(x).bits()
    exponent = (bits >> 52) - (1023 + _NEAR_64)
    # NOTE: as a whole number, since only whole multiples may be taken mod 4.
    mantissa = ((bits & ((1 << 52) - 1)) + (1 << 52)).as_real()
    parts = [_entry(m, i, exponent, column) for i, column in enumerate(_table_double())]
    products = [mantissa * part for part in parts]
    low = [m.exact_fma(mantissa, a, -p) for a, p in zip(parts[:3], products[:3], strict=True)]
    turns = products[0] - 4.0 * m.call("rint", 0.25 * products[0])
    high, first = _two_sum(turns, low[0])
    high, second = _two_sum(high, products[1])
    shifted = high + _ROUND_64
    high = high - (shifted - _ROUND_64)
    tail = low[2] + products[3]
    for term in (first, second, low[1], products[2]):
        high, lost = _two_sum(high, term)
        tail = tail + lost
    product = high * _HALF_PI_64[0]
    rest = m.exact_fma(high, m.real(_HALF_PI_64[0]), -product)
    rest = rest + m.fma(high, _HALF_PI_64[1], tail * _HALF_PI_64[0])
    r, low_r = _fast_two_sum(product, rest)
    negative = x < 0.0
    quarter = _negated(m, negative, shifted.bits())
    return quarter, m.select(negative, -r, r), m.select(negative, -low_r, low_r)


def _fast_two_sum(x: Real, y: Real) -> tuple[Real, Real]:
    """Return x + y and its rounding error, where y is much smaller."""
    total = x + y
    return total, y - (total - x)


def _two_sum(x: Real, y: Real) -> tuple[Real, Real]:
    """Return x + y and its rounding error."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


def _negated(m: Maker, negative: Truth, n: Whole) -> Whole:
    """Return the quadrant of -x where that is asked."""
    other = (m.whole(0) - n).value
    return Whole(m, m.builder.select(negative.value, other, n.value))


def _entry(m: Maker, part: int, exponent: Whole, column: list[float]) -> Real:
    """Return one entry of a table kept in the module."""
    builder = m.builder
    full = f"gradc.two_over_pi.{part}"
    table = builder.module.globals.get(full)
    if table is None:
        type_ = ir.ArrayType(DOUBLE.real, len(column))
        table = ir.GlobalVariable(builder.module, type_, full)
        table.initializer = ir.Constant(type_, [ir.Constant(DOUBLE.real, v) for v in column])
        table.global_constant = True
        table.linkage = "linkonce_odr"
    pointer = builder.gep(table, [ir.Constant(ir.IntType(64), 0), exponent.value], inbounds=True)
    return Real(m, builder.load(pointer))


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


@cache
def _table_double() -> tuple[list[float], ...]:
    """Return 2 / pi * 2^e mod 4 in four parts for float64 from 2^40 on; NaN for inf."""
    columns: tuple[list[float], ...] = ([], [], [], [])
    for stored in range(1023 + _NEAR_64, 2048):
        exponent = stored - 1075
        scaled = _two_over_pi() << exponent if exponent >= 0 else _two_over_pi() >> -exponent
        rest = scaled & ((4 << _BITS) - 1)
        for column in columns:
            drop = max(rest.bit_length() - 53, 0)
            column.append(math.ldexp(rest >> drop, drop - _BITS))
            rest -= rest >> drop << drop
    columns[0][-1] = math.nan
    return columns
