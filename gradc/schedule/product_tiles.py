"""The sizes of a product -> tiles of sums in registers, or a call of BLAS, whichever is faster.

Times are nanoseconds of one core, from a table measured once (docs/decisions/0013): the choice
depends on sizes and registers alone, so that the text of a program does too.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from gradc.ir.dtype import DType
from gradc.ir.graph import TensorType, Value
from gradc.schedule.registers import Registers
from gradc.schedule.tiles import Cut

TILE_FLOPS_PER_NS = 117  # float32, registers of 64 bytes: scaled to others
BLAS_FLOPS_PER_NS = 108
SMALL, MANY = 10**6, 32  # multiplications, and terms, where OpenBLAS does without copies
SMALL_FLOPS_PER_NS = 112
BLAS_STORE = 0.05  # per element of the result
BLAS_PACK = 0.1  # per element of the operands
BLAS_TURN = 0.15  # more, per element of a transposed right operand
PACK = 0.06  # per element that a panel takes in
PACK_STRIPS = 0.1  # per element of a transposed left operand
BEST_ROWS = 8
PANEL_TERMS = 1024  # of a panel, which lies on a thread's stack
CACHED = 2**20  # bytes of an operand that stay in a core's second cache
THIN = 8  # columns that LLVM unrolls: above, a vector's product is as fast by BLAS
LARGE = 2**23  # bytes of a left operand that is better blocked for the third cache
ALIASED = 4096  # rows at this distance share a set of the first cache
STRIP_TERMS = 16  # that one strip takes in before the next: rows of the source lie far apart
KEPT = 2**18  # bytes of the panels that stay in the second cache beside other things
EVEN = 8  # blocks of columns that leave a choice to the threads
FEW = 64  # rows that don't pay for a copy of the right operand
STRIPS = 4  # a panel that comes from the third cache serves the rows of so many tiles


@dataclass(frozen=True, slots=True)
class ProductTiles:
    """A product from tiles.

    Args:
        rows, columns: of the result, as they are cut.
        terms: how many are summed before a tile is stored.
        packs: whether the right operand is copied to a panel, part by part.
        panels: how many panels are kept, so that rows of the left operand are read once for all.
        strips: how many tiles' rows of the left operand are copied at a time, those of each tile
            side by side; the right operand is then in panels before. 0 where nothing is copied.
    """

    rows: Cut
    columns: Cut
    terms: int
    packs: bool
    panels: int = 1
    strips: int = 0

    @property
    def block(self) -> Cut:
        """The rows that are computed together."""
        return replace(self.rows, size=self.rows.size * max(self.strips, 1))

    @property
    def width(self) -> int:
        """How many columns are computed with the panels that are kept."""
        return self.panels * self.columns.size


class Method(enum.Enum):
    """What computes a product."""

    TILES = "from tiles"
    THIN = "by loops of its own"  # a matrix of few columns or rows, times a vector
    BLAS = "by BLAS"
    LOOPS = "by plain loops"


@dataclass(frozen=True, slots=True)
class Choice:
    """How a product is computed, and why; `tiles` where it is from tiles."""

    method: Method
    reason: str
    tiles: ProductTiles | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a product multiplies.

    Args:
        rows, columns, terms: sizes of one product.
        left_turned, right_turned: which operands are used as transposes.
        batched: whether there is a batch of them.
    """

    rows: int
    columns: int
    terms: int
    left_turned: bool
    right_turned: bool
    batched: bool = False


