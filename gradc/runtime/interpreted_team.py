"""`share(team, 128, 32)` and its kin for the Python interpreter, which is a team of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """Positions along an axis, in blocks."""

    first: int
    last: int
    block: int

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.last))


class Columns(Rows):
    """Columns of a product's result, in blocks."""


def share(team: object, size: int, block: int) -> Rows:
    """Return all rows."""
    return Rows(0, size, block)


def share_columns(team: object, size: int, block: int) -> Columns:
    """Return all columns."""
    return Columns(0, size, block)


def chunks(rows: Rows) -> Iterator[Rows]:
    """Yield the rows of each block."""
    for first in range(rows.first, rows.last, rows.block):
        yield Rows(first, min(first + rows.block, rows.last), rows.block)


def elements(rows: Rows, length: int) -> Rows:
    """Return the elements of rows of a length, in an array that is seen as one row."""
    return Rows(rows.first * length, rows.last * length, rows.block * length)


def tiled(rows: Rows | int, size: int) -> Iterator[int]:
    """Yield where each tile of rows begins; the last one overlaps where it would stick out."""
    begin, end = (0, rows) if isinstance(rows, int) else (rows.first, rows.last)
    for first in range(begin, end, size):
        yield min(first, end - size)


def part_of(array: Array, chunk: Rows, shape: tuple[int, ...]) -> Array:
    """Return the row of an array that belongs to a chunk, seen with a shape."""
    return array[chunk.first // chunk.block, : prod(shape)].reshape(shape)


def meet(team: object) -> None:
    """Go on: there is nobody to wait for."""


def is_first(team: object) -> bool:
    """Return True: there is one thread."""
    return True
