"""A block's tile of sums, and the memory that its threads share: what products are made of.

A block of 256 threads has a tile of the result, of which each thread holds a part in registers;
the operands come through shared memory. Text speaks of the whole tile: `multiply_add` adds up all
of it, `multiply_rows` scales its rows, `held` gives each thread what is its own. How a tile is
dealt out is the device's business (`cuda_device_tiles`).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import models, register_model

from gradc.runtime.cuda_arrays import DeviceArrayType
from gradc.runtime.cuda_device_tiles import CORES
from gradc.runtime.cuda_frames import Walk, asked
from gradc.runtime.decorators import ELEMENT
from gradc.runtime.operation import Operation, signature

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_SHARED = 3  # the address space
_ALIGNMENT = 16


class TileType(types.Type):
    """A block's tile of sums: a pointer to what this thread holds of it.

    Args:
        code: element type, as in `f32`; `tf32` where tensor cores add up.
        rows, columns: of the whole tile.
    """

    def __init__(self, code: str, rows: int, columns: int) -> None:
        """Make the type; equal arguments give equal types."""
        self.code, self.rows, self.columns = code, rows, columns
        self.dtype = types.float32 if code == CORES else ELEMENT[code]
        types.Type.__init__(self, name=f"block_tile({code}, {rows}, {columns})")

    @property
    def name_of_device(self) -> str:
        """What the device's functions for such tiles end in."""
        return f"{self.code}.{self.rows}x{self.columns}"


class Held(types.Type):
    """What a thread holds of tiles of one size: row, column and sums of each element."""

    def __init__(self, tiles: tuple[TileType, ...]) -> None:
        """Make the type; equal tiles give equal types."""
        self.tiles = tiles
        types.Type.__init__(self, f"held({_names(tiles)})")

    def walk(self, context: Any, builder: Any, value: Any) -> Walk:
        """Return the loop over the elements."""
        given = cgutils.create_struct_proxy(self)(context, builder, value)
        name = self.tiles[0].name_of_device

        def item(at: Any) -> list[tuple[Any, Any]]:
            found = [
                (types.int64, builder.zext(asked(builder, f"{word}.{name}", _I32, at), _I64))
                for word in ("row", "column")
            ]
            wide = builder.zext(at, _I64)
            for field, tile in _fields(self.tiles):
                pointer = builder.gep(getattr(given, field), [wide], inbounds=True)
                found.append((tile.dtype, context.unpack_value(builder, tile.dtype, pointer)))
            return found

        count = asked(builder, f"held.{name}")
        return Walk(ir.Constant(_I32, 0), count, ir.Constant(_I32, 1), item)


def _names(tiles: tuple[TileType, ...]) -> str:
    return ", ".join(tile.name for tile in tiles)


def _fields(tiles: tuple[TileType, ...]) -> list[tuple[str, Any]]:
    """Return a field for each tile."""
    return [(f"tile{n}", tile) for n, tile in enumerate(tiles)]


@register_model(TileType)
class _TileModel(models.PrimitiveModel):
    """A pointer to the elements."""

    def __init__(self, manager: Any, tile: TileType) -> None:
        """Lay the type out."""
        pointer = manager[tile.dtype].get_data_type().as_pointer()
        models.PrimitiveModel.__init__(self, manager, tile, pointer)


@register_model(Held)
class _HeldModel(models.StructModel):
    """The tiles."""

    def __init__(self, manager: Any, held: Held) -> None:
        """Lay the type out."""
        models.StructModel.__init__(self, manager, held, _fields(held.tiles))


def _literals(args: Any) -> tuple[int, ...] | None:
    """Return the values of literal whole numbers, or None for other arguments."""
    if not args or not all(isinstance(a, types.IntegerLiteral) for a in args):
        return None
    return tuple(a.literal_value for a in args)


def _shared(code: str) -> Operation:
    """Return the operation `shared_<code>(sizes...)`: an array of the block, not yet written."""

    def typing(context: Any, *args: Any) -> Any:
        sizes = _literals(args)
        made = None if sizes is None else DeviceArrayType(ELEMENT[code], sizes, _SHARED)
        return None if made is None else signature(made, *args)

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind: DeviceArrayType = sig.return_type
        element = context.get_data_type(kind.dtype)
        count = 1
        for size in kind.sizes:
            count *= size
        module = builder.module
        name = module.get_unique_name("shared")
        memory = ir.GlobalVariable(module, ir.ArrayType(element, count), name, _SHARED)
        memory.linkage, memory.align = "internal", _ALIGNMENT
        memory.initializer = ir.Constant(memory.value_type, ir.Undefined)
        return builder.bitcast(memory, element.as_pointer(_SHARED))

    return Operation(f"shared_{code}", typing, lowering)


def anywhere(builder: Any, array: DeviceArrayType, value: Any) -> Any:
    """Return the pointer of an array in the address space that functions of tiles take."""
    if not array.space:
        return value
    return builder.addrspacecast(value, value.type.pointee.as_pointer())


