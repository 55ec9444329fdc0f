"""What attention kernels of a GPU are made of: tiles of scores, and sums weighted by them.

A block of threads has a tile of queries i + m, or of keys start + j, and goes along the others.
Both factors of a product come through shared memory, a few terms at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from gradc.emit.arguments import CODES
from gradc.emit.cuda_tiles import read
from gradc.emit.expression import literal
from gradc.emit.writer import Writer
from gradc.ir.dtype import DType
from gradc.schedule.attention import Attention
from gradc.schedule.attention_blocks import AttentionBlock, Extents, Part, extents, wide
from gradc.schedule.blocks import THREADS
from gradc.schedule.convolutions import Seen

NAMES = ("q", "k", "v", "out_bar", "log_sum", "delta")
FOUR = 4  # elements that a thread reads at once
WORDS = (
    "add_matmul_t add_t_matmul dealt dealt_fours exp held log meet_lanes minimum multiply_add "
    "multiply_rows round_bfloat16 round_tf32 rows shared_f32 shared_f64 tile_f32 tile_f64 tile_tf32"
).split()


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows of an operand: those of queries or of keys.

    Args:
        name: of the operand.
        own: the row within a tile, "m" or "j".
        count: rows of a tile.
    """

    name: str
    own: str
    count: int


