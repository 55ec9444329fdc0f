"""Products of a tile's rows and columns, and panels: parts of an operand laid out for them.

`tile_matmul(tile, a, (i, 0), b, (0, j), 128)` is tile + a[i : i + rows, :128] @ b[:128, j : j +
lanes]; `tile_t_matmul` takes a's columns for the rows of the tile. A panel is a small array on
the stack: `pack` copies a part of an operand to it, `pack_t` the transpose of one.
"""

from __future__ import annotations

from math import prod
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.cgutils import alloca_once_value, for_range, for_range_slice

from gradc.runtime.arrays import array, parts
from gradc.runtime.decorators import ELEMENT
from gradc.runtime.operation import Operation, signature
from gradc.runtime.tiles import Tile, TileEmitter, fits, index_type

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_BYTES = ir.IntType(8).as_pointer()
_ALIGN = 64  # bytes of a cache line, and of the widest register


def _product(name: str, *, transposed: bool) -> Operation:
    """Return the operation that adds a product of parts of a and b to a tile."""

    def typing(context: Any, tile: Any, a: Any, at_a: Any, b: Any, at_b: Any, count: Any) -> Any:
        if not fits(tile, a, b):
            return None
        return signature(tile, tile, a, index_type(a), b, index_type(b), types.int64)

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kinds, (tile, a, at_a, b, at_b, count) = sig.args, args
        emit = TileEmitter(context, builder, sig.return_type)
        rows = range(sig.return_type.count)
        sums = [alloca_once_value(builder, builder.extract_value(tile, row)) for row in rows]
        left, a_strides = emit.place(kinds[1], a, at_a)
        right, b_strides = emit.place(kinds[3], b, at_b)
        row_step, term_step = a_strides[-2:]
        if transposed:
            row_step, term_step = term_step, row_step
        fused = emit.fused()
        with for_range(builder, count) as loop:
            factors = builder.gep(left, [builder.mul(loop.index, term_step)])
            other = builder.gep(right, [builder.mul(loop.index, b_strides[-2])])
            weights = emit.load(other, emit.vector)
            for row in rows:
                address = builder.gep(factors, [builder.mul(_I64(row), row_step)])
                factor = emit.spread(emit.load(address, emit.element))
                total = builder.call(fused, [factor, weights, builder.load(sums[row])])
                builder.store(total, sums[row])
        for row in rows:
            tile = builder.insert_value(tile, builder.load(sums[row]), row)
        return tile

    return Operation(name, typing, lowering)


def _panel(code: str) -> Operation:
    """Return the operation `panel_<code>(rows, lanes)` or `(count, rows, lanes)`.

    It makes an array on the stack.
    """

    def typing(context: Any, *sizes: Any) -> Any:
        known = all(isinstance(s, types.IntegerLiteral) for s in sizes)
        if len(sizes) not in (2, 3) or not known:
            return None
        return signature(types.Array(ELEMENT[code], len(sizes), "C"), *sizes)

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        shape = [s.literal_value for s in sig.args]
        element = context.get_value_type(ELEMENT[code])
        size = context.get_abi_sizeof(element)
        # NOTE: Numba's own helpers would fill it with zeros, as one huge value
        with builder.goto_entry_block():
            memory = builder.alloca(ir.ArrayType(element, prod(shape)))
        memory.align = _ALIGN
        data = builder.bitcast(memory, element.as_pointer())
        strides = [_I64(prod(shape[axis + 1 :]) * size) for axis in range(len(shape))]
        lengths = [_I64(n) for n in shape]
        return array(context, builder, sig.return_type, data, lengths, strides)

    return Operation(f"panel_{code}", typing, lowering)


def _packing(name: str, *, transposed: bool) -> Operation:
    """Return the operation `name(panel, b, (k, j), rows, lanes)`."""

    def typing(context: Any, panel: Any, b: Any, at: Any, *sizes: Any) -> Any:
        arrays = all(isinstance(x, types.Array) for x in (panel, b)) and panel.dtype == b.dtype
        if not arrays or len(sizes) != 2 or not isinstance(sizes[1], types.IntegerLiteral):
            return None
        return signature(types.void, panel, b, index_type(b), types.int64, sizes[1])

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kinds, (panel, b, at, rows, _) = sig.args, args
        lanes = kinds[4].literal_value
        emit = TileEmitter(context, builder, Tile((1,), lanes, kinds[1].dtype))
        target = parts(context, builder, kinds[0], panel).data
        source, strides = emit.place(kinds[1], b, at)
        given = [builder.bitcast(target, _BYTES), source, strides[-2], rows]
        builder.call(_packer(builder.module, emit, name, transposed=transposed), given)
        return context.get_dummy_value()

    return Operation(name, typing, lowering)


