"""Operations that integers and booleans have too: rounding, signs, remainders, extremes, powers."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from gradc.runtime.maths_power import pow as power
from gradc.runtime.operation import Lowering, Operation, same_type, signature
from gradc.runtime.real import DOUBLE, SINGLE, Formula, Maker, Real, function


def _operation(name: str, formula: Formula, whole: Lowering, count: int) -> Operation:
    """Return the operation of a formula for floats and a lowering for integers and booleans."""

    def typing(context: Any, *args: Any) -> Any:
        kind = same_type(context, *args) if len(args) == count else None
        fits = isinstance(kind, types.Float | types.Integer | types.Boolean)
        return signature(kind, *[kind] * count) if fits else None

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = sig.return_type
        if not isinstance(kind, types.Float):
            return whole(context, builder, sig, args)
        precision = SINGLE if kind == types.float32 else DOUBLE
        return builder.call(function(builder.module, name, formula, precision, count), args)

    return Operation(name, typing, lowering)


def _itself(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Return an integer as it is: it has nothing to round."""
    return args[0]


def _sign(m: Maker, x: Real) -> Real:
    """Return -1, 0 or 1; 0 for NaN, as in PyTorch."""
    return m.select(x > 0.0, 1.0, m.select(x < 0.0, -1.0, 0.0))


