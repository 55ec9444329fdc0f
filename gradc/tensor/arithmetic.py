"""Arithmetic of two operands, which may be tensors or numbers, with broadcasting and promotion."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradc.errors import ArgumentError, DTypeError
from gradc.ir.dtype import bool_, int64
from gradc.ir.primitive import Primitive, lookup
from gradc.tensor.core import is_tensor
from gradc.tensor.dispatch import apply
from gradc.tensor.kinds import is_array
from gradc.tensor.promotion import (
    Operand,
    cast,
    is_number,
    operand,
    pair,
    result_type,
    together,
)
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

ADD, SUB, MUL, DIV = map(lookup, ("add", "sub", "mul", "div"))
FLOOR_DIVIDE, REMAINDER, POW = map(lookup, ("floor_divide", "remainder", "pow"))
MAXIMUM, MINIMUM, ATAN2 = map(lookup, ("maximum", "minimum", "atan2"))
AND, OR, XOR = map(lookup, ("logical_and", "logical_or", "logical_xor"))
FLOOR, TRUNC, NEG, ABS = map(lookup, ("floor", "trunc", "neg", "abs"))
WHERE, LT, EQ = map(lookup, ("where", "lt", "eq"))


def binary(primitive: Primitive, name: str, x: Operand, y: Operand) -> Tensor:
    """Return primitive(x, y) on operands brought together."""
    return apply(primitive, *pair(name, x, y))


def add(input: Operand, other: Operand, *, alpha: Operand = 1) -> Tensor:
    """Return input + alpha * other; for bool, `or`.

    Args:
        input: a tensor or number.
        other: a tensor or number that broadcasts with it.
        alpha: factor of `other`.

    Raises:
        ShapeError: shapes that don't broadcast.

    Example:
        >>> import gradc
        >>> gradc.add(gradc.tensor([1.0, 2.0]), 3).tolist()
        [4.0, 5.0]
    """
    x, y = pair("add", input, scaled("add", other, alpha))
    return apply(OR if x._dtype is bool_ else ADD, x, y)


def scaled(name: str, other: Operand, alpha: Operand) -> Operand:
    """Return alpha * other."""
    if type(alpha) is int and alpha == 1:
        return other
    if isinstance(alpha, float) and is_tensor(other) and not other._dtype.is_floating_point:
        raise DTypeError(
            f"{name}: For integral input tensors, argument alpha must not be a floating point "
            "number."
        )
    return mul(other, alpha) if is_tensor(other) else other * alpha


def sub(input: Operand, other: Operand, *, alpha: Operand = 1) -> Tensor:
    """Return input - alpha * other."""
    other = scaled("sub", other, alpha)
    if any(isinstance(v, bool) or (is_tensor(v) and v._dtype is bool_) for v in (input, other)):
        raise DTypeError(
            "sub: Subtraction, the `-` operator, with a bool tensor is not supported.",
            hint="use the `^` or `logical_xor()` operator, or .to(gradc.int64)",
        )
    return apply(SUB, *pair("sub", input, other))


def rsub(input: Tensor, other: Operand) -> Tensor:
    """Return other - input."""
    return sub(other, input)


def mul(input: Operand, other: Operand) -> Tensor:
    """Return input * other; for bool, `and`."""
    x, y = pair("mul", input, other)
    return apply(AND if x._dtype is bool_ else MUL, x, y)


def div(input: Operand, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """Return input / other; integers give the default floating dtype.

    Args:
        input: dividend.
        other: divisor.
        rounding_mode: None; `trunc` rounds to zero, `floor` rounds down (and keeps integers).
    """
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode not in (None, "trunc"):
        raise ArgumentError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"{rounding_mode!r}"
        )
    x, y = pair("div", input, other)
    if x._dtype.is_floating_point:
        out = apply(DIV, x, y)
        return out if rounding_mode is None else apply(TRUNC, out)
    if rounding_mode is None:
        return apply(DIV, cast(x, STATE.default_dtype), cast(y, STATE.default_dtype))
    refuse_zero(y)
    # NOTE: rounding down and to zero differ by one where signs differ and something is left
    low = apply(FLOOR_DIVIDE, x, y)
    rest = apply(SUB, x, apply(MUL, low, y))
    up = mul(ne_zero(rest), lt_zero(low))
    return apply(ADD, low, cast(up, low._dtype))


def ne_zero(x: Tensor) -> Tensor:
    """Return x != 0."""
    return binary(lookup("ne"), "ne", x, 0)


def lt_zero(x: Tensor) -> Tensor:
    """Return x < 0."""
    return binary(lookup("lt"), "lt", x, 0)


def refuse_zero(y: Tensor) -> None:
    """Raise for an integer divisor with zeros, which eager mode can see."""
    data = y._data
    if is_array(data) and data.dtype.kind in "iu" and not data.all():
        raise ZeroDivisionError("ZeroDivisionError: integer division by zero")


def floor_divide(input: Operand, other: Operand) -> Tensor:
    """Return input / other rounded down."""
    x, y = operand("floor_divide", input), operand("floor_divide", other)
    x, y = together("floor_divide", x, y)
    if x._dtype.is_bool:
        raise DTypeError("floor_divide: is not implemented for bool", hint=".to(gradc.int64)")
    refuse_zero(y)
    return apply(FLOOR_DIVIDE, x, y)


def remainder(input: Operand, other: Operand) -> Tensor:
    """Return input - other * floor(input / other), which has the sign of `other`."""
    x, y = operand("remainder", input), operand("remainder", other)
    x, y = together("remainder", x, y)
    if x._dtype.is_bool:
        raise DTypeError("remainder: is not implemented for bool", hint=".to(gradc.int64)")
    refuse_zero(y)
    return apply(REMAINDER, x, y)


def fmod(input: Operand, other: Operand) -> Tensor:
    """Return input - other * trunc(input / other), which has the sign of `input`."""
    x, y = operand("fmod", input), operand("fmod", other)
    x, y = pair("fmod", x, y)
    if not x._dtype.is_floating_point:
        return sub(x, mul(div(x, y, rounding_mode="trunc"), y))
    # The remainder of sizes is exact, x - y * trunc(x / y) is not; a zero keeps its sign.
    rest = apply(REMAINDER, apply(ABS, x), apply(ABS, y))
    signed = apply(WHERE, binary(LT, "fmod", x, 0), apply(NEG, rest), rest)
    return apply(WHERE, binary(EQ, "fmod", x, 0), mul(x, add(rest, 1)), signed)


def pow(input: Operand, exponent: Operand) -> Tensor:
    """Return input ** exponent.

    Small whole exponents become products, 0.5 a square root.

    Args:
        input: base.
        exponent: power; of integers a negative number is an error. In a tensor of integers it
            gives 1 / x rounded towards 0: 0, but for x = 1 and -1.
    """
    x, y = operand("pow", input), operand("pow", exponent)
    if is_tensor(x) and is_number(y):
        return number_power(x, y)
    x, y = together("pow", x, y)
    if x._dtype.is_bool:
        raise DTypeError("pow: is not implemented for bool", hint=".to(gradc.int64)")
    return apply(POW, x, y)


LARGEST_PRODUCT = 4


def number_power(x: Tensor, exponent: Any) -> Tensor:
    """Return x ** exponent for a Python number."""
    dtype = result_type(x, exponent)
    if dtype.is_bool:
        return cast(number_power(cast(x, int64), int(exponent)), bool_)
    x = cast(x, dtype)
    if not dtype.is_floating_point and exponent < 0:
        raise ArgumentError(
            "pow: Integers to negative integer powers are not allowed.",
            hint="convert the base with .to(gradc.float32)",
        )
    if exponent == 0.5 and dtype.is_floating_point:
        return apply(lookup("sqrt"), x)
    if exponent in (1, 2, 3, LARGEST_PRODUCT):
        square = x if exponent == 1 else apply(MUL, x, x)
        if exponent == 1:
            return apply(MUL, *together("mul", x, 1, dtype=dtype))
        if exponent == 2:
            return square
        return apply(MUL, square, x if exponent == 3 else square)
    if exponent == -1:
        return apply(lookup("reciprocal"), x)
    return apply(POW, *together("pow", x, exponent, dtype=dtype))


def maximum(input: Operand, other: Operand) -> Tensor:
    """Return the larger of each pair; NaN where either is NaN."""
    return binary(MAXIMUM, "maximum", input, other)


def minimum(input: Operand, other: Operand) -> Tensor:
    """Return the smaller of each pair; NaN where either is NaN."""
    return binary(MINIMUM, "minimum", input, other)


def atan2(input: Operand, other: Operand) -> Tensor:
    """Return the angle of the point (other, input), from -pi to pi."""
    return floating_binary(ATAN2, "atan2", input, other)


def floating_binary(primitive: Primitive, name: str, x: Operand, y: Operand) -> Tensor:
    """Return primitive(x, y) in a floating dtype."""
    x, y = operand(name, x), operand(name, y)
    dtype = result_type(x, y)
    dtype = dtype if dtype.is_floating_point else STATE.default_dtype
    return apply(primitive, *together(name, x, y, dtype=dtype))


def neg(input: Tensor) -> Tensor:
    """Return -input."""
    if input._dtype.is_bool:
        raise DTypeError(
            "neg: Negation, the `-` operator, on a bool tensor is not supported.",
            hint="use the `~` or `logical_not()` operator",
        )
    return apply(NEG, input)


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Operand = 1) -> Tensor:
    """Return input + value * tensor1 * tensor2."""
    product = mul(tensor1, tensor2)
    value = factor("addcmul", "value", value, input, product)
    return add(input, product if is_one(value) else mul(product, value))


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Operand = 1) -> Tensor:
    """Return input + value * tensor1 / tensor2."""
    scaled_first = tensor1 if is_one(value) else mul(tensor1, value)
    return add(input, div(scaled_first, tensor2))


def factor(name: str, argument: str, value: Operand, *of: Tensor) -> Operand:
    """Return a factor, among integers as one of them; there it must be a whole number."""
    if not isinstance(value, float) or any(t._dtype.is_floating_point for t in of):
        return value
    if not value.is_integer():
        raise DTypeError(
            f"{name}: {argument} must be a whole number for tensors of integers, got {value}",
            hint="convert with .to(gradc.float32)",
        )
    return int(value)


def is_one(value: Operand) -> bool:
    """Return whether a factor is the number 1."""
    return is_number(value) and value == 1


def lerp(input: Tensor, end: Tensor, weight: Operand) -> Tensor:
    """Return input + weight * (end - input), exactly `end` where the weight is 1.

    Args:
        input: where the weight is 0.
        end: where it is 1.
        weight: a number, or a tensor that broadcasts with both.
    """
    way = sub(end, input)
    if is_number(weight):
        near = -0.5 < weight < 0.5
        return add(input, mul(way, weight)) if near else sub(end, mul(way, 1 - weight))
    way, share = pair("lerp", way, weight)
    from_input, from_end = add(input, mul(way, share)), sub(end, mul(way, sub(1, share)))
    return apply(WHERE, binary(LT, "lerp", apply(ABS, share), 0.5), from_input, from_end)
