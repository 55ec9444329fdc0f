"""Arithmetic on `Real` values in Python -> LLVM instructions, one scalar function per name.

Maths functions are written once as Python expressions on `Real`; what they emit has no
branches and no calls, so a loop around it becomes vector instructions on every processor
(`Maker.branch` is the exception).
The functions are named `gradc.*`: the build leaves them without fast-math flags, so that what
is written here is what is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

_BIT = ir.IntType(1)


class Precision:
    """The numbers that describe float32 or float64."""

    def __init__(self, bits: int) -> None:
        """Describe numbers of 32 or 64 bits."""
        single = bits == 32
        self.bits = bits
        self.single = single
        self.real = ir.FloatType() if single else ir.DoubleType()
        self.whole = ir.IntType(bits)
        self.mantissa = 23 if single else 52
        self.bias = 127 if single else 1023
        self.numpy = np.float32 if single else np.float64
        self.suffix = f"f{bits}"

    def rounded(self, value: float) -> float:
        """Return the nearest number of this precision, as a Python float."""
        return float(self.numpy(value))


SINGLE, DOUBLE = Precision(32), Precision(64)


class Maker:
    """Emits instructions of one precision through an LLVM builder."""

    def __init__(self, builder: Any, precision: Precision) -> None:
        """Emit at the builder's position."""
        self.builder = builder
        self.precision = precision
        self.single = precision.single

    def real(self, value: float) -> Real:
        """Return a constant."""
        text = self.precision.rounded(value)
        return Real(self, ir.Constant(self.precision.real, text))

    def pick(self, single: float, double: float) -> Real:
        """Return a constant that depends on the precision."""
        return self.real(single if self.single else double)

    def whole(self, value: int) -> Whole:
        """Return an integer constant as wide as the precision."""
        return Whole(self, ir.Constant(self.precision.whole, value))

    def select(self, condition: Truth, yes: Real | float, no: Real | float) -> Real:
        """Return `yes` where the condition holds, else `no`; both are computed."""
        values = self.lift(yes).value, self.lift(no).value
        return Real(self, self.builder.select(condition.value, *values))

    def branch(
        self,
        condition: Truth,
        yes: Callable[[], tuple[Whole, Real, Real]],
        no: Callable[[], tuple[Whole, Real, Real]],
    ) -> tuple[Whole, Real, Real]:
        """Return what one of both gives; the other is not run, so loops stay scalar."""
        ends: list[tuple[Any, tuple[Whole, Real, Real]]] = []
        with self.builder.if_else(condition.value) as sides:
            for side, make in zip(sides, (yes, no), strict=True):
                with side:
                    made = make()
                    ends.append((self.builder.basic_block, made))
        kinds = (self.precision.whole, self.precision.real, self.precision.real)
        merged = [self.builder.phi(kind) for kind in kinds]
        for block, made in ends:
            for phi, part in zip(merged, made, strict=True):
                phi.add_incoming(part.value, block)
        whole, real, low = merged
        return Whole(self, whole), Real(self, real), Real(self, low)

    def lift(self, value: Real | float) -> Real:
        """Return a Real, made from a number where it is one."""
        return value if isinstance(value, Real) else self.real(value)

    def call(self, name: str, *args: Real) -> Real:
        """Return the result of an LLVM function such as `fabs`."""
        kind = self.precision.real
        type_ = ir.FunctionType(kind, [kind] * len(args))
        declared = self.builder.module.declare_intrinsic(f"llvm.{name}", [kind], type_)
        return Real(self, self.builder.call(declared, [arg.value for arg in args]))

    def fma(self, x: Real | float, y: Real | float, z: Real | float) -> Real:
        """Return x * y + z, rounded once where the processor can."""
        return self.call("fmuladd", self.lift(x), self.lift(y), self.lift(z))

    def exact_fma(self, x: Real, y: Real, z: Real) -> Real:
        """Return x * y + z rounded once, on every processor."""
        return self.call("fma", x, y, z)

    def polynomial(self, x: Real, coefficients: list[float]) -> Real:
        """Return the polynomial with these coefficients, highest power first."""
        total = self.real(coefficients[0])
        for coefficient in coefficients[1:]:
            total = self.fma(total, x, coefficient)
        return total

    def in_double(self, x: Real) -> tuple[Maker, Real]:
        """Return a maker of float64 and the value converted to it."""
        maker = Maker(self.builder, DOUBLE)
        return maker, Real(maker, self.builder.fpext(x.value, DOUBLE.real))

    def narrowed(self, x: Real) -> Real:
        """Return a float64 value rounded to this maker's float32."""
        return Real(self, self.builder.fptrunc(x.value, self.precision.real))


class Truth:
    """A condition."""

    def __init__(self, maker: Maker, value: Any) -> None:
        """Wrap an LLVM value."""
        self.maker = maker
        self.value = value

    def __and__(self, other: Truth) -> Truth:
        """Return self and other, bit by bit."""
        return Truth(self.maker, self.maker.builder.and_(self.value, other.value))

    def __or__(self, other: Truth) -> Truth:
        """Return whether one of both holds."""
        return Truth(self.maker, self.maker.builder.or_(self.value, other.value))

    def __invert__(self) -> Truth:
        """Return whether it does not hold."""
        return Truth(self.maker, self.maker.builder.not_(self.value))


