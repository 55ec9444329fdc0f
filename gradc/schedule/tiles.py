"""The sizes of a convolution -> which of its sums are held in registers at a time."""

from __future__ import annotations

from dataclasses import dataclass

from gradc.ir.dtype import DType
from gradc.schedule.convolutions import Convolution
from gradc.schedule.registers import Registers

ENOUGH = 8  # registers under way that hide the time of a multiplication and addition
FEW = 8  # channels that are too few for the rows of a tile


@dataclass(frozen=True, slots=True)
class Cut:
    """An axis cut into tiles.

    Args:
        axis: its name.
        extent: its size.
        size: positions in a tile.
    """

    axis: str
    extent: int
    size: int

    def parts(self) -> list[tuple[int, int, int]]:
        """Return (begin, end, size of a tile) of the even part and of the rest."""
        middle = self.extent - self.extent % self.size
        parts = [(0, middle, self.size)]
        if middle < self.extent:
            parts.append((middle, self.extent, self.extent - middle))
        return parts


@dataclass(frozen=True, slots=True)
class Tiles:
    """What a tile holds.

    Args:
        rows: the axes along which its rows lie, one or two.
        lanes: the axis along which a row lies: output channels.
    """

    rows: tuple[Cut, ...]
    lanes: Cut

    @property
    def cuts(self) -> dict[str, Cut]:
        """The cut of each axis."""
        return {cut.axis: cut for cut in (*self.rows, self.lanes)}


def tiles(work: Convolution, dtype: DType, registers: Registers) -> Tiles | None:
    """Return the tiles of a convolution; None where plain loops do better."""
    if not dtype.is_floating_point or work.depthwise:
        return None
    width = registers.bytes // dtype.itemsize
    lanes = _lanes(work.outer, width)
    vectors = -(-lanes // width)
    most = registers.rows(vectors)
    *before, last = zip(work.places_names, work.places, strict=True)
    if not work.sums_samples:
        rows = _pair(before[-1:], last, most, wanted=-(-ENOUGH // vectors))
    elif work.samples >= FEW or not before:
        rows = _pair([], (work.sample_name, work.samples), most, wanted=1)
    elif work.samples == 1:
        rows = _pair(before[-1:], last, most, wanted=most)
    else:
        rows = _pair([last], (work.sample_name, work.samples), most, wanted=most)
    return Tiles(tuple(rows), Cut("o", work.outer, lanes))


def _lanes(size: int, width: int) -> int:
    """Return one or two registers' width, whichever covers the channels with less to spare."""
    if size < 2 * width:
        return min(size, width)
    return min((2 * width, width), key=lambda lanes: -(-size // lanes) * lanes)


def _pair(
    outer: list[tuple[str, int]], inner: tuple[str, int], most: int, wanted: int
) -> list[Cut]:
    """Return even cuts of one axis, and of a second one where the first gives too few rows."""
    name, extent = inner
    size = _even(extent, most)
    rows = [Cut(name, extent, size)]
    if outer and size < wanted and most // size > 1:
        other, count = outer[0]
        rows.insert(0, Cut(other, count, _even(count, most // size)))
    return rows


def _even(extent: int, most: int) -> int:
    """Return the size of the fewest tiles that cover an axis."""
    return -(-extent // -(-extent // most))
