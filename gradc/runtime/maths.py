"""Formulas -> the maths operations of generated text, typed by their argument."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from gradc.runtime import maths_error_function as error_function
from gradc.runtime import maths_exponential as exponential
from gradc.runtime import maths_inverse as inverse
from gradc.runtime import maths_logarithm as logarithm
from gradc.runtime import maths_sixteen_bits as sixteen_bits
from gradc.runtime import maths_trigonometric as trigonometric
from gradc.runtime.operation import Operation, same_type, signature
from gradc.runtime.real import DOUBLE, SINGLE, Formula, Maker, Real, function


def _operation(name: str, formula: Formula, count: int) -> Operation:
    """Return the operation of a formula of `count` numbers of one floating-point type."""

    def typing(context: Any, *args: Any) -> Any:
        kind = same_type(context, *args) if len(args) == count else None
        return signature(kind, *[kind] * count) if isinstance(kind, types.Float) else None

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        precision = SINGLE if sig.return_type == types.float32 else DOUBLE
        called = function(builder.module, name, formula, precision, count)
        return builder.call(called, args)

    return Operation(name, typing, lowering)


def _in_double(formula: Formula) -> Formula:
    """Return a formula of float64 that also takes float32, by way of float64."""

    def widened(m: Maker, *args: Real) -> Real:
        if not m.single:
            return formula(m, *args)
        double = Maker(m.builder, DOUBLE)
        return m.narrowed(formula(double, *(m.in_double(x)[1] for x in args)))

    return widened


def _sqrt(m: Maker, x: Real) -> Real:
    """Return the square root."""
    return x.sqrt()


def _rsqrt(m: Maker, x: Real) -> Real:
    """Return 1 / sqrt(x)."""
    return 1.0 / x.sqrt()


def _test(name: str, code: str) -> Operation:
    """Return the operation that asks whether a number is NaN, infinite or neither."""

    def typing(context: Any, x: Any) -> Any:
        x = types.unliteral(x)
        return signature(types.boolean, x) if isinstance(x, types.Number | types.Boolean) else None

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if not isinstance(sig.args[0], types.Float):
            return ir.Constant(ir.IntType(1), name == "isfinite")
        (x,) = args
        if name == "isnan":
            return builder.fcmp_unordered("uno", x, x)
        size = builder.call(builder.module.declare_intrinsic("llvm.fabs", [x.type]), [x])
        return builder.fcmp_ordered(code, size, ir.Constant(x.type, float("inf")))

    return Operation(name, typing, lowering)


exp = _operation("exp", exponential.exp, 1)
expm1 = _operation("expm1", exponential.expm1, 1)
sigmoid = _operation("sigmoid", exponential.sigmoid, 1)
softplus = _operation("softplus", exponential.softplus, 1)
tanh = _operation("tanh", exponential.tanh, 1)
sinh = _operation("sinh", _in_double(exponential.sinh), 1)
cosh = _operation("cosh", _in_double(exponential.cosh), 1)
log = _operation("log", logarithm.log, 1)
log1p = _operation("log1p", logarithm.log1p, 1)
asinh = _operation("asinh", _in_double(logarithm.asinh), 1)
acosh = _operation("acosh", _in_double(logarithm.acosh), 1)
atanh = _operation("atanh", _in_double(logarithm.atanh), 1)
sin = _operation("sin", trigonometric.sin, 1)
cos = _operation("cos", trigonometric.cos, 1)
tan = _operation("tan", _in_double(trigonometric.tan), 1)
asin = _operation("asin", _in_double(inverse.asin), 1)
acos = _operation("acos", _in_double(inverse.acos), 1)
atan = _operation("atan", _in_double(inverse.atan), 1)
atan2 = _operation("atan2", _in_double(inverse.atan2), 2)
erf = _operation("erf", error_function.erf, 1)
erfc = _operation("erfc", _in_double(error_function.erfc), 1)
sqrt = _operation("sqrt", _sqrt, 1)
rsqrt = _operation("rsqrt", _rsqrt, 1)
round_bfloat16 = _operation("round_bfloat16", sixteen_bits.round_bfloat16, 1)
round_float16 = _operation("round_float16", sixteen_bits.round_float16, 1)
isnan = _test("isnan", "")
isinf = _test("isinf", "==")
isfinite = _test("isfinite", "<")
