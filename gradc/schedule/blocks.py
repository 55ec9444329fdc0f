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


@dataclass(frozen=True, slots=True)
class Extent:
    """A product as matrices: [rows, terms] @ [terms, columns], as often as there are groups."""

    groups: int
    rows: int
    columns: int
    terms: int

    def tiles(self, tile: Tile) -> int:
        """Return how many tiles cover the result."""
        return self.groups * -(-self.rows // tile.rows) * -(-self.columns // tile.columns)


def extent(work: Convolution) -> Extent:
    """Return the matrices of a convolution: places by channels, summed over window and channels."""
    rows = work.samples * math.prod(work.places)
    return Extent(work.groups, rows, work.outer, math.prod(work.window) * work.inner)


def tiled(sizes: Extent) -> Launch | None:
    """Return the launch of a product in tiles, None where a thread for each element is better.

    Depthwise convolutions and those of very few channels would leave most of a tile empty.
    """
    small = sizes.columns < FEW_COLUMNS or sizes.terms < FEW_TERMS or sizes.rows < FEW_ROWS
    large = max(sizes.rows, sizes.columns, sizes.terms) >= 2**31
    if small or large:
        return None
    tile = _tile(sizes)
    blocks = sizes.tiles(tile)
    launch = Launch(Frame.TILES, (blocks, 1), (THREADS, 1), tile=tile)
    parts = min(ENOUGH // blocks, sizes.terms // PART) if 2 * blocks <= ENOUGH else 1
    if parts < 2:
        return launch
    steps = -(-sizes.terms // (TERMS * parts))
    together = TERMS * steps
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
