"""Instructions on whole numbers and bits: each becomes a function of NumPy arrays."""

from __future__ import annotations

import numpy as np
from ptx.bits import SIGNED, UNSIGNED, unknown
from ptx.text import SIZES, Instruction

u32, u64 = np.uint32, np.uint64


def rule(instruction: Instruction):
    """Return (type of the result, types of the operands, function); None for other kinds."""
    head, *middle, kind = instruction.opcode
    if kind not in SIZES or (head not in _BITS and kind[0] not in "usb" and kind != "pred"):
        return None
    if head in ("mul", "mad"):
        return _product(instruction, head, middle, kind)
    if head in ("and", "or", "xor", "not"):
        return None if middle else (kind, (kind,) * (1 if head == "not" else 2), _LOGIC[head])
    if head in ("add", "sub", "min", "max") and not middle:
        return kind, (kind, kind), _SIMPLE[head]
    if head in ("div", "rem") and not middle:
        return kind, (kind, kind), lambda a, b: _divided(a, b, head == "rem")
    if head in ("neg", "abs") and not middle:
        return kind, (kind,), np.negative if head == "neg" else np.abs
    if head in ("shl", "shr") and not middle:
        return kind, (kind, "u32"), lambda a, n: _shifted(a, n, head)
    if head == "shf":
        return kind, (kind, kind, "u32"), _funnel(instruction, *middle)
    if head in ("bfe", "bfi") and not middle:
        if head == "bfe":
            return kind, (kind, "u32", "u32"), _field
        return kind, (kind, kind, "u32", "u32"), _inserted
    if head in ("popc", "clz") and not middle:
        return "u32", (kind,), lambda a: _counted(a, head)
    if head == "brev" and not middle:
        return kind, (kind,), _reversed
    if head == "prmt" and not middle:
        return kind, (kind, kind, kind), _permuted
    if head == "lop3" and not middle:
        table = instruction.operands[4].bits
        return kind, (kind, kind, kind), lambda a, b, c: _looked_up(a, b, c, table)
    return None


_BITS = ("and", "or", "xor", "not", "shl", "shf", "prmt", "lop3", "popc", "clz", "brev", "bfi")
_LOGIC = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor, "not": np.invert}
_SIMPLE = {"add": np.add, "sub": np.subtract, "min": np.minimum, "max": np.maximum}


def _product(instruction, head, middle, kind):
    """Return the rule of mul and mad: the low half, the high half or all of a product."""
    if len(middle) != 1 or middle[0] not in ("lo", "hi", "wide"):
        raise unknown(instruction)
    if middle[0] == "lo":
        result, multiply = kind, np.multiply
    elif middle[0] == "hi":
        result, multiply = kind, _high
    else:
        result = f"{kind[0]}{16 * SIZES[kind]}"
        wide = (SIGNED if kind[0] == "s" else UNSIGNED)[2 * SIZES[kind]]

        def multiply(a, b):
            return a.astype(wide) * b.astype(wide)

    if head == "mul":
        return result, (kind, kind), multiply
    return result, (kind, kind, result), lambda a, b, c: multiply(a, b) + c


def _high(a, b):
    """Return the upper half of a product."""
    size = a.dtype.itemsize
    signed = a.dtype.kind == "i"
    if size < 8:
        wide = (SIGNED if signed else UNSIGNED)[2 * size]
        return ((a.astype(wide) * b.astype(wide)) >> wide(8 * size)).astype(a.dtype)
    x, y = a.view(u64), b.view(u64)
    mask, half = u64(0xFFFFFFFF), u64(32)
    xl, xh, yl, yh = x & mask, x >> half, y & mask, y >> half
    middle = (xl * yl >> half) + (xh * yl & mask) + xl * yh
    high = xh * yh + (xh * yl >> half) + (middle >> half)
    if signed:  # a negative number's bits are 2^64 more than the number
        high = high - np.where(a < 0, y, u64(0)) - np.where(b < 0, x, u64(0))
    return high.view(a.dtype)


def _divided(a, b, rest: bool):
    """Return the quotient rounded to zero, or the remainder with a's sign."""
    zero = b == 0
    divisor = np.where(zero, b.dtype.type(1), b)
    quotient = a // divisor
    remainder = a - quotient * divisor
    if a.dtype.kind == "i":
        low = (remainder != 0) & ((a < 0) != (b < 0))
        quotient = quotient + low
        remainder = a - quotient * divisor
    if rest:
        return np.where(zero, a, remainder)
    return (
        np.where(zero, a.dtype.type(-1 if a.dtype.kind == "i" else -1 % 2**64), quotient)
        if a.dtype.kind == "i"
        else np.where(zero, ~a.dtype.type(0), quotient)
    )


