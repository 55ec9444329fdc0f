"""Functions of one operand, element by element; integers are brought to the default float."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import ArgumentError, DTypeError
from gradc.ir.dtype import int64
from gradc.ir.primitive import Primitive, lookup
from gradc.tensor.arithmetic import DIV, MAXIMUM, MINIMUM, binary, div, mul, sub
from gradc.tensor.copying import detach
from gradc.tensor.core import is_tensor
from gradc.tensor.dispatch import apply
from gradc.tensor.logic import EQ, GE, GT, ISNAN, LE, LT, lt, where
from gradc.tensor.promotion import Operand, cast, need_floating, operand, result_type

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

(EXP, EXPM1, LOG, LOG1P, SQRT, RSQRT, SIN, COS, TAN, ASIN, ACOS, ATAN, SINH, COSH, TANH) = map(
    lookup,
    "exp expm1 log log1p sqrt rsqrt sin cos tan asin acos atan sinh cosh tanh".split(),
)
ASINH, ACOSH, ATANH, SIGMOID, ERF, ERFC = map(lookup, "asinh acosh atanh sigmoid erf erfc".split())
ABS, SIGN, FLOOR, CEIL, ROUND, TRUNC, RELU, RECIPROCAL = map(
    lookup, "abs sign floor ceil round trunc relu reciprocal".split()
)


def _floating(primitive: Primitive, x: Tensor) -> Tensor:
    return apply(primitive, need_floating(primitive.name, x))


def _whole(primitive: Primitive, x: Tensor) -> Tensor:
    """Apply a rounding; integers are whole already."""
    if x._dtype.is_bool:
        raise DTypeError(f"{primitive.name}: is not implemented for bool", hint=".to(gradc.int64)")
    return apply(primitive, x) if x._dtype.is_floating_point else cast(x, x._dtype)


def exp(input: Tensor) -> Tensor:
    """Return e^x."""
    return _floating(EXP, input)


def expm1(input: Tensor) -> Tensor:
    """Return e^x - 1, accurate near 0."""
    return _floating(EXPM1, input)


def exp2(input: Tensor) -> Tensor:
    """Return 2^x."""
    x = need_floating("exp2", input)
    return apply(EXP, mul(x, 0.6931471805599453))


def log(input: Tensor) -> Tensor:
    """Return the natural logarithm; NaN for negative numbers, -inf at 0."""
    return _floating(LOG, input)


def log1p(input: Tensor) -> Tensor:
    """Return log(1 + x), accurate near 0."""
    return _floating(LOG1P, input)


def log2(input: Tensor) -> Tensor:
    """Return the logarithm to base 2."""
    return div(_floating(LOG, input), 0.6931471805599453)


def log10(input: Tensor) -> Tensor:
    """Return the logarithm to base 10."""
    return div(_floating(LOG, input), 2.302585092994046)


def sqrt(input: Tensor) -> Tensor:
    """Return the square root; NaN for negative numbers."""
    return _floating(SQRT, input)


def rsqrt(input: Tensor) -> Tensor:
    """Return 1 / sqrt(x)."""
    return _floating(RSQRT, input)


def reciprocal(input: Tensor) -> Tensor:
    """Return 1 / x."""
    return _floating(RECIPROCAL, input)


def square(input: Tensor) -> Tensor:
    """Return x * x."""
    return mul(input, input) if not input._dtype.is_bool else cast(input, int64)


def sin(input: Tensor) -> Tensor:
    """Return the sine of an angle in radians."""
    return _floating(SIN, input)


def cos(input: Tensor) -> Tensor:
    """Return the cosine of an angle in radians."""
    return _floating(COS, input)


def tan(input: Tensor) -> Tensor:
    """Return the tangent of an angle in radians."""
    return _floating(TAN, input)


def asin(input: Tensor) -> Tensor:
    """Return the angle in [-pi/2, pi/2] with this sine."""
    return _floating(ASIN, input)


def acos(input: Tensor) -> Tensor:
    """Return the angle in [0, pi] with this cosine."""
    return _floating(ACOS, input)


def atan(input: Tensor) -> Tensor:
    """Return the angle in (-pi/2, pi/2) with this tangent."""
    return _floating(ATAN, input)


def sinh(input: Tensor) -> Tensor:
    """Return (e^x - e^-x) / 2."""
    return _floating(SINH, input)


def cosh(input: Tensor) -> Tensor:
    """Return (e^x + e^-x) / 2."""
    return _floating(COSH, input)


def tanh(input: Tensor) -> Tensor:
    """Return (e^x - e^-x) / (e^x + e^-x)."""
    return _floating(TANH, input)


def asinh(input: Tensor) -> Tensor:
    """Return the inverse of sinh."""
    return _floating(ASINH, input)


def acosh(input: Tensor) -> Tensor:
    """Return the inverse of cosh for x >= 1."""
    return _floating(ACOSH, input)


def atanh(input: Tensor) -> Tensor:
    """Return the inverse of tanh."""
    return _floating(ATANH, input)


def sigmoid(input: Tensor) -> Tensor:
    """Return 1 / (1 + e^-x)."""
    return _floating(SIGMOID, input)


def erf(input: Tensor) -> Tensor:
    """Return the error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x."""
    return _floating(ERF, input)


def erfc(input: Tensor) -> Tensor:
    """Return 1 - erf(x), accurate for large x."""
    return _floating(ERFC, input)


def relu(input: Tensor) -> Tensor:
    """Return max(x, 0); the derivative at 0 is 0."""
    if input._dtype.is_bool:
        raise DTypeError("relu: Boolean inputs not supported for relu")
    return apply(RELU, input)


def abs(input: Tensor) -> Tensor:
    """Return |x|."""
    if input._dtype.is_bool:
        raise DTypeError("abs: is not implemented for bool")
    return apply(ABS, input)


def sign(input: Tensor) -> Tensor:
    """Return -1, 0 or 1."""
    return cast(input, input._dtype) if input._dtype.is_bool else apply(SIGN, input)


def floor(input: Tensor) -> Tensor:
    """Return the largest whole number not above x."""
    return _whole(FLOOR, input)


def ceil(input: Tensor) -> Tensor:
    """Return the smallest whole number not below x."""
    return _whole(CEIL, input)


def trunc(input: Tensor) -> Tensor:
    """Return x without its fraction."""
    return _whole(TRUNC, input)


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """Return the nearest whole number, halves to the even one.

    Args:
        input: any shape.
        decimals: digits kept after the point (before it where negative).
    """
    if decimals == 0:
        return _whole(ROUND, input)
    scale = 10.0 ** math.fabs(decimals)
    if decimals > 0:
        return div(apply(ROUND, mul(input, scale)), scale)
    return mul(apply(ROUND, div(input, scale)), scale)


def frac(input: Tensor) -> Tensor:
    """Return the fraction of x, with its sign."""
    return sub(input, trunc(input))


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """Return log(x / (1 - x)), of x clamped to [eps, 1 - eps] where eps is given."""
    x = need_floating("logit", input)
    if eps is not None:
        x = clamp(x, eps, 1.0 - eps)
    return apply(LOG, apply(DIV, x, sub(1.0, x)))


def clamp(input: Tensor, min: Operand = None, max: Operand = None) -> Tensor:
    """Return x, not below `min` and not above `max`.

    Args:
        input: any shape.
        min: tensor, number or None.
        max: tensor, number or None; wins where it is below `min`.

    Raises:
        ArgumentError: if neither is given.
    """
    if min is None and max is None:
        raise ArgumentError("clamp: At least one of 'min' or 'max' must not be None")
    bounds = [operand("clamp", b) for b in (min, max) if b is not None]
    x = cast(input, result_type(input, *bounds))
    if min is not None:
        x = _bounded(x, min, GE, MAXIMUM, LT)
    if max is not None:
        x = _bounded(x, max, LE, MINIMUM, GT)
    return x


def _bounded(x: Tensor, bound: Any, within: Primitive, limit: Primitive, beyond: Primitive) -> Any:
    """Return x within a bound, else the bound; NaN where one is NaN.

    At the bound the gradient goes to x, at NaN to neither, as in PyTorch.
    """
    inside = binary(within, "clamp", x, bound)
    limited = detach(binary(limit, "clamp", x, bound))
    if is_tensor(bound) and bound.dtype.is_floating_point:
        limited = where(binary(beyond, "clamp", x, bound), bound, limited)
    return where(inside, x, limited)


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """Return 0 below 0, 1 above it, and `values` at it."""
    step = cast(lt(0, input), input._dtype)
    return where(binary(EQ, "heaviside", input, 0), values, step)


def nan_to_num(
    input: Tensor,
    nan: float | None = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Tensor:
    """Return x with NaN and infinities replaced; None stands for 0 and the largest numbers."""
    if not input._dtype.is_floating_point:
        return cast(input, input._dtype)
    largest = float(np.finfo(input._dtype.numpy).max)
    x = where(apply(ISNAN, input), 0.0 if nan is None else nan, input)
    x = where(binary(EQ, "eq", x, float("inf")), largest if posinf is None else posinf, x)
    low = -largest if neginf is None else neginf
    return where(binary(EQ, "eq", x, float("-inf")), low, x)
