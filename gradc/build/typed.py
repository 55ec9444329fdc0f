"""What an expression of generated text is while it is translated: typed LLVM values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.registry import cpu_target

from gradc.runtime.arrays import array, parts
from gradc.runtime.operation import Operation

I1, I64 = ir.IntType(1), ir.IntType(64)


@dataclass(frozen=True, slots=True)
class Single:
    """One value that LLVM keeps in a register: a number, a tile, rows, an address.

    Attributes:
        type: Numba's.
        value: LLVM's.
        literal: the number, where it is written in the text.
        counted: whether it is a position or a size, and so never negative.
    """

    type: Any
    value: Any
    literal: int | float | None = None
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Array:
    """An array; its sizes and strides (counted in elements) are known one by one."""

    type: Any
    data: Any
    sizes: tuple[Any, ...]
    strides: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A tuple."""

    items: tuple[Value, ...]


Value = Single | Array | Group


def context() -> Any:
    """Return what knows how Numba's types lie in memory."""
    return cpu_target.target_context


def typing_context() -> Any:
    """Return what knows which types unify."""
    return cpu_target.typing_context


def constant(type_: Any, number: float) -> Single:
    """Return a number of the text as a value of a type."""
    value = ir.Constant(context().get_value_type(type_), number)
    counted = isinstance(type_, types.Integer) and number >= 0
    return Single(type_, value, number, counted)


def whole(number: int) -> Any:
    """Return LLVM's constant for a position."""
    return ir.Constant(I64, number)


def dense(builder: Any, sizes: Sequence[Any]) -> tuple[Any, ...]:
    """Return the strides of an array without gaps."""
    strides = [whole(1)]
    for size in reversed(sizes[1:]):
        strides.insert(0, times(builder, strides[0], size))
    return tuple(strides[: len(sizes)])


def times(builder: Any, x: Any, y: Any) -> Any:
    """Return x * y of sizes or positions, computed now where both are known."""
    for known, other in ((x, y), (y, x)):
        if isinstance(known, ir.Constant):
            if isinstance(other, ir.Constant):
                return whole(known.constant * other.constant)
            if known.constant == 1:
                return other
    return builder.mul(x, y, flags=("nsw",))


def type_of(value: Value) -> Any:
    """Return Numba's type of a value; integers of the text are types of their own."""
    match value:
        case Single(type_, _, int(number)) if isinstance(type_, types.Integer):
            return types.literal(number)
        case Group(items):
            return types.BaseTuple.from_types([types.unliteral(type_of(v)) for v in items])
        case _:
            return value.type


def handed(builder: Any, value: Value) -> Any:
    """Return a value as operations of the runtime take it."""
    match value:
        case Single():
            return value.value
        case Group(items):
            type_ = type_of(value)
            return context().make_tuple(builder, type_, [handed(builder, v) for v in items])
        case Array(type_, data, sizes, strides):
            size = whole(context().get_abi_sizeof(data.type.pointee))
            apart = [times(builder, stride, size) for stride in strides]
            return array(context(), builder, type_, data, sizes, apart)


def received(builder: Any, type_: Any, value: Any) -> Value | None:
    """Return what an operation of the runtime has given."""
    if type_ == types.void:
        return None
    if isinstance(type_, types.BaseTuple):
        items = cgutils.unpack_tuple(builder, value, len(type_))
        return Group(tuple(map(Single, type_.types, items)))
    if not isinstance(type_, types.Array):
        return Single(type_, value)
    made = parts(context(), builder, type_, value)
    return Array(type_, made.data, tuple(made.shape), dense(builder, made.shape))


def flat(value: Value) -> list[Any]:
    """Return a value as the arguments that one kernel gives to another."""
    if isinstance(value, Array):
        strides = value.strides if value.type.layout != "C" else ()
        return [value.data, *value.sizes, *strides]
    assert isinstance(value, Single)
    return [value.value]


def flat_types(type_: Any) -> list[Any]:
    """Return LLVM's types of these arguments."""
    if isinstance(type_, types.Array):
        count = type_.ndim if type_.layout == "C" else 2 * type_.ndim
        element = context().get_data_type(type_.dtype)
        return [element.as_pointer(), *[I64] * count]
    return [context().get_value_type(type_)]


def unflat(builder: Any, type_: Any, given: Sequence[Any]) -> Value:
    """Return the value that arguments stand for."""
    if not isinstance(type_, types.Array):
        return Single(type_, given[0])
    sizes = tuple(given[1 : 1 + type_.ndim])
    strides = tuple(given[1 + type_.ndim :]) or dense(builder, sizes)
    return Array(type_, given[0], sizes, strides)


def refused(operation: Operation, args: Sequence[Value]) -> str:
    """Return the message for arguments that an operation does not take."""
    return f"{operation.__name__} does not take ({', '.join(str(type_of(a)) for a in args)})"
