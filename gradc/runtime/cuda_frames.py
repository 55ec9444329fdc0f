"""Who does which position: `grid`, `quads`, `sweep`, `rows`, `lanes`, `steps`, `dealt` ...

Each is something to iterate over that gives this lane's positions, as whole numbers or, for
several axes, as tuples of them. Where a lane stands is asked of a few small functions, `gradc.*`,
which `cuda_device` defines for a GPU and for the emulated device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import models, register_model

from gradc.runtime.operation import Operation, signature

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_LARGEST = 2**31 - 1
THREADS = 256  # of a block among whose threads positions are `dealt`
FOUR = 4  # neighbours that are read at once


@dataclass(frozen=True, slots=True)
class Walk:
    """A loop: first, first + step ... below last.

    Attributes:
        first, last, step: LLVM's values, of one integer type.
        item: types and values of what a place in the loop stands for.
    """

    first: Any
    last: Any
    step: Any
    item: Callable[[Any], list[tuple[Any, Any]]]


class Positions(types.Type):
    """Positions base + first, base + first + step ... below base + last, along axes.

    They are numbered in row-major order. A base apart lets LLVM see a loop of fixed length.

    Args:
        sizes: of the axes; (-1,) for one of unknown length.
        together: how many neighbours follow each other before a step: then positions are
            base + 0, 1 ... base + step + 0, 1 ..., `last` of them.
    """

    def __init__(self, sizes: tuple[int, ...], together: int = 1) -> None:
        """Make the type; equal arguments give equal types."""
        self.sizes, self.together = sizes, together
        self.word = types.int64 if math.prod(sizes) > _LARGEST else types.int32
        types.Type.__init__(self, f"positions({sizes}, {together})")

    @property
    def count(self) -> int:
        """How many there are, where all sizes are known."""
        return math.prod(self.sizes)

    def walk(self, context: Any, builder: Any, value: Any) -> Walk:
        """Return the loop over positions: an item has one number for each axis."""
        given = cgutils.create_struct_proxy(self)(context, builder, value)
        one = ir.Constant(given.step.type, 1)

        def item(at: Any) -> list[tuple[Any, Any]]:
            if self.together > 1:
                index = _neighbour(builder, self, given, at)
            else:
                rest = builder.add(given.base, at, flags=["nuw", "nsw"])
                index = _apart(builder, rest, self.sizes)
            return [(types.int64, _natural(builder, v)) for v in index]

        return Walk(given.first, given.last, one if self.together > 1 else given.step, item)


FIELDS = ("base", "first", "last", "step")


@register_model(Positions)
class _PositionsModel(models.StructModel):
    """Four numbers."""

    def __init__(self, manager: Any, kind: Positions) -> None:
        """Lay the type out."""
        models.StructModel.__init__(self, manager, kind, [(name, kind.word) for name in FIELDS])


def asked(builder: Any, name: str, word: Any = _I32, *args: Any) -> Any:
    """Return what one of the device's small functions answers."""
    module = builder.module
    full = f"gradc.{name}"
    known = module.globals.get(full)
    if known is None:
        known = ir.Function(module, ir.FunctionType(word, [a.type for a in args]), full)
        known.attributes.add("nounwind")
    return builder.call(known, args)


def _sizes(args: Any) -> tuple[int, ...] | None:
    """Return literal sizes, (-1,) for one unknown length, or None where the arguments don't fit."""
    if args and all(isinstance(a, types.IntegerLiteral) for a in args):
        return tuple(a.literal_value for a in args)
    return (-1,) if len(args) == 1 and isinstance(args[0], types.Integer) else None