def _shifted(a, n, head: str):
    """Shift; by more than the width gives zero, or the sign."""
    width = 8 * a.dtype.itemsize
    inside = np.minimum(n, u32(width - 1)).astype(a.dtype)
    if head == "shl":
        return np.where(n >= width, a.dtype.type(0), a << inside)
    shifted = a >> inside
    return shifted if a.dtype.kind == "i" else np.where(n >= width, a.dtype.type(0), shifted)


def _funnel(instruction, way="", mode=""):
    """Shift two words as one."""
    if way not in ("l", "r") or mode not in ("wrap", "clamp"):
        raise unknown(instruction)

    def shift(a, b, n):
        both = (b.astype(u64) << u64(32)) | a.astype(u64)
        n = (n & u32(31) if mode == "wrap" else np.minimum(n, u32(32))).astype(u64)
        if way == "r":
            return (both >> n).astype(u32)
        return (both << n >> u64(32)).astype(u32)

    return shift


def _field(a, position, length):
    """Return some bits of a number, extended by zeros or by the sign."""
    size = a.dtype.itemsize
    width, bits = 8 * size, UNSIGNED[size]
    position, length = position & u32(255), length & u32(255)
    raw = _shifted(a if a.dtype.kind == "i" else a.view(bits), position, "shr")
    cut = np.minimum(length, u32(width))
    mask = _shifted(~bits(0), u32(width) - cut, "shr")
    found = np.where(cut == 0, bits(0), raw.view(bits) & mask)
    if a.dtype.kind == "i":
        sign = np.minimum(position + length - u32(1), u32(width - 1))
        negative = (_shifted(a, sign, "shr") & a.dtype.type(1)) != 0
        found = np.where(negative & (length != 0), found | ~mask, found)
    return found.view(a.dtype)


def _inserted(a, b, position, length):
    """Put the lowest bits of a into b."""
    width = 8 * a.dtype.itemsize
    position, length = position & u32(255), np.minimum(length & u32(255), u32(width))
    ones = np.where(length == 0, a.dtype.type(0), _shifted(~a.dtype.type(0), width - length, "shr"))
    mask = _shifted(ones, position, "shl")
    return (b & ~mask) | (_shifted(a, position, "shl") & mask)


def _counted(a, head: str):
    """Count ones, or zeros before the first one."""
    width = 8 * a.dtype.itemsize
    if head == "popc":
        return np.bitwise_count(a).astype(u32)
    filled = a
    for n in (1, 2, 4, 8, 16, 32)[: width.bit_length() - 1]:
        filled = filled | (filled >> a.dtype.type(n))
    return (width - np.bitwise_count(filled)).astype(u32)


def _reversed(a):
    """Turn the order of the bits around."""
    kind = a.dtype.type
    masks = {1: 0x5555555555555555, 2: 0x3333333333333333, 4: 0x0F0F0F0F0F0F0F0F}
    for n, mask in masks.items():
        mask = kind(mask % (1 << 8 * a.dtype.itemsize))
        a = ((a & mask) << kind(n)) | ((a >> kind(n)) & mask)
    return a.byteswap()


def _permuted(a, b, selector):
    """Choose four of eight bytes; the fourth bit of a choice repeats the byte's sign."""
    both = (b.astype(u64) << u64(32)) | a.astype(u64)
    result = u32(0)
    for i in range(4):
        choice = (selector >> u32(4 * i)) & u32(15)
        byte = (both >> ((choice & u32(7)).astype(u64) * u64(8))).astype(u32) & u32(255)
        sign = np.where(byte & u32(128), u32(255), u32(0))
        result = result | (np.where(choice & u32(8), sign, byte) << u32(8 * i))
    return result


def _looked_up(a, b, c, table: int):
    """Combine three words by a truth table of eight bits."""
    result = u32(0)
    for i in range(8):
        if table >> i & 1:
            term = (a if i & 4 else ~a) & (b if i & 2 else ~b) & (c if i & 1 else ~c)
            result = result | term
    return result
