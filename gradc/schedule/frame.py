"""How a kernel is launched on a GPU: who does which position; data only."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from gradc.ir.graph import Value


class Frame(enum.Enum):
    """Who does which position."""

    ALONE = "one thread"
    GRID = "one position per thread"
    QUADS = "four neighbours per thread"
    SWEEP = "every so-many-th position per thread, then the sum of all"
    ROWS = "a row per group of lanes"
    COLUMNS = "a column per thread, in blocks of rows"
    ORDER = "a line per thread, in order"
    TILES = "a tile of the result per block"
    RUNNING = "a row per group of lanes, running sums from step to step"


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle of a product that a block of threads computes.

    Args:
        rows, columns: of the result.
        terms: how many are in shared memory at a time.
        rounds: the format that operands are rounded to, or "".
        cores: whether tensor cores multiply.
    """

    rows: int
    columns: int
    terms: int
    rounds: str = ""
    cores: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Launch:
    """How a kernel is launched.

    Args:
        frame: who does which position.
        blocks: of columns, and of rows (parts).
        threads: lanes of a group, and groups of a block.
        own: sums that are made of parts, and what holds all parts of each.
        parts: how many parts there are.
        together: rows of each part, where a part is a block of rows; terms, where it is tiled.
        tile: what a block computes at a time, where it is a tile.
    """

    frame: Frame
    blocks: tuple[int, int] = (1, 1)
    threads: tuple[int, int] = (1, 1)
    own: dict[Value, Value] = field(default_factory=dict[Value, Value])
    parts: int = 1
    together: int = 1
    tile: Tile | None = None
