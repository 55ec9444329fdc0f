"""Bits of integers: and, or, xor, not and shifts; of bool the same signs mean logic."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING

from gradc.errors import DTypeError
from gradc.ir.dtype import uint8
from gradc.ir.primitive import Primitive, lookup
from gradc.tensor.arithmetic import AND, FLOOR_DIVIDE, OR, XOR, binary, mul, sub
from gradc.tensor.core import home, shape_of
from gradc.tensor.dispatch import apply, constant
from gradc.tensor.logic import NOT, ge, logical_and, lt, where
from gradc.tensor.promotion import Operand, operand, result_type, together

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

BITS_AND, BITS_OR, BITS_XOR = map(lookup, ("bitwise_and", "bitwise_or", "bitwise_xor"))
POW = lookup("pow")


def bitwise_and(input: Operand, other: Operand) -> Tensor:
    """Return input & other: of each bit of integers, or `and` of bool."""
    return _bitwise(BITS_AND, AND, "bitwise_and", input, other)


def bitwise_or(input: Operand, other: Operand) -> Tensor:
    """Return input | other: of each bit of integers, or `or` of bool."""
    return _bitwise(BITS_OR, OR, "bitwise_or", input, other)


def bitwise_xor(input: Operand, other: Operand) -> Tensor:
    """Return input ^ other: of each bit of integers, or whether two bools differ."""
    return _bitwise(BITS_XOR, XOR, "bitwise_xor", input, other)


def bitwise_not(input: Tensor) -> Tensor:
    """Return ~input: `not` of bool, -x - 1 of integers."""
    if input._dtype.is_bool:
        return apply(NOT, input)
    if input._dtype.is_floating_point:
        raise DTypeError(f"bitwise_not: is not defined for {input._dtype}")
    return sub(mul(input, -1), 1)


def bitwise_left_shift(input: Operand, other: Operand) -> Tensor:
    """Return input << other of integers; 0 for shifts below 0 or of all bits."""
    x, by = _shifted("bitwise_left_shift", "<<", input, other)
    some = logical_and(ge(by, 0), lt(by, 8 * x._dtype.itemsize))
    return where(some, mul(x, _power_of_two(where(some, by, 0))), 0)


def bitwise_right_shift(input: Operand, other: Operand) -> Tensor:
    """Return input >> other of integers; 0 or -1 for shifts below 0 or of all bits."""
    x, by = _shifted("bitwise_right_shift", ">>", input, other)
    # 2 ** 63 isn't an int64, and shifts by 63 leave the sign, as those by more do.
    largest = 8 * x._dtype.itemsize - (0 if x._dtype is uint8 else 1)
    some = logical_and(ge(by, 0), lt(by, largest))
    moved = apply(FLOOR_DIVIDE, x, _power_of_two(where(some, by, 0)))
    return where(some, moved, 0 if x._dtype is uint8 else where(lt(x, 0), by.new_tensor(-1), 0))


def rlshift(input: Tensor, other: Operand) -> Tensor:
    """Return other << input."""
    return bitwise_left_shift(other, input)


def rrshift(input: Tensor, other: Operand) -> Tensor:
    """Return other >> input."""
    return bitwise_right_shift(other, input)


def _bitwise(bits: Primitive, logic: Primitive, name: str, x: Operand, y: Operand) -> Tensor:
    x, y = operand(name, x), operand(name, y)
    dtype = result_type(x, y)
    if dtype.is_floating_point:
        raise DTypeError(
            f"{name}: takes bool and integers, got {dtype}", hint="compare first: (x > 0) & (y > 0)"
        )
    return binary(logic if dtype.is_bool else bits, name, x, y)


def _shifted(name: str, sign: str, x: Operand, y: Operand) -> tuple[Tensor, Tensor]:
    """Return what is shifted and by how much, as integers of one dtype and shape."""
    x, y = operand(name, x), operand(name, y)
    dtype = result_type(x, y)
    if dtype.is_bool or dtype.is_floating_point:
        raise DTypeError(
            f"{name}: `{sign}` takes integers, got {dtype}", hint="convert with .to(gradc.int64)"
        )
    a, b = together(name, x, y)
    return a, b


def _power_of_two(exponent: Tensor) -> Tensor:
    two = constant(2, exponent._dtype, shape_of(exponent), home(exponent))
    return apply(POW, two, exponent)
