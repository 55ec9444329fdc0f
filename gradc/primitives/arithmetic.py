"""Elementwise arithmetic: neg, abs, add, sub, mul, div, reciprocal, pow, remainder, maximum ..."""

from __future__ import annotations

import numpy as np

from gradc.ir.primitive import register
from gradc.primitives.elementwise import Accepts, Array, elementwise
from gradc.primitives.elementwise_samples import binary, unary
from gradc.primitives.precedence import PRODUCT, SUM, UNARY
from gradc.symbolic.derived import PARTIALS

X, XY = ("x",), ("x", "y")
NUMBERS, FLOATS, ANY = Accepts.NUMBERS, Accepts.FLOATS, Accepts.ANY
AS_LOGIC = "logical_or or logical_and for bool, or convert with .to(gradc.int64)"
AS_INVERSE = "~x for bool, or convert with .to(gradc.int64)"


def _sign(x: Array) -> Array:
    """Return -1, 0 or 1; 0 for NaN, as in PyTorch."""
    return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)


def _pow(x: Array, y: Array) -> Array:
    """Return x ** y; of integers a negative power is 1 / x ** -y rounded towards 0."""
    if x.dtype.kind == "f" or not (y < 0).any():
        return np.power(x, y)
    odd = np.where(y % 2 == 0, 1, x)
    inverse = np.where((x == 1) | (x == -1), odd, 0).astype(x.dtype)
    return np.where(y < 0, inverse, np.power(x, np.maximum(y, 0)))


def _relu(x: Array) -> Array:
    return np.maximum(x, x.dtype.type(0))


neg = register(
    elementwise(
        "neg",
        np.negative,
        PARTIALS["neg"],
        operands=X,
        maths="-{0}",
        code="-{0}",
        precedence=UNARY,
        accepts=NUMBERS,
        samples=unary(integers=True),
        reference="neg",
        hint=AS_INVERSE,
    )
)
abs_ = register(
    elementwise(
        "abs",
        np.abs,
        PARTIALS["abs"],
        operands=X,
        maths="|{0}|",
        code="abs({0})",
        accepts=NUMBERS,
        samples=unary(integers=True),
        reference="abs",
    )
)
sign = register(
    elementwise(
        "sign",
        _sign,
        PARTIALS["sign"],
        operands=X,
        maths="sign({0})",
        code="sign({0})",
        accepts=NUMBERS,
        samples=unary(integers=True),
        reference="sign",
    )
)
reciprocal = register(
    elementwise(
        "reciprocal",
        np.reciprocal,
        PARTIALS["reciprocal"],
        operands=X,
        maths="1 / {0}",
        code="{one} / {0}",
        precedence=PRODUCT,
        samples=unary(0.5, 3.0),
        reference="reciprocal",
    )
)
add = register(
    elementwise(
        "add",
        np.add,
        PARTIALS["add"],
        operands=XY,
        maths="{0} + {1}",
        code="{0} + {1}",
        precedence=SUM,
        accepts=NUMBERS,
        samples=binary(),
        reference="add",
        hint=AS_LOGIC,
    )
)
sub = register(
    elementwise(
        "sub",
        np.subtract,
        PARTIALS["sub"],
        operands=XY,
        maths="{0} - {1}",
        code="{0} - {1}",
        precedence=SUM,
        accepts=NUMBERS,
        samples=binary(),
        reference="sub",
        hint="x ^ y for bool, or convert with .to(gradc.int64)",
    )
)
mul = register(
    elementwise(
        "mul",
        np.multiply,
        PARTIALS["mul"],
        operands=XY,
        maths="{0} * {1}",
        code="{0} * {1}",
        precedence=PRODUCT,
        accepts=NUMBERS,
        samples=binary(),
        reference="mul",
        hint=AS_LOGIC,
    )
)
div = register(
    elementwise(
        "div",
        np.divide,
        PARTIALS["div"],
        operands=XY,
        maths="{0} / {1}",
        code="{0} / {1}",
        precedence=PRODUCT,
        samples=binary((-3.0, 0.5), integers=False),
        reference="div",
        hint="convert with .to(gradc.float32)",
    )
)
floor_divide = register(
    elementwise(
        "floor_divide",
        np.floor_divide,
        PARTIALS["floor_divide"],
        operands=XY,
        maths="floor({0} / {1})",
        code="floor_divide({0}, {1})",
        accepts=NUMBERS,
        samples=binary((-3.0, 0.5)),
        reference="floor_divide",
    )
)
remainder = register(
    elementwise(
        "remainder",
        np.remainder,
        PARTIALS["remainder"],
        operands=XY,
        maths="{0} - {1} floor({0} / {1})",
        code="remainder({0}, {1})",
        accepts=NUMBERS,
        samples=binary((-3.0, 0.5)),
        reference="remainder",
    )
)
pow_ = register(
    elementwise(
        "pow",
        _pow,
        PARTIALS["pow"],
        operands=XY,
        maths="{0} ** {1}",
        code="pow({0}, {1})",
        accepts=NUMBERS,
        samples=binary((0.5, -3.0), integers=False),
        expensive=True,
        reference="pow",
    )
)
maximum = register(
    elementwise(
        "maximum",
        np.maximum,
        PARTIALS["maximum"],
        operands=XY,
        maths="max({0}, {1})",
        code="maximum({0}, {1})",
        accepts=ANY,
        samples=binary(),
        reference="maximum",
    )
)
minimum = register(
    elementwise(
        "minimum",
        np.minimum,
        PARTIALS["minimum"],
        operands=XY,
        maths="min({0}, {1})",
        code="minimum({0}, {1})",
        accepts=ANY,
        samples=binary(),
        reference="minimum",
    )
)
relu = register(
    elementwise(
        "relu",
        _relu,
        PARTIALS["relu"],
        operands=X,
        maths="max({0}, 0)",
        code="maximum({0}, {zero})",
        accepts=NUMBERS,
        samples=unary(integers=True),
        reference="relu",
    )
)
