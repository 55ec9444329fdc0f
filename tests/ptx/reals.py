"""Instructions on float32 and float64: each becomes a function of NumPy arrays, rounded once."""

from __future__ import annotations

from functools import cache

import numpy as np
from ptx.bits import unknown
from ptx.text import Instruction

_NAN = {np.dtype("f4"): np.uint32(0x7FFFFFFF).view(np.float32)}


def rule(instruction: Instruction):
    """Return (type of the result, types of the operands, function); None for other kinds."""
    head, *middle, kind = instruction.opcode
    if kind not in ("f32", "f64") or head not in (*_ONE, *_TWO, *_APPROXIMATE, "fma", "mad"):
        return None
    flush, nan = "ftz" in middle, "NaN" in middle
    how = [m for m in middle if m not in ("ftz", "NaN")]
    if head in _APPROXIMATE and how == ["approx"]:
        return kind, (kind,), _flushed(_through_wide(_APPROXIMATE[head]), flush)
    if head in ("fma", "mad") and how == ["rn"]:
        return kind, (kind,) * 3, _flushed(_quiet(fma()), flush)
    if head in ("min", "max") and not how:
        return kind, (kind, kind), _flushed(_quiet(_extreme(head, nan)), flush)
    if nan:
        raise unknown(instruction)
    if head in ("abs", "neg", "copysign") and not how:
        count = 2 if head == "copysign" else 1
        return kind, (kind,) * count, _flushed({**_ONE, **_TWO}[head], flush)
    exact = how == ["rn"] or (not how and head in ("add", "sub", "mul"))
    if head in _TWO and (exact or (head == "div" and how in (["full"], ["approx"]))):
        return kind, (kind, kind), _flushed(_quiet(_TWO[head]), flush)
    if head in _ONE and (exact or (head in ("sqrt", "rcp") and how == ["approx"])):
        return kind, (kind,), _flushed(_quiet(_ONE[head]), flush)
    raise unknown(instruction)


def _copysign(a, b):
    """Return b with the sign of a."""
    return np.copysign(b, a)


def _reciprocal(a):
    return a.dtype.type(1) / a


_ONE = {"abs": np.abs, "neg": np.negative, "sqrt": np.sqrt, "rcp": _reciprocal}
_TWO = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "copysign": _copysign,
    "min": None,
    "max": None,
}
_APPROXIMATE = {
    "ex2": np.exp2,
    "lg2": np.log2,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "rsqrt": lambda x: 1 / np.sqrt(x),
}


def _through_wide(function):
    """Round once: what is approximate on a GPU is exact here."""
    return lambda x: function(x.astype(np.float64)).astype(x.dtype)


def _flushed(function, flush: bool):
    """Return a function that takes and gives subnormal numbers as zeros, where wanted."""
    if not flush:
        return function
    return lambda *operands: _flush(function(*map(_flush, operands)))


def _flush(x):
    """Return zeros of the same sign for subnormal numbers."""
    small = np.abs(x) < np.finfo(x.dtype).tiny
    return np.where(small, np.copysign(x.dtype.type(0), x), x)


def _quiet(function):
    """Return a function whose float32 NaN is a GPU's, 0x7fffffff; this processor's is negative."""

    def run(*operands):
        result = function(*operands)
        if result.dtype == np.float32:
            bad = result != result
            if bad.any():
                return np.where(bad, _NAN[result.dtype], result)
        return result

    return run


@cache
def fma():
    """Return a * b + c rounded once, by this processor's own instruction."""
    from llvmlite import ir
    from numba import types, vectorize
    from numba.core.extending import intrinsic

    @intrinsic
    def once(context, a, b, c):
        def lower(context, builder, signature, arguments):
            kind = arguments[0].type
            name = f"llvm.fma.{'f32' if isinstance(kind, ir.FloatType) else 'f64'}"
            function = builder.module.declare_intrinsic(name, (), ir.FunctionType(kind, [kind] * 3))
            return builder.call(function, arguments)

        return a(a, a, a), lower

    def multiply_add(a, b, c):
        return once(a, b, c)

    kinds = (types.float32, types.float64)
    return vectorize([k(k, k, k) for k in kinds])(multiply_add)


def _extreme(head: str, nan: bool):
    """Return min or max: of a number and NaN the number, or NaN; +0 is more than -0."""
    choose = {"min": (np.fmin, np.minimum), "max": (np.fmax, np.maximum)}[head][nan]

    def run(a, b):
        zeros = (a == 0) & (b == 0)
        result = choose(a, b)
        if zeros.any():
            sign = np.signbit(a) | np.signbit(b) if head == "min" else np.signbit(a) & np.signbit(b)
            zero = np.where(sign, a.dtype.type(-0.0), a.dtype.type(0.0))
            result = np.where(zeros, zero, result)
        return result

    return run
