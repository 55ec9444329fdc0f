"""cvt, setp, selp, mov and their kin: each becomes a function of NumPy arrays."""

from __future__ import annotations

import numpy as np
from ptx.bits import SIGNED, UNSIGNED, dtype_of, unknown
from ptx.text import SIZES, Instruction

_REAL = ("f16", "bf16", "f32", "f64")
_ROUND = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil}


def rule(instruction: Instruction):
    """Return (type of the result, types of the operands, function); None for other kinds."""
    head, *middle, kind = instruction.opcode
    if head == "cvt":
        return _conversion(instruction, middle[:-1], middle[-1], kind)
    if head == "cvta":
        return None
    if head == "mov":
        return (kind, (kind,), lambda a: a) if not middle else None
    if head == "selp" and not middle:
        return kind, (kind, kind, "pred"), lambda a, b, p: np.where(p, a, b)
    if head == "slct" and len(middle) == 1:
        return middle[0], (middle[0], middle[0], kind), lambda a, b, c: np.where(c >= 0, a, b)
    if head in ("setp", "set"):
        return _comparison(instruction, middle, kind)
    return None


_COMPARE = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "lo": np.less,
    "ls": np.less_equal,
    "hi": np.greater,
    "hs": np.greater_equal,
}


def _comparison(instruction: Instruction, middle: list[str], kind: str):
    """Return the rule of setp; ordered comparisons are false with NaN, unordered ones true."""
    how = [m for m in middle if m != "ftz"]
    if instruction.opcode[0] != "setp" or len(how) not in (1, 2) or "ftz" in middle:
        raise unknown(instruction)
    word, real = how[0], kind in ("f32", "f64")

    def compare(a, b):
        if word in ("num", "nan"):
            ordered = (a == a) & (b == b)
            return ordered if word == "num" else ~ordered
        if real and len(word) == 3 and word[-1] == "u":
            return _COMPARE[word[:2]](a, b) | (a != a) | (b != b)
        return _COMPARE[word](a, b) & ((a == a) & (b == b) if real and word == "ne" else True)

    known = word in _COMPARE or (real and (word in ("num", "nan") or word[:2] in _COMPARE))
    if not known:
        raise unknown(instruction)
    if len(how) == 1:
        return "pred", (kind, kind), compare
    if how[1] not in _COMBINE:
        raise unknown(instruction)
    return "pred", (kind, kind, "pred"), lambda a, b, p: _COMBINE[how[1]](compare(a, b), p)


_COMBINE = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}


def _conversion(instruction: Instruction, how: list[str], to: str, source: str):
    """Return the rule of cvt."""
    if to == "tf32":
        if how not in (["rna"], ["rn"]) or source != "f32":
            raise unknown(instruction)
        return "b32", ("f32",), to_tf32_rna if how == ["rna"] else to_tf32_rn
    if to in ("bf16x2", "f16x2") and how == ["rn"]:
        narrow = _narrow(to[:-2])
        return (
            "b32",
            ("f32", "f32"),
            lambda a, b: narrow(a).astype(np.uint32) << np.uint32(16) | narrow(b).astype(np.uint32),
        )
    saturated = "sat" in how
    how = [h for h in how if h != "sat"]
    if source in _REAL and to in _REAL:
        return to, (source,), _between_reals(instruction, how, saturated, to, source)
    if source in _REAL:
        if len(how) != 1 or how[0] not in _ROUND:
            raise unknown(instruction)
        widen = _wide(source)
        return to, (source,), lambda a: _whole(_ROUND[how[0]](widen(a)), to)
    if to in _REAL:
        if how != ["rn"] or to in ("f16", "bf16"):
            raise unknown(instruction)
        return to, (source,), lambda a: a.astype(dtype_of(to))
    if how:
        raise unknown(instruction)
    if saturated:
        return to, (source,), lambda a: _clamped(a, to)
    size = SIZES[to]
    if size <= SIZES[source]:
        return to, (source,), lambda a: a.astype(dtype_of(to))
    wide = SIGNED if source[0] == "s" else UNSIGNED  # the source's sign decides what is added
    return to, (source,), lambda a: a.astype(wide[size]).view(dtype_of(to))


