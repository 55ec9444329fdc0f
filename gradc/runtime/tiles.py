"""Register tiles: blocks of sums that stay in vector registers while a loop adds products to them.

A tile is rows x lanes numbers, its rows lying along one axis or two. It is a value, which LLVM
keeps in registers; what generated text does with it is a short loop nest, and the unrolled vector
instructions come from here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.cgutils import unpack_tuple
from numba.extending import models, register_model

from gradc.runtime.arrays import parts
from gradc.runtime.decorators import ELEMENT
from gradc.runtime.operation import Operation, signature

_I32, _I64, _BYTE = ir.IntType(32), ir.IntType(64), ir.IntType(8)


class Tile(types.Type):
    """The type of a tile: its rows along each axis, its lanes, and its element type."""

    def __init__(self, rows: tuple[int, ...], lanes: int, element: Any) -> None:
        """Make the type; equal arguments give equal types."""
        self.rows, self.lanes, self.element = rows, lanes, element
        types.Type.__init__(self, name=f"tile({rows} x {lanes}, {element})")

    @property
    def count(self) -> int:
        """Number of rows in all."""
        n = 1
        for size in self.rows:
            n *= size
        return n


@register_model(Tile)
class _TileModel(models.PrimitiveModel):
    """One LLVM vector per row."""

    def __init__(self, manager: Any, tile: Tile) -> None:
        """Lay a tile out."""
        self.vector = ir.VectorType(manager[tile.element].get_value_type(), tile.lanes)
        models.PrimitiveModel.__init__(self, manager, tile, ir.ArrayType(self.vector, tile.count))


class TileEmitter:
    """Emits loads, stores and sums of one tile's rows."""

    def __init__(self, context: Any, builder: Any, tile: Tile) -> None:
        self.context, self.builder, self.tile = context, builder, tile
        self.element = context.get_value_type(tile.element)
        self.vector = ir.VectorType(self.element, tile.lanes)
        self.size = context.get_abi_sizeof(self.element)

    def place(self, kind: Any, array: Any, index: Any) -> tuple[Any, list[Any]]:
        """Return the address of array[index] as bytes, and the strides in bytes."""
        view = parts(self.context, self.builder, kind, array)
        offset = self.dot(unpack_tuple(self.builder, index, kind.ndim), view.strides)
        base = self.builder.bitcast(view.data, _BYTE.as_pointer())
        return self.builder.gep(base, [offset]), view.strides

    def dot(self, index: Sequence[Any], strides: Sequence[Any]) -> Any:
        """Return the sum of index * stride."""
        total = _I64(0)
        for i, stride in zip(index, strides, strict=True):
            total = self.builder.add(total, self.builder.mul(i, stride))
        return total

    def rows(self, kind: Any, array: Any, index: Any, steps: Any, steps_kind: Any) -> list[Any]:
        """Return the address of each row: array[index + row number * steps]."""
        base, strides = self.place(kind, array, index)
        nested = isinstance(steps_kind[0], types.BaseTuple)
        axes = unpack_tuple(self.builder, steps, len(steps_kind)) if nested else [steps]
        apart = [self.dot(unpack_tuple(self.builder, s, kind.ndim), strides) for s in axes]
        return [
            self.builder.gep(base, [self.dot([_I64(n) for n in numbers], apart)])
            for numbers in product(*map(range, self.tile.rows))
        ]

    def load(self, address: Any, type_: Any) -> Any:
        """Load an element or a row from an address of bytes."""
        value = self.builder.load(self.builder.bitcast(address, type_.as_pointer()))
        value.align = self.size
        return value

    def store(self, value: Any, address: Any) -> None:
        """Store a row at an address of bytes."""
        target = self.builder.bitcast(address, self.vector.as_pointer())
        self.builder.store(value, target).align = self.size

    def spread(self, value: Any) -> Any:
        """Return a row whose lanes are all one number."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, value, _I32(0))
        every = ir.Constant(ir.VectorType(_I32, self.tile.lanes), [_I32(0)] * self.tile.lanes)
        return self.builder.shuffle_vector(first, undefined, every)

    def fused(self) -> Any:
        """Return LLVM's a * b + c on rows, rounded once."""
        bits = 8 * self.size
        name = f"llvm.fma.v{self.tile.lanes}f{bits}"
        known = self.builder.module.globals.get(name)
        type_ = ir.FunctionType(self.vector, [self.vector] * 3)
        return known or ir.Function(self.builder.module, type_, name)