class _Frame:
    """What the lowering of a frame works with.

    Attributes:
        word: the integer type of positions.
        total: how many positions there are in all.
    """

    def __init__(self, context: Any, builder: Any, kind: Positions, args: Any) -> None:
        """Find the number of positions."""
        self.context, self.builder, self.kind = context, builder, kind
        self.word = _I64 if kind.word == types.int64 else _I32
        if kind.sizes == (-1,):
            (given,) = args
            wide = given.type.width > self.word.width
            resize = builder.trunc if wide else builder.zext
            self.total = given if given.type == self.word else resize(given, self.word)
        else:
            self.total = ir.Constant(self.word, math.prod(kind.sizes))

    def ask(self, name: str) -> Any:
        """Return what the device answers, in the frame's word."""
        found = asked(self.builder, name)
        return found if self.word == _I32 else self.builder.zext(found, self.word)

    def least(self, x: Any, y: Any) -> Any:
        """Return the smaller of two positions."""
        return self.builder.select(self.builder.icmp_unsigned("<", x, y), x, y)

    def made(self, first: Any, last: Any, step: Any, base: Any = None) -> Any:
        """Return the positions."""
        value = cgutils.create_struct_proxy(self.kind)(self.context, self.builder)
        value.base = self.number(0) if base is None else base
        value.first, value.last, value.step = first, last, step
        return value._getvalue()

    def number(self, value: int) -> Any:
        """Return a constant."""
        return ir.Constant(self.word, value)