def choose(sizes: Sizes, dtype: DType, registers: Registers) -> Choice:
    """Return how to compute a product."""
    if not dtype.is_floating_point:
        return Choice(Method.LOOPS, "whole numbers")
    if not sizes.rows * sizes.columns * sizes.terms:
        return Choice(Method.LOOPS, "nothing to multiply")
    left_bytes = sizes.rows * sizes.terms * dtype.itemsize
    few = (sizes.rows if sizes.left_turned else sizes.terms) <= THIN
    cached = left_bytes <= CACHED or not sizes.left_turned
    if sizes.columns == 1 and few and cached and not sizes.batched:
        return Choice(Method.THIN, "a thin matrix times a vector")
    if left_bytes > LARGE:
        return Choice(Method.BLAS, "BLAS blocks a large left operand for the caches")
    far = sizes.left_turned and sizes.rows * dtype.itemsize % ALIASED == 0
    far = far and left_bytes > CACHED
    if far and (sizes.batched or sizes.columns * sizes.terms * dtype.itemsize > LARGE):
        return Choice(Method.BLAS, "rows of the left operand evict each other from the cache")
    width = registers.bytes // dtype.itemsize
    speed = registers.bytes / 64 * 4 / dtype.itemsize
    options = [
        _tiles(sizes, rows, lanes, dtype, strips=far)
        for lanes in _lanes(sizes.columns, width)
        for rows in _row_counts(sizes.rows, registers.rows(-(-lanes // width)))
    ]
    own = [(_time(sizes, t, width) / speed, t) for t in options if t is not None]
    if not own:
        return Choice(Method.BLAS, "tiles don't fit evenly")
    time, tiles = min(own, key=lambda option: option[0])
    other = _blas_time(sizes) / speed
    here, there = _duration(time), _duration(other)
    if time > other:
        return Choice(Method.BLAS, f"{there}, {here} from tiles")
    blocked = f"; {tiles.panels} panels at a time" if tiles.panels > 1 else ""
    copied = "; rows of the left operand evict each other: copied" if tiles.strips else ""
    return Choice(Method.TILES, f"{here}, {there} by BLAS{blocked}{copied}", tiles)


def _duration(nanoseconds: float) -> str:
    """Return a time for people: `2.49 us`, `9.24 ms`."""
    if nanoseconds < 1e6:
        return f"{nanoseconds / 1e3:.3g} us"
    return f"{nanoseconds / 1e6:.3g} ms"


def panels_of(choice: Choice, columns: int, terms: int, dtype: DType) -> Value | None:
    """Return what holds the copy of the right operand that all threads share, if there is one."""
    tiles = choice.tiles
    if tiles is None or not tiles.strips:
        return None
    lanes = tiles.columns.size
    return Value(TensorType((columns // lanes, terms, lanes), dtype))


def _lanes(columns: int, width: int) -> list[int]:
    """Return the numbers of lanes worth trying."""
    if columns < width:
        return [columns]
    return [2 * width, width] if columns >= 2 * width else [width]


def _row_counts(rows: int, most: int) -> list[int]:
    """Return the numbers of rows worth trying, the usual one first."""
    best = min(BEST_ROWS, most)
    if rows <= best:
        return [rows]
    return [best, *(n for n in range(best + 1, min(most, rows) + 1)), *range(best - 1, 3, -1)]


def _tiles(
    sizes: Sizes, rows: int, lanes: int, dtype: DType, *, strips: bool
) -> ProductTiles | None:
    """Return tiles of so many rows and lanes; None where they don't fit and must."""
    even = sizes.rows % rows == 0 and sizes.columns % lanes == 0
    right_bytes = sizes.columns * sizes.terms * dtype.itemsize
    packs = sizes.right_turned or (right_bytes > CACHED and sizes.rows >= FEW)
    terms = sizes.terms
    if (packs or strips) and terms > PANEL_TERMS:
        if not even:
            return None  # a tile that overlaps the one before would add its terms twice
        terms = -(-terms // -(-terms // PANEL_TERMS))
    cuts = Cut("i", sizes.rows, rows), Cut("j", sizes.columns, lanes)
    if strips:
        if not even:
            return None
        count = next(n for n in (STRIPS, 2, 1) if sizes.rows % (rows * n) == 0)
        return ProductTiles(*cuts, terms, packs=True, strips=count)
    panels = _panels(sizes, lanes, terms, dtype) if packs else 1
    return ProductTiles(*cuts, terms, packs, panels)


def _panels(sizes: Sizes, lanes: int, terms: int, dtype: DType) -> int:
    """Return how many panels to keep: one where the left operand stays in the second cache."""
    if sizes.rows * terms * dtype.itemsize <= KEPT:
        return 1
    most = max(KEPT // (min(terms, PANEL_TERMS) * lanes * dtype.itemsize), 1)
    count, rest = divmod(sizes.columns, lanes)
    if rest:
        return 1
    return max(n for n in range(1, most + 1) if count % n == 0 and (n == 1 or count // n >= EVEN))


def _time(sizes: Sizes, tiles: ProductTiles, width: int) -> float:
    """Return what tiles take, in registers of 16 numbers; those that overlap count in full."""
    rows, columns = (-(-c.extent // c.size) * c.size for c in (tiles.rows, tiles.columns))
    lanes = tiles.columns.size
    half = max(width // 2, 1)
    padded = columns // lanes * (half if lanes <= half else -(-lanes // width) * width)
    sums = tiles.rows.size * -(-lanes // width)
    hidden = min(sums / 4, 1) if sums < 4 else 0.88 if sums < 8 else 1
    crowded = 1 if tiles.rows.size <= BEST_ROWS else 0.97
    time = 2 * rows * padded * sizes.terms / (TILE_FLOPS_PER_NS * hidden * crowded)
    if tiles.strips:
        time += PACK_STRIPS * rows * sizes.terms
    return time + (PACK * columns * sizes.terms if tiles.packs else 0)


def _blas_time(sizes: Sizes) -> float:
    """Return what BLAS takes."""
    m, n, k = sizes.rows, sizes.columns, sizes.terms
    padded = 2 * m * -(-n // 4) * 4 * k
    turns = sizes.right_turned and m >= BEST_ROWS
    if m * n * k <= SMALL and k >= MANY and not turns:
        return padded / SMALL_FLOPS_PER_NS
    time = padded / BLAS_FLOPS_PER_NS + BLAS_STORE * m * n + BLAS_PACK * (m * k + k * n)
    return time + (BLAS_TURN * k * n if turns else 0)
