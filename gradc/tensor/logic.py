"""Comparisons, logic and choice: results of dtype bool, and `where`."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import DTypeError
from gradc.ir.dtype import bool_
from gradc.ir.primitive import Primitive, lookup
from gradc.tensor.arithmetic import AND, OR, XOR, add, binary, mul, sub
from gradc.tensor.core import elements, is_tensor, resolve, shape_of
from gradc.tensor.dispatch import apply
from gradc.tensor.hits import nonzero
from gradc.tensor.moving import check_beside
from gradc.tensor.promotion import (
    Operand,
    brought,
    cast,
    common_shape,
    on_one_device,
    operand,
    result_type,
    together,
)
from gradc.tensor.refusal import refuse_value
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

EQ, NE, LT, LE, GT, GE = map(lookup, ("eq", "ne", "lt", "le", "gt", "ge"))
NOT, WHERE, ABS = map(lookup, ("logical_not", "where", "abs"))
ISNAN, ISINF, ISFINITE = map(lookup, ("isnan", "isinf", "isfinite"))


def eq(input: Operand, other: Operand) -> Tensor:
    """Return input == other, element by element."""
    return binary(EQ, "eq", input, other)


def ne(input: Operand, other: Operand) -> Tensor:
    """Return input != other, element by element."""
    return binary(NE, "ne", input, other)


def lt(input: Operand, other: Operand) -> Tensor:
    """Return input < other, element by element."""
    return binary(LT, "lt", input, other)


def le(input: Operand, other: Operand) -> Tensor:
    """Return input <= other, element by element."""
    return binary(LE, "le", input, other)


def gt(input: Operand, other: Operand) -> Tensor:
    """Return input > other, element by element."""
    return binary(GT, "gt", input, other)


def ge(input: Operand, other: Operand) -> Tensor:
    """Return input >= other, element by element."""
    return binary(GE, "ge", input, other)


def truth(x: Tensor) -> Tensor:
    """Return x != 0 as bool."""
    return cast(x, bool_)


def logical(primitive: Primitive, name: str, x: Operand, y: Operand) -> Tensor:
    """Return primitive(x != 0, y != 0)."""
    return apply(primitive, *together(name, operand(name, x), operand(name, y), dtype=bool_))


def logical_and(input: Tensor, other: Operand) -> Tensor:
    """Return whether both are non-zero."""
    return logical(AND, "logical_and", input, other)


def logical_or(input: Tensor, other: Operand) -> Tensor:
    """Return whether one is non-zero."""
    return logical(OR, "logical_or", input, other)


def logical_xor(input: Tensor, other: Operand) -> Tensor:
    """Return whether exactly one is non-zero."""
    return logical(XOR, "logical_xor", input, other)


def logical_not(input: Tensor) -> Tensor:
    """Return whether the element is zero."""
    return apply(NOT, truth(input))


def _floats(primitive: Primitive, x: Tensor, integers: bool) -> Tensor:
    """Apply a test on floats; integers all give the same answer."""
    if x._dtype.is_floating_point:
        return apply(primitive, x)
    return (eq if integers else ne)(x, x)


def isnan(input: Tensor) -> Tensor:
    """Return whether the element is NaN."""
    return _floats(ISNAN, input, False)


def isinf(input: Tensor) -> Tensor:
    """Return whether the element is inf or -inf."""
    return _floats(ISINF, input, False)


def isfinite(input: Tensor) -> Tensor:
    """Return whether the element is neither NaN nor infinite."""
    return _floats(ISFINITE, input, True)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """Return `input` where the condition holds, `other` elsewhere.

    Args:
        condition: bool.
        input: tensor or number; without it and `other`: the indices where the condition holds.
        other: tensor or number.

    Raises:
        DTypeError: a condition that is not bool.
    """
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    condition, x, y = (operand("where", v) for v in (condition, input, other))
    if not is_tensor(condition) or not condition._dtype.is_bool:
        given = condition._dtype if is_tensor(condition) else type(condition).__name__
        raise DTypeError(
            f"where: expected condition to be a boolean tensor, but got {given}",
            hint="where(x > 0, ...)",
        )
    dtype = result_type(x, y)
    shape = common_shape("where", (condition, x, y))
    (condition, x, y), device = on_one_device("where", (condition, x, y))
    chosen = brought(condition, bool_, shape, device)
    return apply(WHERE, chosen, brought(x, dtype, shape, device), brought(y, dtype, shape, device))


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Return |input - other| <= atol + rtol |other|, element by element."""
    x, y = together("isclose", input, other)
    same = eq(x, y)
    if equal_nan:
        same = apply(OR, same, apply(AND, isnan(x), isnan(y)))
    if not x._dtype.is_floating_point:
        x, y = cast(x, STATE.default_dtype), cast(y, STATE.default_dtype)
    near = le(apply(ABS, sub(x, y)), add(mul(apply(ABS, y), rtol), atol))
    return apply(OR, same, apply(AND, near, isfinite(y)))


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Return whether all elements are close (`isclose`)."""
    near = resolve(isclose(input, other, rtol, atol, equal_nan))
    refuse_value(near, "allclose")
    return bool(elements(near).all())


def equal(input: Tensor, other: Tensor) -> bool:
    """Return whether shape and all elements are equal."""
    check_beside("equal", input=input, other=other)
    x, y = resolve(input), resolve(other)
    refuse_value(x, "equal")
    refuse_value(y, "equal")
    return shape_of(x) == shape_of(y) and bool(np.array_equal(elements(x), elements(y)))
