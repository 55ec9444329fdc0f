"""Single instructions of the PTX machine against values worked out by hand."""

import math
import struct
from fractions import Fraction

import numpy as np
import pytest

NAN = 0x7FFFFFFF


def f32(x):
    """Return the bits of a float32."""
    return struct.unpack("<I", struct.pack("<f", x))[0]


def f64(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


INF, MINUS = math.inf, 1 << 31
TABLE = [
    # instruction, operands, results
    ("add.s32 d, a, b;", [(0xFFFFFFFF, 5), (2, 7)], [1, 12]),
    ("sub.s32 d, a, b;", [(3,), (5,)], [0xFFFFFFFE]),
    ("mul.lo.s32 d, a, b;", [(0x10001,), (0x10001,)], [0x20001]),
    ("mul.hi.u32 d, a, b;", [(0xFFFFFFFF, 1 << 31), (0xFFFFFFFF, 6)], [0xFFFFFFFE, 3]),
    ("mul.hi.s32 d, a, b;", [(-1, -(1 << 31)), (5, 6)], [0xFFFFFFFF, 0xFFFFFFFD]),
    ("mad.lo.s32 d, a, b, c;", [(3,), (-4,), (5,)], [(-7) % 2**32]),
    ("div.s32 d, a, b;", [(-7, 7, -8), (2, -2, 4)], [(-3) % 2**32, (-3) % 2**32, (-2) % 2**32]),
    ("rem.s32 d, a, b;", [(-7, 7), (2, -2)], [(-1) % 2**32, 1]),
    ("div.u32 d, a, b;", [(0xFFFFFFFE,), (3,)], [0x55555554]),
    ("shl.b32 d, a, b;", [(1, 1, 3), (31, 32, 1)], [1 << 31, 0, 6]),
    ("shr.u32 d, a, b;", [(1 << 31, 1 << 31), (31, 99)], [1, 0]),
    ("shr.s32 d, a, b;", [(1 << 31, 1 << 31), (31, 99)], [0xFFFFFFFF, 0xFFFFFFFF]),
    ("shf.l.wrap.b32 d, a, b, c;", [(0x80000000,), (1,), (33,)], [3]),
    ("shf.r.clamp.b32 d, a, b, c;", [(0xF0,), (0xA,), (40,)], [0xA]),
    ("bfe.u32 d, a, b, c;", [(0xABCD, 0xABCD), (4, 4), (8, 0)], [0xBC, 0]),
    ("bfe.s32 d, a, b, c;", [(0xABCD, 0xF0000000), (4, 28), (8, 9)], [0xFFFFFFBC, 0xFFFFFFFF]),
    ("bfi.b32 d, a, b, c, 8;", [(0x5A,), (0xFFFFFFFF,), (4,)], [0xFFFFF5AF]),
    ("prmt.b32 d, a, b, c;", [(0x33221100,), (0x77665584,), (0xC540,)], [0xFF558400 & ~0]),
    ("popc.b32 d, a;", [(0xF0F,)], [8]),
    ("clz.b32 d, a;", [(0, 1, 1 << 31)], [32, 31, 0]),
    ("brev.b32 d, a;", [(1, 0x80000001, 6)], [1 << 31, 0x80000001, 0x60000000]),
    ("min.s32 d, a, b;", [(-1,), (1,)], [0xFFFFFFFF]),
    ("min.u32 d, a, b;", [(-1,), (1,)], [1]),
    ("abs.s32 d, a;", [(-5,)], [5]),
    ("lop3.b32 d, a, b, c, 0xE8;", [(0b1100,), (0b1010,), (0b1001,)], [0b1000]),
    ("max.f32 d, a, b;", [(NAN, f32(-0.0), f32(1)), (f32(2), 0, NAN)], [f32(2), 0, f32(1)]),
    ("min.f32 d, a, b;", [(0, NAN), (MINUS, NAN)], [MINUS, NAN]),
    ("max.NaN.f32 d, a, b;", [(NAN, f32(3)), (f32(2), f32(1))], [NAN, f32(3)]),
    ("sub.f32 d, a, b;", [(f32(INF),), (f32(INF),)], [NAN]),
    ("mul.rn.f32 d, a, b;", [(1, f32(1e-30)), (f32(0.75), f32(1e-10))], [1, f32(1e-40)]),
    ("mul.rn.ftz.f32 d, a, b;", [(1, f32(1e-30)), (f32(8), f32(-1e-10))], [0, MINUS]),
    ("div.rn.f32 d, a, b;", [(f32(1), f32(-1)), (f32(3), 0)], [f32(1 / 3), f32(-INF)]),
    ("sqrt.rn.f32 d, a;", [(f32(2), f32(-1))], [f32(math.sqrt(2)), NAN]),
    ("copysign.f32 d, a, b;", [(MINUS,), (f32(3),)], [f32(-3)]),
    ("neg.f32 d, a;", [(0,)], [MINUS]),
    ("ex2.approx.f32 d, a;", [(f32(3), f32(-INF))], [f32(8), 0]),
    ("cvt.rni.f32.f32 d, a;", [(f32(2.5), f32(-0.5))], [f32(2), MINUS]),
    ("cvt.rmi.f32.f32 d, a;", [(f32(-1.5),)], [f32(-2)]),
    ("cvt.rzi.s32.f32 d, a;", [(f32(-1.9), f32(3e9), NAN)], [(-1) % 2**32, 0x7FFFFFFF, 0]),
    ("cvt.rzi.u32.f32 d, a;", [(f32(-1.9), f32(5e9))], [0, 0xFFFFFFFF]),
    ("cvt.rn.f32.s32 d, a;", [(-16777217,)], [f32(-16777216.0)]),
    ("cvt.rna.tf32.f32 d, a;", [(0x3F801000, 0x3F800FFF)], [0x3F802000, 0x3F800000]),
    ("cvt.rn.bf16x2.f32 d, a, b;", [(f32(1),), (0x3F808000,)], [0x3F803F80]),
]


@pytest.mark.parametrize(("instruction", "operands", "expected"), TABLE, ids=lambda x: str(x)[:24])
def test_results(compute, instruction, operands, expected):
    assert [hex(x) for x in compute(instruction, *operands)] == [hex(x) for x in expected]


OF_OTHER_WIDTHS = [
    # instruction, width of the result, widths of the operands, operands, results
    ("mul.wide.u32 d, a, b;", 64, [32, 32], [(0xFFFFFFFF,), (2,)], [0x1FFFFFFFE]),
    ("mul.wide.s32 d, a, b;", 64, [32, 32], [(-3,), (2,)], [(-6) % 2**64]),
    ("mul.hi.u64 d, a, b;", 64, [64, 64], [(2**64 - 1,), (2**64 - 1,)], [2**64 - 2]),
    ("mul.hi.s64 d, a, b;", 64, [64, 64], [(-1, 2**62), (5, 12)], [2**64 - 1, 3]),
    ("cvt.u64.u32 d, a;", 64, [32], [(-1,)], [0xFFFFFFFF]),
    ("cvt.s64.s32 d, a;", 64, [32], [(-1,)], [2**64 - 1]),
    ("cvt.u32.u64 d, a;", 32, [64], [(0x123456789,)], [0x23456789]),
    ("cvt.u32.u16 d, a;", 32, [16], [(0xFFFE,)], [0xFFFE]),
    ("cvt.s32.s8 d, a;", 32, [16], [(0x1280,)], [0xFFFFFF80]),
    ("cvt.u16.u32 d, a;", 16, [32], [(0x12345,)], [0x2345]),
    ("cvt.rn.f32.f64 d, a;", 32, [64], [(f64(1 + 2**-24), f64(1e300))], [f32(1), f32(INF)]),
    ("cvt.f64.f32 d, a;", 64, [32], [(f32(0.1),)], [f64(float(np.float32(0.1)))]),
    ("cvt.rzi.s64.f64 d, a;", 64, [64], [(f64(-1e300), f64(math.nan))], [2**63, 2**63]),
    ("cvt.rn.bf16.f32 d, a;", 16, [32], [(0x3F818000, 0x3F808000)], [0x3F82, 0x3F80]),
    ("cvt.rn.f16.f32 d, a;", 16, [32], [(f32(1e-8), f32(65520))], [0, 0x7C00]),
    ("cvt.f32.bf16 d, a;", 32, [16], [(0xC000,)], [f32(-2)]),
    ("mov.b64 d, {a, b};", 64, [32, 32], [(1,), (2,)], [0x200000001]),
    ("brev.b64 d, a;", 64, [64], [(1,)], [1 << 63]),
    ("shr.u64 d, a, b;", 64, [64, 32], [(1 << 63, 1), (63, 64)], [1, 0]),
]


@pytest.mark.parametrize(
    ("instruction", "result", "kinds", "operands", "expected"),
    OF_OTHER_WIDTHS,
    ids=lambda x: str(x)[:24],
)
def test_results_of_other_widths(compute, instruction, result, kinds, operands, expected):
    found = compute(instruction, *operands, result=result, kinds=kinds)
    assert [hex(x) for x in found] == [hex(x) for x in expected]


COMPARISONS = {
    # of (1, 2), (2, 2), (NaN, 2)
    "lt": (1, 0, 0), "ltu": (1, 0, 1), "le": (1, 1, 0), "leu": (1, 1, 1), "eq": (0, 1, 0),
    "equ": (0, 1, 1), "ne": (1, 0, 0), "neu": (1, 0, 1), "gt": (0, 0, 0), "gtu": (0, 0, 1),
    "ge": (0, 1, 0), "geu": (0, 1, 1), "num": (1, 1, 0), "nan": (0, 0, 1),
}  # fmt: skip


@pytest.mark.parametrize("word", COMPARISONS)
def test_comparisons(compute, word):
    ask = f"setp.{word}.f32 %p1, a, b;\nselp.b32 d, 1, 0, %p1;"
    found = compute(ask, (f32(1), f32(2), NAN), (f32(2), f32(2), f32(2)))
    assert tuple(found) == COMPARISONS[word]


def test_a_fused_product_is_rounded_once(compute):
    rng = np.random.default_rng(3)
    a, b = (1 + rng.random(32).astype("f") for _ in range(2))
    c = (-(a * b)).astype("f")  # what is left is the error of the product
    # ties of float32 that a sum in float64 would round twice
    a[:2], b[:2], c[:2] = (1 + 2**-12), (1 + 2**-12), (2**-60, -(2**-60))
    bits = [x.view(np.uint32) for x in (a, b, c)]
    found = np.array(compute("fma.rn.f32 d, a, b, c;", *bits), np.uint32).view(np.float32)
    for x, y, z, r in zip(a, b, c, found, strict=True):
        exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
        near = [np.nextafter(r, np.float32(s * np.inf)) for s in (-1, 1)]
        assert all(abs(Fraction(float(r)) - exact) <= abs(Fraction(float(n)) - exact) for n in near)


def test_an_unknown_instruction_is_an_error(run):
    with pytest.raises(Exception, match=r"line \d+: sad\.u32 is not known"):
        run("sad.u32 %r1, %r2, %r3, %r4;\nret;")
    with pytest.raises(Exception, match=r"line \d+: add\.sat\.f32 is not known"):
        run("add.sat.f32 %r1, %r2, %r3;\nret;")
    with pytest.raises(Exception, match=r"line \d+: ld\.global\.weird\.b32 is not known"):
        run("ld.global.weird.b32 %r1, [%rd1];\nret;")