class Whole:
    """An integer as wide as its precision's numbers; its arithmetic wraps."""

    def __init__(self, maker: Maker, value: Any) -> None:
        """Wrap an LLVM value."""
        self.maker = maker
        self.value = value

    def _with(self, operation: Callable[..., Any], other: Whole | int) -> Whole:
        other = other if isinstance(other, Whole) else self.maker.whole(other)
        return Whole(self.maker, operation(self.value, other.value))

    def __add__(self, other: Whole | int) -> Whole:
        """Return self + other."""
        return self._with(self.maker.builder.add, other)

    def __sub__(self, other: Whole | int) -> Whole:
        """Return self - other."""
        return self._with(self.maker.builder.sub, other)

    def __and__(self, other: Whole | int) -> Whole:
        """Return self and other, bit by bit."""
        return self._with(self.maker.builder.and_, other)

    def __lshift__(self, other: int) -> Whole:
        """Return self with its bits moved up."""
        return self._with(self.maker.builder.shl, other)

    def __rshift__(self, other: int) -> Whole:
        """Return self with its bits moved down, its sign kept."""
        return self._with(self.maker.builder.ashr, other)

    def is_zero(self) -> Truth:
        """Return whether it is 0."""
        zero = self.maker.whole(0).value
        return Truth(self.maker, self.maker.builder.icmp_signed("==", self.value, zero))

    def as_real(self) -> Real:
        """Return the number with this value."""
        return Real(self.maker, self.maker.builder.sitofp(self.value, self.maker.precision.real))

    def bits_as_real(self) -> Real:
        """Return the number with these bits."""
        return Real(self.maker, self.maker.builder.bitcast(self.value, self.maker.precision.real))


class Real:
    """A floating-point value being computed."""

    def __init__(self, maker: Maker, value: Any) -> None:
        """Wrap an LLVM value."""
        self.maker = maker
        self.value = value

    def _with(self, operation: Callable[..., Any], other: Real | float) -> Real:
        return Real(self.maker, operation(self.value, self.maker.lift(other).value))

    def __add__(self, other: Real | float) -> Real:
        """Return self + other."""
        return self._with(self.maker.builder.fadd, other)

    def __sub__(self, other: Real | float) -> Real:
        """Return self - other."""
        return self._with(self.maker.builder.fsub, other)

    def __rsub__(self, other: float) -> Real:
        """Return other - self."""
        return self.maker.real(other) - self

    def __mul__(self, other: Real | float) -> Real:
        """Return self * other."""
        return self._with(self.maker.builder.fmul, other)

    def __truediv__(self, other: Real | float) -> Real:
        """Return self / other."""
        return self._with(self.maker.builder.fdiv, other)

    def __rtruediv__(self, other: float) -> Real:
        """Return other / self."""
        return self.maker.real(other) / self

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Real:
        """Return -self."""
        return Real(self.maker, self.maker.builder.fneg(self.value))

    def __abs__(self) -> Real:
        """Return |self|."""
        return self.maker.call("fabs", self)

    def _compared(self, how: str, other: Real | float) -> Truth:
        right = self.maker.lift(other).value
        return Truth(self.maker, self.maker.builder.fcmp_ordered(how, self.value, right))

    def __lt__(self, other: Real | float) -> Truth:
        """Return whether self < other."""
        return self._compared("<", other)

    def __le__(self, other: Real | float) -> Truth:
        """Return whether self <= other."""
        return self._compared("<=", other)

    def __gt__(self, other: Real | float) -> Truth:
        """Return whether self > other."""
        return self._compared(">", other)

    def __ge__(self, other: Real | float) -> Truth:
        """Return whether self >= other."""
        return self._compared(">=", other)

    def equals(self, other: Real | float) -> Truth:
        """Return whether both are the same number (false for NaN)."""
        return self._compared("==", other)

    def is_nan(self) -> Truth:
        """Return whether it is NaN."""
        unordered = self.maker.builder.fcmp_unordered("uno", self.value, self.value)
        return Truth(self.maker, unordered)

    def is_infinite(self) -> Truth:
        """Return whether it is inf or -inf."""
        return abs(self).equals(math.inf)

    def at_least(self, low: float) -> Real:
        """Return the value, or `low` where it is smaller; NaN stays NaN."""
        return self.maker.select(self < low, low, self)

    def at_most(self, high: float) -> Real:
        """Return the value, or `high` where it is greater; NaN stays NaN."""
        return self.maker.select(self > high, high, self)

    def bits(self) -> Whole:
        """Return the bits as an integer."""
        builder = self.maker.builder
        return Whole(self.maker, builder.bitcast(self.value, self.maker.precision.whole))

    def with_sign_of(self, other: Real) -> Real:
        """Return the magnitude of self with the sign of other."""
        return self.maker.call("copysign", self, other)

    def sqrt(self) -> Real:
        """Return the square root, correctly rounded."""
        return self.maker.call("sqrt", self)


Formula = Callable[..., Real]


def function(module: Any, name: str, formula: Formula, precision: Precision, count: int) -> Any:
    """Return the LLVM function of a formula in a module; define it where it isn't there yet."""
    full = f"gradc.{name}.{precision.suffix}"
    known = module.globals.get(full)
    if known is not None:
        return known
    type_ = ir.FunctionType(precision.real, [precision.real] * count)
    made = ir.Function(module, type_, full)
    made.linkage = "linkonce_odr"
    made.attributes.add("alwaysinline")
    made.attributes.add("nounwind")
    builder = ir.IRBuilder(made.append_basic_block("entry"))
    maker = Maker(builder, precision)
    builder.ret(formula(maker, *(Real(maker, arg) for arg in made.args)).value)
    return made
