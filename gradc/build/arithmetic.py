"""Operators of generated text on numbers -> LLVM instructions that mean what Python's do."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types

from gradc.build.typed import I1, Single, constant, context, typing_context
from gradc.errors import BuildError
from gradc.runtime.numbers import divided

_FOLDED: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda x, y: x + y,
    ast.Sub: lambda x, y: x - y,
    ast.Mult: lambda x, y: x * y,
    ast.FloorDiv: lambda x, y: x // y,
    ast.Mod: lambda x, y: x % y,
    ast.Pow: lambda x, y: x**y,
}
_ORDERS: dict[type, str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


def literal(number: float | bool) -> Single:
    """Return a number of the text: int64, float64 or bool."""
    if isinstance(number, bool):
        return Single(types.boolean, ir.Constant(I1, number))
    return constant(types.int64 if isinstance(number, int) else types.float64, number)


def cast(builder: Any, x: Single, target: Any) -> Single:
    """Return a number as another type; numbers of the text are converted now."""
    if x.type == target:
        return x
    to = context().get_value_type(target)
    if x.literal is not None and isinstance(target, types.Float):
        return Single(target, ir.Constant(to, _rounded(target, x.literal)))
    value = x.value
    if target == types.boolean:
        return Single(target, true(builder, x))
    if isinstance(target, types.Float):
        if isinstance(x.type, types.Float):
            wider = target.bitwidth > x.type.bitwidth
            value = (builder.fpext if wider else builder.fptrunc)(value, to)
        else:
            value = (builder.sitofp if _signed(x.type) else builder.uitofp)(value, to)
    elif isinstance(target, types.Integer):
        if isinstance(x.type, types.Float):
            value = (builder.fptosi if target.signed else builder.fptoui)(value, to)
        elif x.literal is not None:
            return constant(target, _wrapped(target, int(x.literal)))
        elif to.width < value.type.width:
            value = builder.trunc(value, to)
        elif to.width > value.type.width:
            value = (builder.sext if _signed(x.type) else builder.zext)(value, to)
    else:
        raise BuildError(f"{x.type} is no {target}")
    return Single(target, value)


def _rounded(target: Any, number: float) -> float:
    """Return a number as the nearest of a type."""
    with np.errstate(over="ignore"):
        return float(np.float32(number)) if target == types.float32 else float(number)


def _wrapped(target: Any, number: int) -> int:
    """Return the low bits of an integer."""
    low = number & ((1 << target.bitwidth) - 1)
    return low - (1 << target.bitwidth) if target.signed and low >> target.bitwidth - 1 else low


def _signed(type_: Any) -> bool:
    return isinstance(type_, types.Integer) and type_.signed


def true(builder: Any, x: Single) -> Any:
    """Return as one bit whether a number is not zero."""
    if x.type == types.boolean:
        return x.value
    zero = ir.Constant(x.value.type, 0)
    if isinstance(x.type, types.Float):
        return builder.fcmp_unordered("!=", x.value, zero)
    return builder.icmp_unsigned("!=", x.value, zero)


def unified(x: Any, y: Any) -> Any:
    """Return the type that two values have in common."""
    found = x if x == y else typing_context().unify_types(x, y)
    if found is None:
        raise BuildError(f"{x} and {y} have no type in common")
    return found


def binary(builder: Any, how: type[ast.operator], x: Single, y: Single) -> Single:
    """Return x + y and its like."""
    if how in _FOLDED and x.literal is not None and y.literal is not None and x.type == y.type:
        folded = _FOLDED[how](x.literal, y.literal)
        real = isinstance(x.type, types.Float)
        return constant(x.type, _rounded(x.type, folded)) if real else literal(folded)
    if how in (ast.BitAnd, ast.BitOr, ast.BitXor):
        return _bits(builder, how, x, y)
    both = _result(x.type, y.type)
    if how is ast.Div and not isinstance(both, types.Float):
        both = types.float64
    a, b = cast(builder, x, both), cast(builder, y, both)
    if isinstance(both, types.Float):
        return Single(both, _real(builder, how)(a.value, b.value))
    if how in (ast.FloorDiv, ast.Mod):
        return _quotient(builder, how, a, b, counted=x.counted and y.counted)
    counted = x.counted and y.counted and how in (ast.Add, ast.Mult)
    flags = ("nsw",) if counted else ()
    emitters: dict[type, Any] = {
        ast.Add: builder.add,
        ast.Sub: builder.sub,
        ast.Mult: builder.mul,
    }
    emit = emitters.get(how)
    if emit is None:
        raise BuildError(f"no {how.__name__} of {x.type} and {y.type}")
    return Single(both, emit(a.value, b.value, flags=flags), None, counted)


def _result(x: Any, y: Any) -> Any:
    """Return the type of a sum: int64 for integers and truth values, as in Numba."""
    if isinstance(x, types.Float) or isinstance(y, types.Float):
        if isinstance(x, types.Float) and isinstance(y, types.Float):
            return x if x.bitwidth >= y.bitwidth else y
        return types.float64
    for type_ in (x, y):
        if not isinstance(type_, types.Integer | types.Boolean):
            raise BuildError(f"{type_} is no number")
    unsigned = [t for t in (x, y) if isinstance(t, types.Integer) and not t.signed]
    if len(unsigned) == 2:
        return types.uint64
    return types.float64 if types.uint64 in unsigned else types.int64


def _real(builder: Any, how: type[ast.operator]) -> Any:
    emitters: dict[type, Any] = {
        ast.Add: builder.fadd,
        ast.Sub: builder.fsub,
        ast.Mult: builder.fmul,
        ast.Div: builder.fdiv,
    }
    emit = emitters.get(how)
    if emit is None:
        raise BuildError(f"no {how.__name__} of floating-point numbers")
    return emit


def _quotient(
    builder: Any, how: type[ast.operator], x: Single, y: Single, *, counted: bool
) -> Single:
    """Return x // y or x % y, rounded down; 0 for y = 0."""
    which = 0 if how is ast.FloorDiv else 1
    after = counted or (y.literal is not None and y.literal > 0 and which == 1)
    if counted and y.literal:
        value = (builder.udiv, builder.urem)[which](x.value, y.value)
    else:
        value = divided(builder, _signed(x.type), x.value, y.value)[which]
    return Single(x.type, value, None, after)


