"""Elementwise roots, exponentials, logarithms, circular and hyperbolic functions, sigmoid, erf."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradc.ir.primitive import Primitive, register
from gradc.primitives.elementwise import Array, elementwise
from gradc.primitives.elementwise_samples import Samples, binary, unary
from gradc.primitives.error_function import erf as erf_meaning
from gradc.primitives.error_function import erfc as erfc_meaning
from gradc.symbolic.derived import PARTIALS

AS_FLOAT = "convert with .to(gradc.float32)"


def _rsqrt(x: Array) -> Array:
    return np.reciprocal(np.sqrt(x))


def _sigmoid(x: Array) -> Array:
    """Return 1 / (1 + e^-x), in a form that cannot overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, x.dtype.type(1), e) / (1 + e)


def _softplus(x: Array) -> Array:
    """Return log(1 + e^x), in a form that cannot overflow."""
    return np.maximum(x, x.dtype.type(0)) + np.log1p(np.exp(-np.abs(x)))


def _function(
    name: str,
    meaning: Callable[..., Any],
    samples: Samples,
    *,
    maths: str = "",
    expensive: bool = True,
    reference: str = "",
) -> Primitive:
    """Register a function of one operand that generated code calls by its own name."""
    return register(
        elementwise(
            name,
            meaning,
            PARTIALS[name],
            operands=("x",),
            maths=maths or f"{name}({{0}})",
            code=f"{name}({{0}})",
            samples=samples,
            expensive=expensive,
            reference=reference or name,
            hint=AS_FLOAT,
        )
    )


exp = _function("exp", np.exp, unary(kinks=(-1000.0, 1000.0)), maths="e^{0}")
expm1 = _function("expm1", np.expm1, unary(kinks=(1e-12, -50.0)), maths="e^{0} - 1")
log = _function("log", np.log, unary(0.2, 4.0))
log1p = _function("log1p", np.log1p, unary(-0.8, 4.0, kinks=(1e-12,)), maths="log(1 + {0})")
sqrt = _function("sqrt", np.sqrt, unary(0.2, 4.0), expensive=False)
rsqrt = _function("rsqrt", _rsqrt, unary(0.2, 4.0), maths="1 / sqrt({0})", expensive=False)
sin = _function("sin", np.sin, unary())
cos = _function("cos", np.cos, unary())
tan = _function("tan", np.tan, unary(-1.3, 1.3))
asin = _function("asin", np.arcsin, unary(-0.9, 0.9))
acos = _function("acos", np.arccos, unary(-0.9, 0.9))
atan = _function("atan", np.arctan, unary())
sinh = _function("sinh", np.sinh, unary())
cosh = _function("cosh", np.cosh, unary())
tanh = _function("tanh", np.tanh, unary(kinks=(30.0, -30.0)))
asinh = _function("asinh", np.arcsinh, unary())
acosh = _function("acosh", np.arccosh, unary(1.2, 4.0))
atanh = _function("atanh", np.arctanh, unary(-0.9, 0.9))
sigmoid = _function(
    "sigmoid", _sigmoid, unary(kinks=(-1000.0, 1000.0, -90.0)), maths="1 / (1 + e^-{0})"
)
softplus = _function(
    "softplus",
    _softplus,
    unary(kinks=(-1000.0, 1000.0, -90.0)),
    maths="log(1 + e^{0})",
    reference="nn.functional.softplus",
)
erf = _function("erf", erf_meaning, unary(kinks=(0.46875, 4.0, -4.0, 5.9)))
erfc = _function(
    "erfc", erfc_meaning, unary(kinks=(0.46875, 4.0, -4.0, 9.0, 26.0)), maths="1 - erf({0})"
)

atan2 = register(
    elementwise(
        "atan2",
        np.arctan2,
        PARTIALS["atan2"],
        operands=("y", "x"),
        maths="angle of ({1}, {0})",
        code="atan2({0}, {1})",
        samples=binary(integers=False),
        expensive=True,
        reference="atan2",
        hint=AS_FLOAT,
    )
)