def _whole_sign(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Return -1, 0 or 1."""
    (x,) = args
    zero, one = ir.Constant(x.type, 0), ir.Constant(x.type, 1)
    if not _is_signed(sig):
        return builder.select(builder.icmp_unsigned("!=", x, zero), one, zero)
    negative = builder.ashr(x, ir.Constant(x.type, x.type.width - 1))
    return builder.select(builder.icmp_signed(">", x, zero), one, negative)


def _remainder(m: Maker, x: Real, y: Real) -> Real:
    """Return x - y floor(x / y), with the sign of y."""
    rest = Real(m, m.builder.frem(x.value, y.value))
    across = (rest < 0.0) & (y > 0.0) | (rest > 0.0) & (y < 0.0)
    rest = m.select(across, rest + y, rest)
    return m.select(rest.equals(0.0), m.real(0.0).with_sign_of(y), rest)


def _floor_divide(m: Maker, x: Real, y: Real) -> Real:
    """Return floor(x / y), exact where the quotient is just below a whole number."""
    rest = Real(m, m.builder.frem(x.value, y.value))
    quotient = (x - rest) / y
    across = (rest < 0.0) & (y > 0.0) | (rest > 0.0) & (y < 0.0)
    quotient = m.select(across, quotient - 1.0, quotient)
    below = m.call("floor", quotient)
    below = m.select(quotient - below > 0.5, below + 1.0, below)
    below = m.select(quotient.equals(0.0), m.real(0.0).with_sign_of(x / y), below)
    return m.select(y.equals(0.0), x / y, below)


def _whole_floor_divide(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Return floor(x / y); 0 for y = 0."""
    return divided(builder, _is_signed(sig), *args)[0]


def _whole_remainder(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Return x - y floor(x / y); 0 for y = 0."""
    return divided(builder, _is_signed(sig), *args)[1]


def divided(builder: Any, signed: bool, x: Any, y: Any) -> tuple[Any, Any]:
    """Return quotient and remainder, rounded down; no input traps."""
    zero, one = ir.Constant(x.type, 0), ir.Constant(x.type, 1)
    by_zero = builder.icmp_unsigned("==", y, zero)
    if not signed:
        safe = builder.select(by_zero, one, y)
        quotient, rest = builder.udiv(x, safe), builder.urem(x, safe)
        return builder.select(by_zero, zero, quotient), builder.select(by_zero, zero, rest)
    # NOTE: the smallest integer divided by -1 traps like a division by zero.
    negates = builder.icmp_signed("==", y, ir.Constant(x.type, -1))
    safe = builder.select(builder.or_(by_zero, negates), one, y)
    quotient, rest = builder.sdiv(x, safe), builder.srem(x, safe)
    opposite = builder.icmp_signed("<", builder.xor(rest, safe), zero)
    across = builder.and_(builder.icmp_signed("!=", rest, zero), opposite)
    quotient = builder.select(across, builder.sub(quotient, one), quotient)
    rest = builder.select(across, builder.add(rest, safe), rest)
    quotient = builder.select(negates, builder.neg(x), quotient)
    return builder.select(by_zero, zero, quotient), rest


def _extreme(name: str, order: str) -> Operation:
    """Return `maximum` or `minimum`; NaN where one of two floats is NaN."""

    def formula(m: Maker, x: Real, y: Real) -> Real:
        return m.call(name, x, y)

    def whole(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        x, y = args
        compare = builder.icmp_signed if _is_signed(sig) else builder.icmp_unsigned
        return builder.select(compare(order, x, y), x, y)

    return _operation(name, formula, whole, 2)


def _whole_power(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Return x ** y by squaring; 1 / x ** -y rounded to 0 for negative y."""
    x, y = args
    kind = x.type
    name = f"gradc.pow.{'i' if _is_signed(sig) else 'u'}{kind.width}"
    made = builder.module.globals.get(name)
    if made is None:
        made = _power_loop(builder.module, name, kind, _is_signed(sig))
    return builder.call(made, [x, y])


def _power_loop(module: Any, name: str, kind: Any, signed: bool) -> Any:
    """Define the function x ** y of integers in a module."""
    made = ir.Function(module, ir.FunctionType(kind, [kind, kind]), name)
    made.linkage = "linkonce_odr"
    x, y = made.args
    zero, one = ir.Constant(kind, 0), ir.Constant(kind, 1)
    entry, loop, body, done = (
        made.append_basic_block(block) for block in ("entry", "loop", "body", "done")
    )
    builder = ir.IRBuilder(entry)
    builder.branch(loop)
    builder.position_at_end(loop)
    base, left, total = (builder.phi(kind) for _ in range(3))
    builder.cbranch(builder.icmp_unsigned("==", left, zero), done, body)
    builder.position_at_end(body)
    odd = builder.trunc(left, ir.IntType(1))
    for phi, start, following in (
        (base, x, builder.mul(base, base)),
        (left, y, builder.lshr(left, one)),
        (total, one, builder.select(odd, builder.mul(total, base), total)),
    ):
        phi.add_incoming(start, entry)
        phi.add_incoming(following, body)
    builder.branch(loop)
    builder.position_at_end(done)
    if not signed:
        builder.ret(total)
        return made
    # 1 / x ** n is whole for x = 1 and -1 only, where it equals x ** n.
    unit = builder.icmp_unsigned("<=", builder.add(x, one), ir.Constant(kind, 2))
    unit = builder.and_(unit, builder.icmp_signed("!=", x, zero))
    negative = builder.icmp_signed("<", y, zero)
    lost = builder.and_(negative, builder.not_(unit))
    builder.ret(builder.select(lost, zero, total))
    return made


def _is_signed(sig: Any) -> bool:
    """Return whether an operation works on signed integers."""
    kind = sig.return_type
    return isinstance(kind, types.Integer) and kind.signed


def _rounding(name: str, llvm_name: str) -> Operation:
    """Return a rounding operation."""

    def formula(m: Maker, x: Real) -> Real:
        return m.call(llvm_name, x)

    return _operation(name, formula, _itself, 1)


floor = _rounding("floor", "floor")
ceil = _rounding("ceil", "ceil")
trunc = _rounding("trunc", "trunc")
round_even = _rounding("round_even", "rint")
sign = _operation("sign", _sign, _whole_sign, 1)
remainder = _operation("remainder", _remainder, _whole_remainder, 2)
floor_divide = _operation("floor_divide", _floor_divide, _whole_floor_divide, 2)
maximum = _extreme("maximum", ">")
minimum = _extreme("minimum", "<")
pow = _operation("pow", power, _whole_power, 2)
