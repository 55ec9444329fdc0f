"""Some blocks of a launch, run until all of their threads have ended.

Each register is an array over the lanes of all these blocks; one instruction is one NumPy
operation for all lanes that are at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ptx.bits import GARBAGE
from ptx.memory import Fault, Memory
from ptx.program import ENDED, Block
from ptx.races import Accesses
from ptx.schedule import Groups
from ptx.text import SIZES, PtxError
from ptx.waiting import deadlock, met

if TYPE_CHECKING:
    from ptx.machine import Launch

WARP = 32
MOST_STEPS = 3_000_000  # of a launch: more is a loop without an end


class Frame:
    """What a step works on: registers, and the lanes that they are of."""

    __slots__ = ("chunk", "lanes", "values")

    def __init__(self, chunk: Chunk, lanes: np.ndarray, values: dict) -> None:
        self.chunk, self.lanes, self.values = chunk, lanes, values


class Chunk:
    """Some blocks of a launch, whose lanes are computed together.

    Attributes:
        first_lane: of its lanes, the number of the first in the launch.
        lanes: how many.
        warp_of: the warp of each lane, counted from the chunk's first.
        lane_of: its number in its warp.
        alive: whether it has not ended.
    """

    def __init__(self, launch: Launch, first: int, count: int) -> None:
        self.launch, self.first_block, self.blocks = launch, first, count
        size = launch.block_threads
        self.lanes, self.first_lane = count * size, first * size
        everyone = np.arange(self.lanes)
        self.block_of, thread = everyone // size, everyone % size
        warp_in_block = thread // WARP
        self.warps = count * launch.block_warps
        self.warp_of = self.block_of * launch.block_warps + warp_in_block
        self.lane_of = (thread % WARP).astype(np.uint32)
        self.alive = np.ones(self.lanes, np.bool_)
        self.values = self._special(thread)
        program = launch.program
        self.shared = Memory(count * program.shared_bytes, 0)
        for block in range(count):
            for offset, nbytes in program.shared:
                at = block * program.shared_bytes + offset
                self.shared.allow(at, nbytes, written=False)
        self.local = Memory(self.lanes * program.local_bytes, 0)
        self.local.allow(0, self.lanes * program.local_bytes, written=False)
        cells = count * program.shared_bytes // program.granule["shared"]
        self.accesses = {"shared": Accesses(cells), "global": launch.touched}
        self.groups = Groups(launch.order, warp_in_block, self.block_of)
        self.groups.add(everyone, 0)
        self._everyone = everyone

    def _special(self, thread: np.ndarray) -> dict:
        """Return the registers that a GPU sets."""
        launch, u32 = self.launch, np.uint32
        block = self.first_block + self.block_of
        values: dict = {"%laneid": self.lane_of, "%warpid": (thread // WARP).astype(u32)}
        for name, index, sizes in (
            ("tid", thread, launch.threads),
            ("ctaid", block, launch.grid),
        ):
            before = 1
            for axis, size in zip("xyz", sizes, strict=True):
                values[f"%{name}.{axis}"] = (index // before % size).astype(u32)
                values[f"%n{name}.{axis}"] = u32(size)
                before *= size
        values["%lanemask_eq"] = u32(1) << self.lane_of
        values["%lanemask_lt"] = values["%lanemask_eq"] - u32(1)
        return values

    def run(self) -> None:
        """Run until all lanes have ended."""
        stuck: set[int] = set()
        blocks = self.launch.program.blocks
        while self.groups:
            for key in self.groups.keys():
                rank, place = key
                meeting = blocks[place].meeting
                if meeting is None:
                    lanes = self.groups.take(key)
                    break
                if place in stuck:
                    continue
                lanes = met(self, place)
                if lanes is not None:
                    rank = None
                    break
                stuck.add(place)
            else:
                raise deadlock(self)
            if self._advance(blocks[place], lanes, rank):
                stuck.clear()
        self.settle()

    def _advance(self, block: Block, lanes: np.ndarray, rank: int | None) -> bool:
        """Run a block for some lanes and send them on; return whether waiting ones may go on."""
        self.launch.steps += 1
        if self.launch.steps > MOST_STEPS:
            raise self.error(block.line, int(lanes[0]), "does not come to an end")
        if len(lanes) == self.lanes:
            frame = Frame(self, self._everyone, self.values)
        else:
            frame = Frame(self, lanes, {})
            for name in block.reads:
                value = self.values.get(name)
                if value is None:
                    continue
                frame.values[name] = value[lanes] if np.ndim(value) else value
        self._do(block, frame)
        if len(lanes) != self.lanes:
            self._put_back(block, frame)
        changed = block.meeting is not None
        for place, some in self._next(block, frame):
            if place == ENDED:
                self.alive[some] = False
                changed = True
            else:
                changed |= self.launch.program.blocks[place].meeting is not None
                self.groups.add(some, place, rank)
        return changed

    def _do(self, block: Block, frame: Frame) -> None:
        for step in block.steps:
            try:
                step(frame)
            except KeyError as error:
                why = f"register {error} is read before it is written"
                raise self.error(block.line, int(frame.lanes[0]), why) from error

    def _put_back(self, block: Block, frame: Frame) -> None:
        """Write what some lanes computed to the registers of all."""
        for name in block.writes:
            value, old = frame.values[name], self.values.get(name)
            if old is None:
                kind = self.launch.program.kernel.type_of(name)
                rubbish = kind == "pred" or GARBAGE[SIZES[kind]]
                new = np.full(self.lanes, rubbish, np.asarray(value).dtype)
            else:
                new = old.copy() if np.ndim(old) else np.full(self.lanes, old)
            new[frame.lanes] = value
            self.values[name] = new

    def _next(self, block: Block, frame: Frame):
        """Return (block of instructions, lanes) that go on there."""
        if block.table is not None:
            index, places = block.table
            chosen = np.broadcast_to(index(frame.values), frame.lanes.shape)
            if chosen.max() >= len(places):
                raise self.error(block.line, int(frame.lanes[chosen.argmax()]), "jumps nowhere")
            return [(places[i], frame.lanes[chosen == i]) for i in np.unique(chosen)]
        if block.branch is None:
            return [(block.after, frame.lanes)]
        predicate, target = block.branch
        if predicate is None:
            return [(target, frame.lanes)]
        taken = predicate(frame.values)
        if not np.ndim(taken):
            return [(target if taken else block.after, frame.lanes)]
        if taken.all():
            return [(target, frame.lanes)]
        if not taken.any():
            return [(block.after, frame.lanes)]
        return [(target, frame.lanes[taken]), (block.after, frame.lanes[~taken])]

    def settle(self) -> None:
        """Look for races on shared memory; all blocks are at a barrier, or at their ends."""
        launch = self.launch
        warps = self.warp_of + self.first_block * launch.block_warps
        blocks = self.block_of + self.first_block
        pad = self.first_lane
        race = self.accesses["shared"].settle(
            np.concatenate([np.zeros(pad, np.int64), warps]),
            np.concatenate([np.zeros(pad, np.int64), blocks]),
        )
        if race is not None:
            at = race.cell * launch.program.granule["shared"] % launch.program.shared_bytes
            raise launch.race(race, f"shared address {at:#x}")

    def same_warp(self, lanes: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return whether each of the others is in the warp of its lane."""
        inside = (others >= 0) & (others < self.lanes)
        return inside & (self.warp_of[lanes] == self.warp_of[np.where(inside, others, lanes)])

    def memory_of(self, space: str, address, lanes: np.ndarray):
        """Return the memory of a space, and addresses in it."""
        program = self.launch.program
        if space in ("global", "const"):
            return self.launch.memory, address
        if space == "shared":
            memory, owner, size = self.shared, self.block_of[lanes], program.shared_bytes
        elif space == "local":
            memory, owner, size = self.local, lanes, program.local_bytes
        else:
            raise Fault(f"is in a space .{space} that is not known", 0)
        beyond = address >= np.uint64(size)
        if beyond.any():
            raise Fault(
                f"is outside of {space} memory", int(np.flatnonzero(np.atleast_1d(beyond))[0])
            )
        return memory, address + owner.astype(np.uint64) * np.uint64(size)

    def error(self, line: int, lane: int, why: str) -> PtxError:
        """Return an error that says where."""
        launch = self.launch
        return PtxError(
            f"{launch.name}: line {line}, {launch.where(self.first_lane + lane)}: {why}"
        )
