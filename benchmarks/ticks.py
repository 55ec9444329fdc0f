"""`tick(buffers, slot, n)`: in a compiled step, add the cycles since the last tick to counter n."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from gradc.runtime.decorators import TABLE
from gradc.runtime.operation import Operation, signature

_I64 = ir.IntType(64)


def _typing(context: Any, table: Any, slot: Any, number: Any) -> Any:
    fits = table == TABLE and all(isinstance(x, types.Integer) for x in (slot, number))
    return signature(types.void, TABLE, types.int64, types.int64) if fits else None


def _lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    table, slot, number = args
    counters = builder.inttoptr(builder.load(builder.gep(table, [slot])), _I64.as_pointer())
    read = builder.module.declare_intrinsic("llvm.readcyclecounter", (), ir.FunctionType(_I64, ()))
    now = builder.call(read, [])
    passed = builder.sub(now, builder.load(counters))
    mine = builder.gep(counters, [builder.add(number, ir.Constant(_I64, 1))])
    builder.store(builder.add(builder.load(mine), passed), mine)
    builder.store(now, counters)
    return context.get_dummy_value()


tick = Operation("tick", _typing, _lowering)
