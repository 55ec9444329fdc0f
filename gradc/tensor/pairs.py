"""Functions of two numbers that keep signs, skip NaN or don't overflow; signs and angles of one."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradc.errors import DTypeError
from gradc.ir.primitive import lookup
from gradc.tensor.arithmetic import add, div, maximum, mul, neg, sub
from gradc.tensor.copying import detach
from gradc.tensor.dispatch import apply
from gradc.tensor.elementwise import abs, clamp, log, sign, sin, sqrt
from gradc.tensor.logic import (
    eq,
    ge,
    isinf,
    isnan,
    le,
    logical_and,
    logical_not,
    logical_or,
    lt,
    where,
)
from gradc.tensor.promotion import Operand, need_floating, result_type, together
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def clamp_min(input: Tensor, min: Operand) -> Tensor:
    """Return x, not below `min`; where both are equal the gradient goes to x."""
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: Operand) -> Tensor:
    """Return x, not above `max`; where both are equal the gradient goes to x."""
    return clamp(input, max=max)


def signbit(input: Tensor) -> Tensor:
    """Return whether x is below 0 or -0; False for NaN."""
    if input._dtype.is_bool:
        return logical_and(input, logical_not(input))
    below = lt(input, 0)
    if not input._dtype.is_floating_point:
        return below
    # Only the reciprocal tells -0 from 0.
    zero = eq(input, 0)
    return logical_or(below, logical_and(zero, lt(div(1.0, where(zero, detach(input), 1.0)), 0)))


def copysign(input: Tensor, other: Operand) -> Tensor:
    """Return |x| with the sign of `other`, which may be that of -0; at x = 0 the gradient is 0."""
    x, y = _floats("copysign", input, other)
    half = where(signbit(detach(y)), -0.5, 0.5)
    # 1 or -1, also at zeros and NaN; the derivative of sign, 0, gives `other` a gradient of zeros.
    return mul(abs(x), sign(add(sign(y), half)))


def fmax(input: Tensor, other: Tensor) -> Tensor:
    """Return the larger of each pair, and the other one where one is NaN.

    Where both are equal the gradient goes to the first.
    """
    x, y = together("fmax", input, other)
    return where(logical_or(ge(x, y), isnan(y)), x, y)


def fmin(input: Tensor, other: Tensor) -> Tensor:
    """Return the smaller of each pair, and the other one where one is NaN.

    Where both are equal the gradient goes to the first.
    """
    x, y = together("fmin", input, other)
    return where(logical_or(le(x, y), isnan(y)), x, y)


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """Return sqrt(x^2 + y^2), without overflow in between."""
    x, y = _floats("hypot", input, other)
    infinite = logical_or(isinf(x), isinf(y))
    largest = detach(maximum(abs(x), abs(y)))
    scale = where(logical_or(eq(largest, 0), infinite), 1.0, largest)
    a, b = div(x, scale), div(y, scale)
    # infinite beside NaN too, as in C
    return where(infinite, math.inf, mul(scale, sqrt(add(mul(a, a), mul(b, b)))))


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """Return log(e^x + e^y), without overflow."""
    x, y = _floats("logaddexp", input, other)
    # inf - inf is NaN: equal infinities are taken as a difference of 0.
    both = logical_and(isinf(x), eq(x, y))
    apart = abs(sub(where(both, 0.0, x), where(both, 0.0, y)))
    return add(maximum(x, y), apply(lookup("softplus"), neg(apart)))


def xlogy(input: Operand, other: Operand) -> Tensor:
    """Return x log(y), 0 where x = 0 unless y is NaN."""
    x, y = _floats("xlogy", input, other)
    # 0 times an infinite or undefined logarithm, in value and gradient
    free = logical_and(eq(x, 0), logical_or(le(y, 0), isinf(y)))
    return mul(x, log(where(free, 1.0, y)))


def sinc(input: Tensor) -> Tensor:
    """Return sin(pi x) / (pi x), 1 at 0."""
    x = mul(need_floating("sinc", input), math.pi)
    # NOTE: the derivative of the quotient is inf - inf near 0; the series is exact to the last bit.
    near = lt(abs(x), 3e-4)
    small, angle = where(near, x, 0.0), where(near, 1.0, x)
    return where(near, sub(1.0, div(mul(small, small), 6.0)), div(sin(angle), angle))


def deg2rad(input: Tensor) -> Tensor:
    """Return an angle in radians of one in degrees."""
    return mul(_angle("deg2rad", input), math.pi / 180.0)


def rad2deg(input: Tensor) -> Tensor:
    """Return an angle in degrees of one in radians."""
    return mul(_angle("rad2deg", input), 180.0 / math.pi)


def _angle(name: str, x: Tensor) -> Tensor:
    """Return an angle as a floating tensor."""
    if x._dtype.is_bool:
        raise DTypeError(f"{name}: is not implemented for bool", hint=".to(gradc.float32)")
    return need_floating(name, x)


def _floats(name: str, x: Operand, y: Operand) -> tuple[Tensor, Tensor]:
    """Return two operands as floating tensors of one dtype and shape."""
    dtype = result_type(x, y)
    a, b = together(name, x, y, dtype=dtype if dtype.is_floating_point else STATE.default_dtype)
    return a, b