def _bits(builder: Any, how: type[ast.operator], x: Single, y: Single) -> Single:
    """Return x & y and its like, of truth values or integers."""
    both = types.boolean if x.type == y.type == types.boolean else _result(x.type, y.type)
    if isinstance(both, types.Float):
        raise BuildError(f"no {how.__name__} of {x.type} and {y.type}")
    a, b = cast(builder, x, both), cast(builder, y, both)
    emitters: dict[type, Any] = {
        ast.BitAnd: builder.and_,
        ast.BitOr: builder.or_,
        ast.BitXor: builder.xor,
    }
    return Single(both, emitters[how](a.value, b.value))


def negative(builder: Any, x: Single) -> Single:
    """Return -x."""
    if x.literal is not None:
        return constant(x.type, -x.literal)
    if isinstance(x.type, types.Float):
        return Single(x.type, builder.fneg(x.value))
    return binary(builder, ast.Sub, literal(0), x)


def settled(builder: Any, value: Any) -> Any:
    """Return a value read from memory that is not read there again later.

    NOTE: LLVM 22 joins a masked read and a choice between it and something else into one read
    where the choice is, even if the memory has been written in between.
    """
    made = ir.instructions.Instruction(builder.block, value.type, "freeze", [value])
    builder._insert(made)
    return made


def compare(builder: Any, how: type[ast.cmpop], x: Single, y: Single) -> Any:
    """Return a comparison as one bit; only != holds for NaN."""
    order = _ORDERS[how]
    if x.type == y.type == types.boolean:
        both = types.boolean
    else:
        both = _result(x.type, y.type)
    a, b = cast(builder, x, both).value, cast(builder, y, both).value
    if isinstance(both, types.Float):
        emit = builder.fcmp_unordered if order == "!=" else builder.fcmp_ordered
        return emit(order, a, b)
    return (builder.icmp_signed if _signed(both) else builder.icmp_unsigned)(order, a, b)


def absolute(builder: Any, x: Single) -> Single:
    """Return |x|."""
    if isinstance(x.type, types.Float):
        made = builder.module.declare_intrinsic("llvm.fabs", [x.value.type])
        return Single(x.type, builder.call(made, [x.value]))
    if not _signed(x.type):
        return x
    zero = ir.Constant(x.value.type, 0)
    below = builder.icmp_signed("<", x.value, zero)
    return Single(x.type, builder.select(below, builder.sub(zero, x.value), x.value))


def smaller(builder: Any, x: Single, y: Single) -> Single:
    """Return min(x, y): the first where neither is smaller."""
    both = unified(x.type, y.type)
    a, b = cast(builder, x, both), cast(builder, y, both)
    less = compare(builder, ast.Lt, b, a)
    counted = x.counted and y.counted
    return Single(both, builder.select(less, b.value, a.value), None, counted)
