"""Who touched what -> two threads that touched the same byte without order, one of them writing.

Threads of different blocks have no order within a launch. Those of a block have one across its
barriers, those of a warp across `bar.warp.sync` too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

_MANY = 1 << 30


class Touch(NamedTuple):
    """One access.

    `read_only` is a read through a cache that does not see what the launch writes. The phases are
    how many barriers each block, each warp, has passed.
    """

    line: int
    lanes: np.ndarray
    cells: np.ndarray
    writes: bool
    read_only: bool
    block_phase: np.ndarray
    warp_phase: np.ndarray


@dataclass(slots=True)
class Race:
    """Two accesses to a cell: (line, lane, whether it writes) of each."""

    cell: int
    first: tuple[int, int, bool]
    second: tuple[int, int, bool]


class Accesses:
    """All accesses to a piece of memory since the last settlement.

    Args:
        cells: how many cells the memory has.
    """

    def __init__(self, cells: int) -> None:
        self._highest = np.zeros(cells, np.int32)  # the lane + 1
        self._lowest = np.zeros(cells, np.int32)  # as many less than _MANY
        self._written = np.zeros(cells, np.bool_)
        self._touches: list[Touch] = []

    def note(self, touch: Touch) -> None:
        """Remember an access."""
        self._touches.append(touch)

    def settle(self, warp_of: np.ndarray, block_of: np.ndarray) -> Race | None:
        """Look for a race among what was noted, and forget it.

        Args:
            warp_of: the warp of each lane.
            block_of: the block of each lane.
        """
        touches, self._touches = self._touches, []
        for t in touches:
            lanes = t.lanes.astype(np.int32)
            np.maximum.at(self._highest, t.cells, lanes + np.int32(1))
            np.maximum.at(self._lowest, t.cells, np.int32(_MANY) - lanes)
            if t.writes:
                self._written[t.cells] = True
        found = None
        if any(t.writes for t in touches):
            suspects = [t for t in (self._suspect(t) for t in touches) if t is not None]
            found = _race(suspects, warp_of, block_of) if suspects else None
            found = found or self._stale(touches)
        for t in touches:
            self._highest[t.cells] = self._lowest[t.cells] = 0
            self._written[t.cells] = False
        return found

    def _suspect(self, t: Touch) -> Touch | None:
        """Return the part of an access to cells that several lanes touched, one writing."""
        several = self._highest[t.cells] - 1 != _MANY - self._lowest[t.cells]
        several &= self._written[t.cells]
        if not several.any():
            return None
        return Touch(t.line, t.lanes[several], t.cells[several], *t[3:])

    def _stale(self, touches: list[Touch]) -> Race | None:
        """Return a read through the read-only cache of what the launch writes."""
        for t in touches:
            if t.read_only and self._written[t.cells].any():
                i = int(np.flatnonzero(self._written[t.cells])[0])
                cell = t.cells[i]
                writer = next(w for w in touches if w.writes and (w.cells == cell).any())
                lane = writer.lanes[np.flatnonzero(writer.cells == cell)[0]]
                first = (writer.line, int(lane), True)
                return Race(int(cell), first, (t.line, int(t.lanes[i]), False))
        return None


def _race(touches: list[Touch], warp_of, block_of) -> Race | None:
    cells = np.concatenate([t.cells for t in touches]).astype(np.int64)
    lanes = np.concatenate([t.lanes for t in touches]).astype(np.int64)
    writes = np.concatenate([np.full(len(t.cells), t.writes) for t in touches])
    lines = np.concatenate([np.full(len(t.cells), t.line) for t in touches])
    warps, blocks = warp_of[lanes], block_of[lanes]
    block_phase = np.concatenate([t.block_phase[block_of[t.lanes]] for t in touches])
    warp_phase = np.concatenate([t.warp_phase[warp_of[t.lanes]] for t in touches])
    for keys, who in (
        ((cells,), blocks),
        ((cells, blocks, block_phase), warps),
        ((cells, warps, block_phase, warp_phase), lanes),
    ):
        pair = _unordered(keys, who, writes)
        if pair is not None:
            first, second = ((int(lines[i]), int(lanes[i]), bool(writes[i])) for i in pair)
            return Race(int(cells[pair[0]]), first, second)
    return None


def _unordered(keys, who, writes) -> tuple[int, int] | None:
    """Return two accesses of one key by different ones, the first of which writes."""
    order = np.lexsort(keys)
    ends = np.zeros(len(order), np.bool_)
    for key in keys:
        ends[1:] |= key[order][1:] != key[order][:-1]
    starts = np.flatnonzero(np.r_[True, ends[1:]])
    lowest = np.minimum.reduceat(who[order], starts)
    highest = np.maximum.reduceat(who[order], starts)
    wrote = np.logical_or.reduceat(writes[order], starts)
    bad = np.flatnonzero((lowest != highest) & wrote)
    if not bad.size:
        return None
    begin = starts[bad[0]]
    stop = starts[bad[0] + 1] if bad[0] + 1 < len(starts) else len(order)
    group = order[begin:stop]
    writer = next(i for i in group if writes[i])
    other = next(i for i in group if who[i] != who[writer])
    return int(writer), int(other)
