"""`share(team, 128, 32)` -> this thread's rows of an axis, in blocks that no thread count changes.

`team` points to four numbers of one thread: its own number, how many threads there are, the
address of `meet`, and a word that `meet` uses.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import models, register_model

from gradc.runtime.arrays import array, parts
from gradc.runtime.decorators import TEAM
from gradc.runtime.operation import Operation, signature
from gradc.runtime.row_types import CHUNKS, COLUMNS, ROWS, TILED

_I64 = ir.IntType(64)
_ZERO, _ONE = ir.Constant(_I64, 0), ir.Constant(_I64, 1)
_FIELDS = [("first", types.int64), ("last", types.int64), ("block", types.int64)]


class _Model(models.StructModel):
    """Where positions begin and end, and how many make a block."""

    def __init__(self, manager: Any, owner: Any) -> None:
        """Lay them out."""
        models.StructModel.__init__(self, manager, owner, _FIELDS)


for _type in (ROWS, COLUMNS, CHUNKS, TILED):
    register_model(type(_type))(_Model)


def _number(builder: Any, team: Any, place: int) -> Any:
    """Return one of the numbers of a thread."""
    return builder.load(builder.gep(team, [ir.Constant(_I64, place)]))


def _sharing(name: str, result: Any) -> Operation:
    """Return the operation `name(team, size, block)`."""

    def typing(context: Any, *args: Any) -> Any:
        fits = len(args) == 3 and args[0] == TEAM
        return signature(result, TEAM, types.int64, types.int64) if fits else None

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        team, size, block = args
        threads, thread = _number(builder, team, 1), _number(builder, team, 0)
        blocks = _rounded_up(builder, size, block)
        made = cgutils.create_struct_proxy(result)(context, builder)
        made.first = _edge(builder, blocks, thread, threads, block, size)
        made.last = _edge(builder, blocks, builder.add(thread, _ONE), threads, block, size)
        made.block = block
        return made._getvalue()

    return Operation(name, typing, lowering)


def _rounded_up(builder: Any, x: Any, y: Any) -> Any:
    """Return x / y rounded up, of positive numbers."""
    return builder.sdiv(builder.add(x, builder.sub(y, _ONE)), y)


def _edge(builder: Any, blocks: Any, thread: Any, threads: Any, block: Any, size: Any) -> Any:
    """Return where the blocks of a thread begin: the first threads get those that are left over."""
    at = builder.mul(_rounded_up(builder, builder.mul(blocks, thread), threads), block)
    return builder.select(builder.icmp_signed("<", at, size), at, size)


share = _sharing("share", ROWS)
share_columns = _sharing("share_columns", COLUMNS)


def _chunks_typing(context: Any, *args: Any) -> Any:
    return signature(CHUNKS, ROWS) if args == (ROWS,) else None


# The same three numbers, walked through block by block.
chunks = Operation("chunks", _chunks_typing, lambda context, builder, sig, args: args[0])


def _elements_typing(context: Any, *args: Any) -> Any:
    known = len(args) == 2 and args[0] == ROWS and isinstance(args[1], types.Integer)
    return signature(ROWS, ROWS, types.int64) if known else None


def _elements(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Return the elements of rows of a length, in an array that is seen as one row."""
    rows, length = args
    made = cgutils.create_struct_proxy(ROWS)(context, builder, rows)
    made.first, made.last = builder.mul(made.first, length), builder.mul(made.last, length)
    made.block = builder.mul(made.block, length)
    return made._getvalue()


elements = Operation("elements", _elements_typing, _elements)


def _tiled_typing(context: Any, *args: Any) -> Any:
    if len(args) != 2:
        return None
    if args[0] in (ROWS, COLUMNS):
        return signature(TILED, args[0], types.int64)
    whole = isinstance(args[0], types.Integer)
    return signature(TILED, types.int64, types.int64) if whole else None


def _tiled(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Return the rows or columns, or so many from 0 on, with tiles for blocks."""
    rows, size = args
    made = cgutils.create_struct_proxy(TILED)(context, builder)
    if sig.args[0] in (ROWS, COLUMNS):
        given = cgutils.create_struct_proxy(sig.args[0])(context, builder, rows)
        made.first, made.last = given.first, given.last
    else:
        made.first, made.last = _ZERO, rows
    made.block = size
    return made._getvalue()


tiled = Operation("tiled", _tiled_typing, _tiled)


def _part_typing(context: Any, *args: Any) -> Any:
    fits = len(args) == 3 and isinstance(args[0], types.Array) and args[1] == ROWS
    if not fits or args[0].ndim != 2 or not isinstance(args[2], types.BaseTuple):
        return None
    count = len(args[2])
    result = types.Array(args[0].dtype, count, "C")
    return signature(result, args[0], ROWS, types.UniTuple(types.int64, count))


def _part_lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Return the row of an array that belongs to a chunk, seen with a shape."""
    whole = parts(context, builder, sig.args[0], args[0])
    chunk = cgutils.create_struct_proxy(ROWS)(context, builder, args[1])
    number = builder.sdiv(chunk.first, chunk.block)
    start = builder.mul(number, whole.strides[0])
    sizes = cgutils.unpack_tuple(builder, args[2], sig.return_type.ndim)
    strides = [whole.itemsize]
    for length in reversed(sizes[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    address = builder.add(builder.ptrtoint(whole.data, _I64), start)
    data = builder.inttoptr(address, whole.data.type)
    return array(context, builder, sig.return_type, data, sizes, strides)


part_of = Operation("part_of", _part_typing, _part_lowering)


def _of_team(result: Any) -> Any:
    """Return the typing rule of operations that take the team alone."""

    def typing(context: Any, *args: Any) -> Any:
        return signature(result, TEAM) if args == (TEAM,) else None

    return typing


def _meet(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Wait until every thread is here; nothing to do for one thread."""
    (team,) = args
    several = builder.icmp_signed(">", _number(builder, team, 1), _ONE)
    with builder.if_then(several):
        kind = ir.FunctionType(ir.VoidType(), [_I64.as_pointer()])
        builder.call(builder.inttoptr(_number(builder, team, 2), kind.as_pointer()), [team])
    return context.get_dummy_value()


def _is_first(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Return whether this is thread 0."""
    return builder.icmp_signed("==", _number(builder, args[0], 0), _ZERO)


meet = Operation("meet", _of_team(types.void), _meet)
is_first = Operation("is_first", _of_team(types.boolean), _is_first)
