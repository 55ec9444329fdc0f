"""A seed, an offset and an element's index -> 32 random bits, the same on every machine.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011):
Philox4x32-10.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from gradc.runtime.operation import Operation, signature
from gradc.runtime.philox_constants import KEY_STEPS, MULTIPLIERS, ROUNDS

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_NAME = "gradc.philox"


def _typing(context: Any, *args: Any) -> Any:
    """Return int64(int64, int64, int64)."""
    whole = all(isinstance(types.unliteral(a), types.Integer) for a in args)
    return signature(types.int64, *[types.int64] * 3) if whole and len(args) == 3 else None


def _lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Call the generator, defined once in a module."""
    made = builder.module.globals.get(_NAME)
    return builder.call(made or _define(builder.module), args)


def _define(module: Any) -> Any:
    """Define the generator: key = seed, counter = (index // 4, 0, offset), word = index % 4."""
    made = ir.Function(module, ir.FunctionType(_I64, [_I64] * 3), _NAME)
    made.linkage = "linkonce_odr"
    made.attributes.add("alwaysinline")
    made.attributes.add("nounwind")
    builder = ir.IRBuilder(made.append_basic_block("entry"))
    seed, offset, index = made.args
    key = list(_halves(builder, seed))
    block = builder.trunc(builder.ashr(index, ir.Constant(_I64, 2)), _I32)
    counter = [block, ir.Constant(_I32, 0), *_halves(builder, offset)]
    for _ in range(ROUNDS):
        low_0, high_0 = _product(builder, counter[0], MULTIPLIERS[0])
        low_1, high_1 = _product(builder, counter[2], MULTIPLIERS[1])
        first = builder.xor(builder.xor(high_1, counter[1]), key[0])
        third = builder.xor(builder.xor(high_0, counter[3]), key[1])
        counter = [first, low_1, third, low_0]
        steps = zip(key, KEY_STEPS, strict=True)
        key = [builder.add(part, ir.Constant(_I32, step)) for part, step in steps]
    odd = builder.trunc(index, ir.IntType(1))
    upper = builder.trunc(builder.ashr(index, ir.Constant(_I64, 1)), ir.IntType(1))
    pairs = [builder.select(odd, counter[i + 1], counter[i]) for i in (0, 2)]
    builder.ret(builder.zext(builder.select(upper, pairs[1], pairs[0]), _I64))
    return made


def _halves(builder: Any, value: Any) -> tuple[Any, Any]:
    """Return the low and the high 32 bits."""
    high = builder.lshr(value, ir.Constant(_I64, 32))
    return builder.trunc(value, _I32), builder.trunc(high, _I32)


def _product(builder: Any, x: Any, multiplier: int) -> tuple[Any, Any]:
    """Return the low and the high 32 bits of a product."""
    wide = builder.mul(builder.zext(x, _I64), ir.Constant(_I64, multiplier))
    return _halves(builder, wide)


philox = Operation("philox", _typing, _lowering)
