"""A product in tiles -> the text of its CUDA kernel: shared memory, and sums in registers.

Convolutions are products of places by channels (an implicit matrix product): where the matrices'
elements lie is worked out while they are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from gradc.emit.arguments import CODES
from gradc.emit.expression import literal
from gradc.emit.writer import Writer
from gradc.ir.dtype import DType
from gradc.schedule.blocks import THREADS
from gradc.schedule.frame import Launch, Tile

Axis = tuple[str, int]  # name and size
FOUR = 4  # elements that a thread reads at once
PAD_OF_ROW, PAD_OF_TERM = 4, 8  # elements after the terms of a row of shared memory; after a term's
Place = Callable[[Mapping[str, str]], str]  # what stands for axes -> an index


@dataclass(frozen=True, slots=True)
class Operand:
    """An array of a product.

    Args:
        name: of the argument.
        at: its index; axes that are not given are called by their names.
        turned: whether neighbours in memory are neighbouring terms.
    """

    name: str
    at: Place
    turned: bool = False


@dataclass(frozen=True, slots=True)
class TiledProduct:
    """What a kernel computes.

    Args:
        left, right, result: the arrays.
        dtype: of all of them.
        outside: axes of several products.
        rows, terms: axes that make up the rows of the left matrix and its columns.
        column: the axis of the columns of the right one.
        launch: the tile, and the parts that the terms are cut into.
        steps: whether whole steps along the last axis of the terms are taken, so that the other
            axes are loops.
        bias: the name of an array that is added, one number for each column; "" for none.
        aligned: whether all arrays begin at multiples of 16 bytes.
    """

    left: Operand
    right: Operand
    result: Operand
    dtype: DType
    outside: Sequence[Axis]
    rows: Sequence[Axis]
    terms: Sequence[Axis]
    column: Axis
    launch: Launch
    steps: bool = False
    bias: str = ""
    aligned: bool = True


def read(element: str, rounds: str, used: set[str]) -> str:
    """Return an element of an operand, rounded where that is asked for."""
    if not rounds:
        return element
    used.add(f"round_{rounds}")
    return f"round_{rounds}({element})"


def resident(tile: Tile | None) -> str:
    """Return what asks for registers for two blocks: tensor cores wait for one's loads less."""
    return ", resident=2" if tile is not None and tile.cores else ""