class Blocks:
    """Writes the parts of one kernel."""

    def __init__(
        self,
        work: Attention,
        dtype: DType,
        block: AttentionBlock,
        part: Part,
        writer: Writer,
        used: set[str],
    ) -> None:
        self.work, self.block, self.part, self.writer = work, block, part, writer
        self.code, self.dtype, self.used = CODES[dtype], dtype, used
        self.sizes: Extents = extents(work, dtype, block.rounds)
        self.tile = "tile_tf32" if block.rounds else f"tile_{self.code}"
        self.zero, self.one = self.number(0), self.number(1)
        self.scale, self.least = self.number(work.scale), self.number(float("-inf"))
        self.several_queries = work.queries > block.queries
        self.several_keys = work.keys > block.keys
        self.query = "i + m" if self.several_queries else "m"
        self.key = "start + j" if self.several_keys else "j"
        self.whole_queries = work.queries % block.queries == 0
        self.whole_keys = work.keys % block.keys == 0
        self.seen: Mapping[str, Seen] = dict(zip(NAMES, work.operands, strict=False))

    def number(self, value: float) -> str:
        """Return a number as text."""
        return literal(value, self.dtype, self.used)[0]

    def rounded(self, value: str) -> str:
        """Return a factor of a product, rounded where that is asked for."""
        return read(value, self.block.rounds, self.used)

    def meaning(self) -> None:
        """Write what weights are."""
        work = self.work
        seen = " for j <= i" if work.causal else ""
        shift = " + mask[n, h, i, j]" if work.masked else ""
        self.writer.comment(
            f"weights[j, i] = e^({self.scale} * q[i] . k[j]{shift} - log_sum[i]){seen}"
        )
        if work.adjoint:
            self.writer.comment("scores_bar[j, i] = weights[j, i] * (out_bar[i] . v[j] - delta[i])")

    def head(self) -> None:
        """Write how the work is dealt out."""
        block = self.block
        mine, others = ("queries i + m", "keys start + j")[:: -1 if self.part is Part.KEYS else 1]
        sizes = self._sides(block.queries, block.keys)
        self.writer.comment(f"a block has {sizes[1]} {mine}, and goes along the {others},")
        self.writer.comment(
            f"{sizes[0]} at a time; {block.terms} terms of their products are in shared memory"
        )

    def each_query(self) -> AbstractContextManager[None]:
        """Return the block of a loop over the queries of the tile."""
        return self.writer.block(f"for m in dealt({self.block.queries}):")

    def each_part(self, groups: int) -> AbstractContextManager[None]:
        """Return the block of a loop over threads that share queries."""
        return self.writer.block(f"for part, m in dealt({groups}, {self.block.queries}):")

    def each_key(self, groups: int) -> AbstractContextManager[None]:
        """Return the block of a loop over the keys of a part."""
        count = self.block.keys // groups
        return self.writer.block(f"for j in range({count} * part, {count} * part + {count}):")

    def memory(self, **arrays: tuple[int, ...]) -> None:
        """Write what the threads of a block share, arrays of one size in a line."""
        block, shared = self.block, f"shared_{self.code}"
        sides = (self.sizes.factors(block, n) for n in self._sides(block.queries, block.keys))
        made = ", ".join(f"{shared}({rows}, {row})" for rows, row in sides)
        self.writer.line(f"left, right = {made}")
        for name, sizes in arrays.items():
            self.writer.line(f"{name} = {shared}({', '.join(map(str, sizes))})")

    def _sides(self, queries: int, keys: int) -> tuple[int, int]:
        """Return rows and columns of a tile of scores: what the block goes along comes first.

        So threads write weights, whose rows are added up, side by side.
        """
        return (queries, keys) if self.part is Part.KEYS else (keys, queries)

    def units(self) -> None:
        """Open the loop over samples, heads and tiles; the longest ones of a causal mask first."""
        work, block = self.work, self.block
        by_keys = self.part is Part.KEYS
        size, extent = (block.keys, work.keys) if by_keys else (block.queries, work.queries)
        tiles = -(-extent // size)
        axes = [("n", work.samples), ("h", work.heads)]
        if tiles > 1:
            axes.insert(0 if work.causal else 2, ("tile", tiles))
        names, counts = (", ".join(str(axis[at]) for axis in axes) for at in (0, 1))
        self.open(f"for {names} in rows({counts}):")
        if tiles > 1:
            at = f"({tiles - 1} - tile)" if work.causal and not by_keys else "tile"
            self.writer.line(f"{'start' if by_keys else 'i'} = {size} * {at}")

    def keys(self) -> None:
        """Open the loop over tiles of keys, where there are several."""
        if not self.several_keys:
            return
        last = str(self.work.keys)
        if self.work.causal:
            last = f"i + {self.block.queries}" if self.several_queries else str(self.block.queries)
            if not self.whole_queries or self.work.queries > self.work.keys:
                last = f"minimum({last}, {self.work.keys})"
        self.open(f"for start in range(0, {last}, {self.block.keys}):")

    def queries(self) -> None:
        """Open the loop over tiles of queries, where there are several."""
        if not self.several_queries:
            return
        block, first = self.block, "0"
        if self.work.causal and self.several_keys:
            first = "start"
            if block.keys % block.queries:
                first = f"start // {block.queries} * {block.queries}"
        self.open(f"for i in range({first}, {self.work.queries}, {block.queries}):")

    def open(self, head: str) -> None:
        """Write the head of a loop, and go inside."""
        self.writer.line(head)
        self.writer.depth += 1

    def at(self, name: str, row: str, feature: str) -> str:
        """Return an element of an operand as it lies in memory."""
        seen = self.seen[name]
        index = [""] * 4
        for axis, place in zip(seen.axes, ("n", row, "h", feature), strict=True):
            index[axis] = place
        return f"{name}[{', '.join(index)}]"

    def rows_of(self, name: str) -> Lines:
        """Return the rows of an operand."""
        if name in ("k", "v"):
            return Lines(name, "j", self.block.keys)
        return Lines(name, "m", self.block.queries)

    def inside(self, own: str, place: str) -> str:
        """Return the row of an operand for a place in a tile.

        Past an edge the last row is read again: its scores are -inf, or not stored.
        """
        whole, extent = (
            (self.whole_keys, self.work.keys)
            if own == "j"
            else (self.whole_queries, self.work.queries)
        )
        if whole:
            return place
        name = "key" if own == "j" else "query"
        self.writer.line(f"{name} = minimum({place}, {extent - 1})")
        return name

    def scores(self, out: str, first: str, second: str, terms: int, axis: str) -> None:
        """Write out[j, m] = first[m] . second[j]; or [m, j], see `_sides`."""
        own, others = self._sides(self.block.queries, self.block.keys)
        names = self._sides_of(first, second)
        self.writer.line(f"{out} = {self.tile}({own}, {others})")
        depth, step = self.writer.depth, self.block.terms
        place = axis
        if terms > step:
            self.open(f"for first in range(0, {terms}, {step}):")
            place = f"first + {axis}"
        for target, name in zip(("left", "right"), names, strict=True):
            lines = self.rows_of(name)
            head = self.dealt(lines.count, step, terms)
            with self.writer.block(f"for {lines.own}, {axis} in {head}:"):
                row = self.inside(lines.own, self.query if lines.own == "m" else self.key)
                value = self.rounded(self.at(name, row, place))
                if terms % step:
                    value = f"{value} if {place} < {terms} else {self.zero}"
                place_in = (lines.own, axis) if self.block.rounds else (axis, lines.own)
                self.writer.assign(f"{target}[{', '.join(place_in)}]", value)
        self.writer.line("meet_lanes()")
        word = "add_matmul_t" if self.block.rounds else "multiply_add"
        self.writer.line(f"{word}({out}, left, right)")
        self.writer.line("meet_lanes()")
        self.writer.depth = depth

    def _sides_of(self, first: str, second: str) -> tuple[str, str]:
        return (first, second) if self.part is Part.KEYS else (second, first)

    def add_up(self, out: str, weights: str, name: str, features: int, axis: str) -> None:
        """Write out[a] += sum over its rows t of weights[t, a] * name[t]."""
        lines, step, width = self.rows_of(name), self.block.terms, wide(features)
        start = self.key if lines.own == "j" else self.query
        start = start.removesuffix(lines.own)
        self.open(f"for first in range(0, {lines.count}, {step}):")
        with self.writer.block(f"for t, {axis} in {self.dealt(step, width, features)}:"):
            row = f"{start}first + t"
            feature = axis if width == features else f"minimum({axis}, {features - 1})"
            value = self.rounded(self.at(name, row, feature))
            if edge := self.edge(lines.own, row):
                value = f"{value} if {edge} else {self.zero}"
            self.writer.assign(f"values[t, {axis}]", value)
        self.writer.line("meet_lanes()")
        word = "add_t_matmul" if self.block.rounds else "multiply_add"
        self.writer.line(f"{word}({out}, {weights}, values, first)")
        self.writer.line("meet_lanes()")
        self.writer.depth -= 1

    def dealt(self, rows: int, columns: int, features: int) -> str:
        """Return who reads what: four neighbours each where that comes out even."""
        even = features % FOUR == 0 and rows * columns % (FOUR * THREADS) == 0
        return f"dealt{'_fours' * even}({rows}, {columns})"

    def edge(self, own: str, place: str = "") -> str:
        """Return the test whether a query, m, or a key, j, is one; "" where all of them are."""
        if own == "j":
            return "" if self.whole_keys else f"{place or self.key} < {self.work.keys}"
        return "" if self.whole_queries else f"{place or self.query} < {self.work.queries}"

    def shifts(self) -> None:
        """Write what brings the log-sum-exp and delta of each query into shared memory."""
        with self.writer.block(f"for m in dealt({self.block.queries}):"):
            row = self.inside("m", self.query)
            self.writer.line(f"shift[0, m] = log_sum[n, {row}, h]")
            self.writer.line(f"shift[1, m] = delta[n, {row}, h]")

    def visible(self) -> None:
        """Write what makes a score of a sum of products: the scale, and the masks."""
        work, writer = self.work, self.writer
        writer.line(f"score = score * {self.scale}")
        edges = [test for own in ("j", "m") if (test := self.edge(own))]
        if (mask := work.mask) is not None:
            self._masked(mask, edges)
        # Past the last query nothing is stored; but keys must not be told of it.
        tests = edges if self.part is Part.KEYS else [test for test in (self.edge("j"),) if test]
        if work.causal:
            tests = [*tests, f"{self.key} <= {self.query}"]
        if tests:
            # NOTE: a hidden NaN stays hidden
            writer.assign("score", f"score if {' and '.join(tests)} else {self.least}")

    def _masked(self, mask: Seen, inside: Sequence[str]) -> None:
        """Write what a mask does to a score; past an edge it is not read."""
        places = zip(("n", "h", self.query, self.key), mask.value.shape, strict=True)
        index = ", ".join("0" if size == 1 else place for place, size in places)
        with ExitStack() as edge:
            if inside:
                edge.enter_context(self.writer.block(f"if {' and '.join(inside)}:"))
            if mask.value.dtype.is_bool:
                value = f"score if mask[{index}] else {self.least}"
                self.writer.assign("score", value)
            else:
                self.writer.line(f"score += mask[{index}]")

    def results(self, sums: str, own: str, axis: str, features: int, target: str) -> None:
        """Write the stores of sums, but for those past the edges."""
        tests = [test for test in (self.edge(own),) if test]
        if wide(features) != features:
            tests.append(f"{axis} < {features}")
        with self.writer.block(f"for {own}, {axis}, result in held({sums}):"), ExitStack() as edge:
            if tests:
                edge.enter_context(self.writer.block(f"if {' and '.join(tests)}:"))
            self.writer.line(f"{target} = result")

    def end(self) -> None:
        """Write what comes before another tile: what threads share is written anew."""
        self.writer.line("meet_lanes()")