def _frame(name: str, lowering: Any, extra: int = 0, together: int = 1) -> Operation:
    """Return the operation of a frame whose last `extra` arguments are no sizes."""

    def typing(context: Any, *args: Any) -> Any:
        sizes = _sizes(args[: len(args) - extra])
        others = [types.int64] * extra
        given = args[: len(args) - extra]
        return None if sizes is None else signature(Positions(sizes, together), *given, *others)

    def lowered(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        count = len(args) - extra
        return lowering(_Frame(context, builder, sig.return_type, args[:count]), *args[count:])

    return Operation(name, typing, lowered)


def _grid(frame: _Frame) -> Any:
    """One position for each thread."""
    first = _place(frame)
    last = frame.least(frame.builder.add(first, _width(frame)), frame.total)
    return frame.made(first, last, frame.number(1))


def _quads(frame: _Frame) -> Any:
    """Four neighbours for each thread; there are 4 n positions, and nothing follows the loop."""
    builder = frame.builder
    four = frame.number(4)
    first = builder.mul(_place(frame), four, flags=["nuw", "nsw"])
    inside = builder.icmp_unsigned("<", first, frame.total)
    # A thread without work ends here, so that the loop of the others has a fixed length.
    with builder.if_then(builder.not_(inside)):
        builder.ret(ir.Constant(_I32, 0))
    code = "i32" if frame.word == _I32 else "i64"
    count = asked(builder, f"neighbours.{code}", frame.word, first, frame.total)
    return frame.made(frame.number(0), count, frame.number(1), base=first)


def _place(frame: _Frame) -> Any:
    """Return the number of this thread, or of the first that the emulated device stands for."""
    builder = frame.builder
    block = builder.mul(frame.ask("block"), frame.ask("threads"), flags=["nuw", "nsw"])
    return builder.add(block, frame.ask("thread"), flags=["nuw", "nsw"])


def _width(frame: _Frame) -> Any:
    """Return for how many threads this one stands: for all of its block when emulated."""
    return frame.ask("stands_for")


def _sweep(frame: _Frame) -> Any:
    """Every so-many-th position, for each thread of a grid that is smaller than all positions."""
    builder = frame.builder
    lanes, block = frame.ask("lanes"), frame.ask("block")
    first = builder.add(builder.mul(block, lanes), frame.ask("lane"))
    return frame.made(first, frame.total, builder.mul(frame.ask("blocks"), lanes))


def _rows(frame: _Frame) -> Any:
    """One row at a time for each group of lanes."""
    return frame.made(frame.ask("group"), frame.total, frame.ask("groups"))


def _lanes(frame: _Frame) -> Any:
    """Every so-many-th position of a row, for each lane of a group."""
    return frame.made(frame.ask("lane"), frame.total, frame.ask("lanes"))


def _steps(frame: _Frame) -> Any:
    """Every so-many-th position, all lanes equally often: at the end some are past the last."""
    base = frame.ask("lane")
    return frame.made(frame.number(0), frame.total, frame.ask("lanes"), base=base)


def _dealt(frame: _Frame) -> Any:
    """Every 256th position, for each of the 256 threads of a block."""
    lane = frame.ask("lane")
    count = frame.kind.count
    if count == THREADS or count % THREADS:
        return frame.made(lane, frame.total, frame.ask("block_lanes"))
    # asking for `dealt` has the loop unrolled
    return frame.made(frame.number(0), frame.total, frame.ask("dealt"), base=lane)


def _dealt_fours(frame: _Frame) -> Any:
    """Every 256th four neighbours, for each of the 256 threads of a block; all have as many."""
    builder, four = frame.builder, frame.number(FOUR)
    lane, lanes = frame.ask("lane"), frame.ask("block_lanes")
    count = builder.udiv(frame.total, lanes)
    # asking for `dealt` has the loop unrolled
    step = builder.mul(frame.ask("dealt"), four, flags=["nuw", "nsw"])
    base = builder.mul(lane, four, flags=["nuw", "nsw"])
    return frame.made(frame.number(0), count, step, base=base)


def _block_rows(frame: _Frame, count: Any) -> Any:
    """`count` neighbouring rows for each part."""
    builder = frame.builder
    count = builder.trunc(count, frame.word) if frame.word == _I32 else count
    first = builder.mul(frame.ask("part"), count)
    return frame.made(first, frame.least(builder.add(first, count), frame.total), frame.number(1))


grid = _frame("grid", _grid)
quads = _frame("quads", _quads)
sweep = _frame("sweep", _sweep)
rows = _frame("rows", _rows)
lanes = _frame("lanes", _lanes)
steps = _frame("steps", _steps)
dealt = _frame("dealt", _dealt)
dealt_fours = _frame("dealt_fours", _dealt_fours, together=FOUR)
block_rows = _frame("block_rows", _block_rows, extra=1)


def _apart(builder: Any, rest: Any, sizes: Sequence[int]) -> list[Any]:
    """Return the number of a position along each axis; the first size is not needed."""
    index = list[Any]()
    for size in reversed(sizes[1:]):
        axis = ir.Constant(rest.type, max(size, 1))
        index.insert(0, builder.urem(rest, axis))
        rest = builder.udiv(rest, axis)
    return [rest, *index]


def _neighbour(builder: Any, kind: Any, place: Any, at: Any) -> list[Any]:
    """Return the numbers of one of several neighbours, which differ along the last axis only.

    Taking apart what they have in common lets LLVM see that they are neighbours.
    """
    count = ir.Constant(at.type, kind.together)
    before = builder.mul(builder.udiv(at, count), place.step, flags=["nuw", "nsw"])
    first = builder.add(place.base, before, flags=["nuw", "nsw"])
    sizes = (*kind.sizes[:-1], kind.sizes[-1] // kind.together)
    *others, last = _apart(builder, builder.udiv(first, count), sizes)
    last = builder.mul(last, count, flags=["nuw", "nsw"])
    return [*others, builder.add(last, builder.urem(at, count), flags=["nuw", "nsw"])]


def _natural(builder: Any, value: Any) -> Any:
    """Return a position as int64, which LLVM knows not to be negative."""
    return value if value.type == _I64 else builder.zext(value, _I64)


def _asking(name: str, question: str) -> Operation:
    """Return the operation without arguments that asks the device for a number."""

    def typing(context: Any, *args: Any) -> Any:
        return None if args else signature(types.int64)

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.zext(asked(builder, question), _I64)

    return Operation(name, typing, lowering)


this_group = _asking("this_group", "group")
this_part = _asking("this_part", "part")