class TileWriter:
    """Writes the body of a kernel that computes a product in tiles."""

    def __init__(self, product: TiledProduct, writer: Writer, used: set[str]) -> None:
        assert product.launch.tile is not None
        self.product, self.writer, self.used = product, writer, used
        self.tile: Tile = product.launch.tile
        self.code = CODES[product.dtype]
        self.count = math.prod(n for _, n in product.rows)
        self.length = math.prod(n for _, n in product.terms)
        self.parted = bool(product.launch.own)
        self.along = (
            product.steps and not self.parted and not product.terms[-1][1] % self.tile.terms
        )

    def write(self) -> None:
        """Write the body."""
        product, writer, tile = self.product, self.writer, self.tile
        size = f"{tile.rows} x {tile.columns}"
        writer.comment(f"a block has a tile of {size} sums; {tile.terms} terms at a time come")
        cores = f", rounded to {tile.rounds} for tensor cores" if tile.cores else ""
        writer.comment(f"through shared memory{cores}")
        shared = f"shared_{self.code}"
        zeros = "tile_tf32" if tile.cores else f"tile_{self.code}"
        add = self._word()
        self.used.update((shared, zeros, "rows", "meet_lanes", add, "held"))
        names = [f"{o.name}_tile" for o in (product.left, product.right)]
        sizes = self._shared(product.left, tile.rows), self._shared(product.right, tile.columns)
        made = ", ".join(f"{shared}({rows}, {width})" for rows, width in sizes)
        writer.line(f"{', '.join(names)} = {made}")
        if self.parted:
            self.used.add("this_part")
            writer.line("part = this_part()")
        column = product.column[1]
        tiles = [*product.outside, ("row", -(-self.count // tile.rows))]
        tiles.append(("column", -(-column // tile.columns)))
        shown = [axis for axis in tiles if axis[1] > 1] or [("_", 1)]
        self.own_rows = self._position("row", "a", tiles[-2][1], tile.rows)
        self.own_columns = self._position("column", "b", tiles[-1][1], tile.columns)
        self.fixed = {name: "0" for name, n in product.outside if n == 1}
        heads = ", ".join(name for name, _ in shown), ", ".join(str(n) for _, n in shown)
        with writer.block(f"for {heads[0]} in rows({heads[1]}):"):
            writer.line(f"sums = {zeros}({tile.rows}, {tile.columns})")
            with ExitStack() as loops:
                for head in self._heads():
                    loops.enter_context(writer.block(head))
                self._left(names[0])
                self._right(names[1])
                writer.line("meet_lanes()")
                writer.line(f"{add}(sums, {', '.join(names)})")
                writer.line("meet_lanes()")
            self._results()

    def _word(self) -> str:
        """Return the word that adds the products of both operands' parts."""
        if not self.tile.cores:
            return "multiply_add"
        left, right = self.product.left, self.product.right
        return f"add_{'' if left.turned else 't_'}matmul{'_t' if right.turned else ''}"

    def _shared(self, operand: Operand, size: int) -> tuple[int, int]:
        """Return the sizes of the shared memory for so many rows or columns of an operand.

        Neighbours that are stored, or read by tensor cores, at once are in other banks.
        """
        terms = self.tile.terms
        if not self.tile.cores:
            return terms, size + 16 // self.product.dtype.itemsize * operand.turned
        return (size, terms + PAD_OF_ROW) if operand.turned else (terms, size + PAD_OF_TERM)

    def _place(self, name: str, operand: Operand, own: str) -> str:
        """Return the element of shared memory for an element of an operand."""
        by_rows = self.tile.cores and operand.turned
        return f"{name}[{own}, t]" if by_rows else f"{name}[t, {own}]"

    def _position(self, tile: str, own: str, tiles: int, size: int) -> str:
        """Return a row or column as text: that of the tile, and the one in it."""
        return own if tiles == 1 else f"{size} * {tile} + {own}"

    def _heads(self) -> list[str]:
        """Return the loops over terms."""
        step = self.tile.terms
        if self.along:
            *others, (last, size) = self.product.terms
            loops = [f"for {name} in range({n}):" for name, n in others if n > 1]
            return [*loops, f"for {last} in range(0, {size}, {step}):"]
        if not self.parted:
            return [f"for first in range(0, {self.length}, {step}):"]
        own = self.product.launch.together
        self.used.add("minimum")
        end = f"minimum({own} * part + {own}, {self.length})"
        return [f"for first in range({own} * part, {end}, {step}):"]

    def _split(self, axes: Sequence[Axis], place: str, limit: int, exact: bool) -> dict[str, str]:
        """Write what finds the position along axes; return what stands for each of them.

        Args:
            axes: what the position is made of.
            place: the text of the position.
            limit: how many there are.
            exact: whether it is below the limit; else the last one is taken instead.
        """
        at = {name: "0" for name, n in axes if n == 1}
        several = [(name, n) for name, n in axes if n > 1]
        if not exact:
            self.used.add("minimum")
            place = f"minimum({place}, {limit - 1})"
        if not several:
            return at
        if len(several) == 1:
            (name, _) = several[0]
            if exact:
                return {**at, name: place}
            self.writer.line(f"{name} = {place}")
            return at
        self.used.add("unravel")
        names = ", ".join(name for name, _ in several)
        sizes = ", ".join(str(n) for _, n in several[1:])
        self.writer.line(f"{names} = unravel({place}, {sizes})")
        return at

    def _term(self) -> dict[str, str]:
        """Write what finds the term t of a step; return what stands for the axes."""
        terms = self.product.terms
        if not self.along:
            return self._split(terms, "first + t", self.length, self._whole_steps)
        at = {name: "0" for name, n in terms if n == 1}
        return {**at, terms[-1][0]: f"{terms[-1][0]} + t"}

    @property
    def _whole_steps(self) -> bool:
        """Whether all steps have all of their terms."""
        return self.along or self.length % self.tile.terms == 0

    def _left(self, name: str) -> None:
        """Write what brings rows of the left matrix into shared memory."""
        operand = self.product.left
        fours = self._fours(operand, self.product.rows, self.count % self.tile.rows == 0)
        with self._dealt("a", self.tile.rows, operand.turned, fours):
            exact = self.count % self.tile.rows == 0
            at = {**self.fixed, **self._split(self.product.rows, self.own_rows, self.count, exact)}
            self._load(self._place(name, operand, "a"), operand, {**at, **self._term()})

    def _right(self, name: str) -> None:
        """Write what brings columns of the right matrix into shared memory."""
        axis, size = self.product.column
        operand = self.product.right
        fours = self._fours(operand, [(axis, size)], size % self.tile.columns == 0)
        with self._dealt("b", self.tile.columns, operand.turned, fours):
            place = self.own_columns
            if size % self.tile.columns:
                self.used.add("minimum")
                place = f"minimum({place}, {size - 1})"
            self._load(
                self._place(name, operand, "b"),
                operand,
                {**self.fixed, axis: place, **self._term()},
            )

    def _fours(self, operand: Operand, own: Sequence[Axis], exact: bool) -> bool:
        """Return whether threads read four neighbours at once, which LLVM must see are ones.

        Tensor cores need that: they are done before as many single reads are given out.

        Args:
            operand: what is read.
            own: the axes of its rows or columns.
            exact: whether the last tile of them is a whole one.
        """
        axes = self.product.terms if operand.turned else own
        last, size = axes[-1]
        beside = operand.at({}).rpartition(", ")[2] == last and size % FOUR == 0
        alone = [n for _, n in axes if n > 1] == [size] or size & (size - 1) == 0
        seen = self.along if operand.turned else exact and alone
        return self.tile.cores and self.product.aligned and beside and seen

    def _dealt(
        self, own: str, size: int, turned: bool, fours: bool
    ) -> AbstractContextManager[None]:
        """Return the block of a loop over an operand's part, neighbours in memory one by one."""
        terms = self.tile.terms
        names, sizes = (f"{own}, t", (size, terms)) if turned else (f"t, {own}", (terms, size))
        word = "dealt_fours" if fours and size * terms % (FOUR * THREADS) == 0 else "dealt"
        self.used.add(word)
        return self.writer.block(f"for {names} in {word}({sizes[0]}, {sizes[1]}):")

    def _load(self, target: str, operand: Operand, at: Mapping[str, str]) -> None:
        """Write the load of an element; terms past the last one are zeros."""
        value = read(f"{operand.name}[{operand.at(at)}]", self.tile.rounds, self.used)
        if not self._whole_steps:
            zero = literal(0, self.product.dtype, self.used)[0]
            value = f"{value} if first + t < {self.length} else {zero}"
        self.writer.assign(target, value)

    def _results(self) -> None:
        """Write the stores of sums, but for those past the edges."""
        product, tile = self.product, self.tile
        axis, columns = product.column
        tests: list[str] = []
        if self.count % tile.rows:
            tests.append(f"{self.own_rows} < {self.count}")
        if columns % tile.columns:
            tests.append(f"{self.own_columns} < {columns}")
        with self.writer.block("for a, b, total in held(sums):"), ExitStack() as inside:
            if tests:
                inside.enter_context(self.writer.block(f"if {' and '.join(tests)}:"))
            at = self._split(product.rows, self.own_rows, self.count, exact=True)
            place = product.result.at({**self.fixed, **at, axis: self.own_columns})
            lead = "part, " if self.parted else ""
            total = f"total + {product.bias}[{self.own_columns}]" if product.bias else "total"
            self.writer.line(f"{product.result.name}[{lead}{place}] = {total}")