def _clamped(a, to: str):
    limits = np.iinfo(dtype_of(to))
    low, high = max(limits.min, np.iinfo(a.dtype).min), min(limits.max, np.iinfo(a.dtype).max)
    return np.clip(a, a.dtype.type(low), a.dtype.type(high)).astype(dtype_of(to))


def _whole(a, to: str):
    """Return whole numbers; what is out of range is the nearest, NaN 0 (2^63 for 64 bits)."""
    dtype = np.dtype(dtype_of(to))
    limits = np.iinfo(dtype)
    high = 2.0 ** (8 * dtype.itemsize - (dtype.kind == "i"))
    inside = (a >= float(limits.min)) & (a < high)
    safe = np.where(inside, a, 0).astype(dtype)
    nan = dtype.type(1 << 63 if dtype == np.uint64 else limits.min if dtype == np.int64 else 0)
    beyond = np.where(a > 0, dtype.type(limits.max), np.where(a < 0, dtype.type(limits.min), nan))
    return np.where(inside, safe, beyond)


def _between_reals(instruction, how: list[str], saturated: bool, to: str, source: str):
    widen, narrow = _wide(source), _narrow(to)
    if how in (["rni"], ["rzi"], ["rmi"], ["rpi"]) and to == source and not saturated:
        return lambda a: narrow(_ROUND[how[0]](widen(a)))
    larger = SIZES[to] > SIZES[source]
    if how != ([] if larger else ["rn"]) or (saturated and to != "f32"):
        raise unknown(instruction)
    if saturated:
        return lambda a: np.where(a == a, np.clip(widen(a), 0, 1), 0).astype(np.float32)
    return lambda a: narrow(widen(a))


def _wide(kind: str):
    """Return what turns bits of 16-bit reals into float32; others stay."""
    if kind == "f16":
        return lambda a: a.view(np.float16).astype(np.float32)
    if kind == "bf16":
        return lambda a: (a.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return lambda a: a


def _narrow(kind: str):
    """Return what rounds to a type, to the nearest, ties to even."""
    if kind == "f16":
        return lambda a: a.astype(np.float16).view(np.uint16)
    if kind == "bf16":
        return to_bf16
    return lambda a: a.astype(dtype_of(kind))


def to_bf16(a):
    """Round float32 to the bits of bfloat16."""
    raw = a.astype(np.float32).view(np.uint32)
    odd = (raw >> np.uint32(16)) & np.uint32(1)
    rounded = ((raw + np.uint32(0x7FFF) + odd) >> np.uint32(16)).astype(np.uint16)
    return np.where(a != a, np.uint16(0x7FFF), rounded)


def to_tf32_rna(a):
    """Round float32 to ten bits of fraction, halves away from zero."""
    raw = a.view(np.uint32)
    finite = (raw & np.uint32(0x7F800000)) != np.uint32(0x7F800000)
    rounded = (raw + np.uint32(0x1000)) & np.uint32(0xFFFFE000)
    return np.where(finite, rounded, np.where(a != a, np.uint32(0x7FFFFFFF), raw))


def to_tf32_rn(a):
    """Round float32 to ten bits of fraction, halves to even."""
    raw = a.view(np.uint32)
    finite = (raw & np.uint32(0x7F800000)) != np.uint32(0x7F800000)
    odd = (raw >> np.uint32(13)) & np.uint32(1)
    rounded = (raw + np.uint32(0xFFF) + odd) & np.uint32(0xFFFFE000)
    return np.where(finite, rounded, np.where(a != a, np.uint32(0x7FFFFFFF), raw))