def _zeros(code: str) -> Operation:
    """Return the operation `tile_<code>(rows, lanes)` or `(rows, rows, lanes)`: zeros."""

    def typing(context: Any, *sizes: Any) -> Any:
        if len(sizes) < 2 or not all(isinstance(s, types.IntegerLiteral) for s in sizes):
            return None
        *rows, lanes = (s.literal_value for s in sizes)
        return signature(Tile(tuple(rows), lanes, ELEMENT[code]), *sizes)

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return ir.Constant(context.get_value_type(sig.return_type), None)

    return Operation(f"tile_{code}", typing, lowering)


def index_type(kind: Any) -> Any:
    """Return the type of an index of an array."""
    return types.UniTuple(types.int64, kind.ndim)


def _steps(given: Any, kind: Any) -> Any:
    """Return the type of the step to the next row: one index, or one for each axis of rows."""
    nested = len(given) > 0 and isinstance(given[0], types.BaseTuple)
    return types.UniTuple(index_type(kind), len(given)) if nested else index_type(kind)


def fits(tile: Any, *arrays: Any) -> bool:
    """Return whether a tile and arrays of its element type are given."""
    return isinstance(tile, Tile) and all(
        isinstance(a, types.Array) and a.dtype == tile.element for a in arrays
    )


def _multiply_add_typing(
    context: Any, tile: Any, x: Any, at_x: Any, steps: Any, w: Any, at_w: Any
) -> Any:
    if not fits(tile, x, w):
        return None
    return signature(tile, tile, x, index_type(x), _steps(steps, x), w, index_type(w))


def _multiply_add(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Emit tile[row] += x[at_x + row * steps] * w[at_w : at_w + lanes]."""
    kinds, (tile, x, at_x, steps, w, at_w) = sig.args, args
    emit = TileEmitter(context, builder, sig.return_type)
    weights = emit.load(emit.place(kinds[4], w, at_w)[0], emit.vector)
    fused = emit.fused()
    for row, address in enumerate(emit.rows(kinds[1], x, at_x, steps, kinds[3])):
        factor = emit.spread(emit.load(address, emit.element))
        total = builder.call(fused, [factor, weights, builder.extract_value(tile, row)])
        tile = builder.insert_value(tile, total, row)
    return tile


def _access_typing(result: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return the typing of operations on (tile, array, index, steps)."""

    def typing(context: Any, tile: Any, y: Any, at: Any, steps: Any) -> Any:
        if not fits(tile, y):
            return None
        return signature(result(tile), tile, y, index_type(y), _steps(steps, y))

    return typing


def _load(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Emit tile[row] = y[at + row * steps : ... + lanes]."""
    tile, y, at, steps = args
    emit = TileEmitter(context, builder, sig.args[0])
    for row, address in enumerate(emit.rows(sig.args[1], y, at, steps, sig.args[3])):
        tile = builder.insert_value(tile, emit.load(address, emit.vector), row)
    return tile


def _store(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Emit y[at + row * steps : ... + lanes] = tile[row]."""
    tile, y, at, steps = args
    emit = TileEmitter(context, builder, sig.args[0])
    for row, address in enumerate(emit.rows(sig.args[1], y, at, steps, sig.args[3])):
        emit.store(builder.extract_value(tile, row), address)
    return context.get_dummy_value()


tile_f32, tile_f64 = _zeros("f32"), _zeros("f64")
multiply_add = Operation("multiply_add", _multiply_add_typing, _multiply_add)
load_tile = Operation("load_tile", _access_typing(lambda tile: tile), _load)
store_tile = Operation("store_tile", _access_typing(lambda tile: types.void), _store)