def _packer(module: Any, like: TileEmitter, name: str, *, transposed: bool) -> Any:
    """Return the function that fills a panel; define it once in a module."""
    full = f"{name}.{like.tile.lanes}.{like.tile.element}"
    known = module.globals.get(full)
    if known is not None:
        return known
    made = ir.Function(module, ir.FunctionType(ir.VoidType(), [_BYTES, _BYTES, _I64, _I64]), full)
    made.linkage = "linkonce_odr"
    made.attributes.add("nounwind")
    builder = ir.IRBuilder(made.append_basic_block("entry"))
    emit = TileEmitter(like.context, builder, like.tile)
    target, source, stride, rows = made.args
    if transposed:
        _transpose(builder, emit, target, source, stride, rows)
    else:
        with for_range(builder, rows) as loop:
            row = builder.gep(source, [builder.mul(loop.index, stride)])
            to = builder.gep(target, [builder.mul(loop.index, _I64(emit.tile.lanes * emit.size))])
            emit.store(emit.load(row, emit.vector), to)
    builder.ret_void()
    return made


def _transpose(builder: Any, emit: Any, target: Any, source: Any, stride: Any, rows: Any) -> None:
    """Emit target[k, l] = source[l, k]: squares in registers, then what is left of the rows."""
    lanes, size = _I64(emit.tile.lanes), _I64(emit.size)
    side = next(n for n in (16, 8, 4, 2, 1) if emit.tile.lanes % n == 0)
    wide = ir.VectorType(emit.element, side)

    def there(k: Any, lane: Any) -> Any:
        return builder.gep(target, [builder.mul(builder.add(builder.mul(k, lanes), lane), size)])

    def here(k: Any, lane: Any) -> Any:
        place = builder.add(builder.mul(lane, stride), builder.mul(k, size))
        return builder.gep(source, [place])

    even = builder.and_(rows, _I64(-side))
    with for_range_slice(builder, _I64(0), lanes, _I64(side), _I64) as (first, _):
        with for_range_slice(builder, _I64(0), even, _I64(side), _I64) as (k, _):
            numbers = [_I64(n) for n in range(side)]
            square = [emit.load(here(k, builder.add(first, n)), wide) for n in numbers]
            for n, row in zip(numbers, _turned(builder, square), strict=True):
                to = builder.bitcast(there(builder.add(k, n), first), wide.as_pointer())
                builder.store(row, to).align = emit.size
        with for_range_slice(builder, even, rows, _I64(1), _I64) as (k, _):
            with for_range_slice(builder, _I64(0), _I64(side), _I64(1), _I64) as (n, _):
                lane = builder.add(first, n)
                to = builder.bitcast(there(k, lane), emit.element.as_pointer())
                builder.store(emit.load(here(k, lane), emit.element), to).align = emit.size


def _turned(builder: Any, rows: list[Any]) -> list[Any]:
    """Return the columns of a square of vectors: halves change places, then halves of halves."""
    side = len(rows)
    step = side // 2
    while step:
        low = [n if not n & step else side + n - step for n in range(side)]
        high = [n + step if not n & step else side + n for n in range(side)]
        for i in (n for n in range(side) if not n & step):
            a, b = rows[i], rows[i | step]
            rows[i] = _shuffled(builder, a, b, low)
            rows[i | step] = _shuffled(builder, a, b, high)
        step //= 2
    return rows


def _shuffled(builder: Any, a: Any, b: Any, order: list[int]) -> Any:
    """Return lanes of two vectors in this order."""
    mask = ir.Constant(ir.VectorType(_I32, len(order)), [_I32(n) for n in order])
    return builder.shuffle_vector(a, b, mask)


tile_matmul = _product("tile_matmul", transposed=False)
tile_t_matmul = _product("tile_t_matmul", transposed=True)
panel_f32, panel_f64 = _panel("f32"), _panel("f64")
pack, pack_t = _packing("pack", transposed=False), _packing("pack_t", transposed=True)
