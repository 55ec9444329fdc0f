"""A convolution or product on a GPU -> its launch in tiles, where they are worth it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from gradc.schedule.convolutions import Convolution
from gradc.schedule.frame import Frame, Launch, Tile

THREADS = 256  # of a block that computes tiles
TERMS = 16  # in shared memory at a time
WIDTHS = (16, 32, 64)  # columns of a tile
FEW_COLUMNS, FEW_TERMS, FEW_ROWS = 8, 8, 16  # below these a tile is mostly empty
ENOUGH = 256  # blocks that keep a GPU busy
LEAST = 4  # sums for each thread
PART = 256  # terms of each part of a sum, at least
CORE_TERMS = 32  # in shared memory at a time, where tensor cores multiply
CORE_PART = 1024  # terms of each part, at least, of those with larger tiles
CORE_TILES = ((128, 128), (128, 64))  # theirs, where there are enough of them


@dataclass(frozen=True, slots=True)
class Extent:
    """A product as matrices: [rows, terms] @ [terms, columns], as often as there are groups."""

    groups: int
    rows: int
    columns: int
    terms: int
    run: int = 1  # the innermost of the axes that make up the terms

    def tiles(self, tile: Tile) -> int:
        """Return how many tiles cover the result."""
        return self.groups * -(-self.rows // tile.rows) * -(-self.columns // tile.columns)


def extent(work: Convolution) -> Extent:
    """Return the matrices of a convolution: places by channels, summed over window and channels."""
    rows = work.samples * math.prod(work.places)
    run = 1 if work.sums_samples else work.inner
    return Extent(work.groups, rows, work.outer, math.prod(work.window) * work.inner, run)


def tiled(sizes: Extent, rounds: str = "", cores: bool = False) -> Launch | None:
    """Return the launch of a product in tiles, None where a thread for each element is better.

    Depthwise convolutions and those of very few channels would leave most of a tile empty.

    Args:
        sizes: of the matrices.
        rounds: the format that operands are rounded to, or "".
        cores: whether tensor cores multiply.
    """
    small = sizes.columns < FEW_COLUMNS or sizes.terms < FEW_TERMS or sizes.rows < FEW_ROWS
    large = max(sizes.rows, sizes.columns, sizes.terms) >= 2**31
    if small or large:
        return None
    tile = replace(_core_tile(sizes) if cores else _tile(sizes), rounds=rounds, cores=cores)
    blocks = sizes.tiles(tile)
    launch = Launch(Frame.TILES, (blocks, 1), (THREADS, 1), tile=tile)
    parts = min(ENOUGH // blocks, sizes.terms // PART) if 2 * blocks <= ENOUGH else 1
    if parts < 2:
        return launch
    steps = -(-sizes.terms // (tile.terms * parts))
    together = tile.terms * steps
    parts = -(-sizes.terms // together)
    return replace(launch, blocks=(blocks, parts), parts=parts, together=together)


def _tile(sizes: Extent) -> Tile:
    """Return a tile as wide as the result, of 16 sums for each thread; of 32 where there are many.

    The more sums a thread has, the fewer reads of shared memory each needs. A result of few rows
    has tiles of no more rows than it can use.
    """
    columns = next((n for n in WIDTHS if n >= sizes.columns), WIDTHS[-1])
    rows = 16 * THREADS // columns
    while rows // 2 >= sizes.rows and rows * columns // 2 >= LEAST * THREADS:
        rows //= 2
    tile = Tile(rows, columns, TERMS)
    larger = replace(tile, rows=2 * tile.rows)
    return larger if columns == WIDTHS[-1] and sizes.tiles(larger) >= ENOUGH else tile


def _core_tile(sizes: Extent) -> Tile:
    """Return a tile for tensor cores: the largest that keeps a GPU busy and is not half empty.

    They are done with a step so soon that loads for it must be many. Long sums may have parts.
    """
    parts = max(sizes.terms // CORE_PART, 1)
    terms = CORE_TERMS if sizes.run % CORE_TERMS == 0 or sizes.run == 1 else TERMS
    for rows, columns in CORE_TILES:
        tile = Tile(rows, columns, terms)
        used = sizes.groups * sizes.rows * sizes.columns / (sizes.tiles(tile) * rows * columns)
        # rows by terms are read four at once where there is no remainder
        whole = sizes.run > 1 or sizes.rows % rows == 0
        if sizes.tiles(tile) * parts >= ENOUGH and used > 0.75 and whole:
            return tile
    return replace(_tile(sizes), terms=terms)