def tile_operation(code: str) -> Operation:
    """Return the operation `tile_<code>(rows, columns)`: zeros."""

    def typing(context: Any, *args: Any) -> Any:
        sizes = _literals(args)
        if sizes is None or len(sizes) != 2:
            return None
        return signature(TileType(code, *sizes), *args)

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind: TileType = sig.return_type
        element = context.get_data_type(kind.dtype)
        # Room for all: what a thread does not hold is never touched, and vanishes.
        # NOTE: alloca_once would store zeros, one by one: seconds for LLVM.
        with builder.goto_entry_block():
            place = builder.alloca(element, kind.rows * kind.columns)
        asked(builder, f"clear.{kind.name_of_device}", ir.VoidType(), place)
        return place

    return Operation(f"tile_{code}", typing, lowering)


def _multiply_add() -> Operation:
    """Return `multiply_add(tile, x, w)`: tile[a, b] += x[k, a] * w[k, b], one k after the other.

    With a fourth argument it is x[first + k, a].
    """

    def typing(context: Any, *args: Any) -> Any:
        if len(args) not in (3, 4) or not isinstance(args[0], TileType):
            return None
        tile, x, w, *first = args
        for kind, width in zip((x, w), (tile.rows, tile.columns), strict=True):
            alike = isinstance(kind, DeviceArrayType) and kind.dtype == tile.dtype
            if not alike or len(kind.sizes) != 2 or kind.sizes[1] < width:
                return None
        if first:
            whole = isinstance(types.unliteral(first[0]), types.Integer)
            fits = whole and x.sizes[0] >= w.sizes[0]
            return signature(types.void, tile, x, w, types.int64) if fits else None
        return signature(types.void, *args) if x.sizes[0] == w.sizes[0] else None

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        tile, x, w, *_ = sig.args
        sums, left, right, *first = args
        left, right = anywhere(builder, x, left), anywhere(builder, w, right)
        if first:
            pitch = ir.Constant(_I64, x.sizes[1])
            at = builder.mul(first[0], pitch, flags=["nuw", "nsw"])
            left = builder.gep(left, [at], inbounds=True)
        form = f"{w.sizes[0]}.{x.sizes[1]}.{w.sizes[1]}"  # terms, and how far rows are apart
        name = f"multiply_add.{tile.name_of_device}.{form}"
        asked(builder, name, ir.VoidType(), sums, left, right)
        return context.get_dummy_value()

    return Operation("multiply_add", typing, lowering)


def _multiply_rows_typing(context: Any, *args: Any) -> Any:
    if len(args) != 2 or not isinstance(args[0], TileType):
        return None
    tile, factors = args
    alike = isinstance(factors, DeviceArrayType) and factors.dtype == tile.dtype
    return signature(types.void, *args) if alike and factors.sizes == (tile.rows,) else None


def _multiply_rows_lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Multiply each row of a tile by its factor."""
    tile, factors = sig.args
    given = args[0], anywhere(builder, factors, args[1])
    asked(builder, f"multiply_rows.{tile.name_of_device}", ir.VoidType(), *given)
    return context.get_dummy_value()


def _held_typing(context: Any, *args: Any) -> Any:
    if not args or not all(isinstance(tile, TileType) for tile in args):
        return None
    alike = len({tile.name_of_device for tile in args}) == 1
    return signature(Held(tuple(args)), *args) if alike else None


def _held_lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    made = cgutils.create_struct_proxy(sig.return_type)(context, builder)
    for n, tile in enumerate(args):
        setattr(made, f"tile{n}", tile)
    return made._getvalue()


def _unravel_typing(context: Any, *args: Any) -> Any:
    sizes = _literals(args[1:])
    if sizes is None or not isinstance(types.unliteral(args[0]), types.Integer):
        return None
    return signature(types.UniTuple(types.int64, len(sizes) + 1), types.int64, *args[1:])


def _unravel_lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Return the position along each axis, worked out in 32 bits."""
    # NOTE: tiles are made of products with fewer than 2^31 rows, columns and terms.
    rest, index = builder.trunc(args[0], _I32), list[Any]()
    for kind in reversed(sig.args[1:]):
        size = ir.Constant(_I32, kind.literal_value)
        index.insert(0, builder.zext(builder.urem(rest, size), _I64))
        rest = builder.udiv(rest, size)
    index.insert(0, builder.zext(rest, _I64))
    return context.make_tuple(builder, sig.return_type, index)


shared_f32, shared_f64 = _shared("f32"), _shared("f64")
shared_i32, shared_i64 = _shared("i32"), _shared("i64")
shared_u8, shared_b1 = _shared("u8"), _shared("b1")
tile_f32, tile_f64 = tile_operation("f32"), tile_operation("f64")
tile_i32, tile_i64, tile_u8 = tile_operation("i32"), tile_operation("i64"), tile_operation("u8")
multiply_add = _multiply_add()
multiply_rows = Operation("multiply_rows", _multiply_rows_typing, _multiply_rows_lowering)
held = Operation("held", _held_typing, _held_lowering)
unravel = Operation("unravel", _unravel_typing, _unravel_lowering)
