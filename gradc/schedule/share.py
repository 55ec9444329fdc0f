"""Which part of a kernel each thread does: every thread all, the first thread all, or blocks."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from gradc.ir.graph import Value


class Way(enum.Enum):
    """How a kernel is shared among threads."""

    EACH = "every thread"  # all compute the same, in variables or to the same place
    FIRST = "the first thread"
    ROWS = "rows"
    COLUMNS = "columns"
    STEPS = "each step by all threads"  # of a loop over time, whose kernels are shared


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """How a kernel is shared.

    Args:
        way: who does what.
        extent: size of the axis that is cut.
        block: positions that stay together; it never depends on the number of threads.
        own: arrays that the kernel uses up, and what holds one of each for every block.
    """

    way: Way
    extent: int = 1
    block: int = 1
    own: dict[Value, Value] = field(default_factory=dict[Value, Value])

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return -(-self.extent // self.block)

    @property
    def cut(self) -> bool:
        """Whether blocks are dealt out."""
        return self.way in (Way.ROWS, Way.COLUMNS)


@dataclass(frozen=True, slots=True, eq=False)
class Combine:
    """The sums of each block -> their sum, in the order of the blocks.

    Args:
        parts: one row for each block.
        total: what they are parts of.
        count: number of blocks.
        size: elements of a total; a row of `parts` may be longer.
        fold: what adds two parts up.
    """

    parts: Value
    total: Value
    count: int
    size: int
    fold: str = "sum"
