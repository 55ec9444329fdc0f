"""Who waits at a barrier or a shuffle, and which of them may go on, since all have come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ptx.text import PtxError

if TYPE_CHECKING:
    from ptx.chunk import Chunk


def met(chunk: Chunk, place: int) -> np.ndarray | None:
    """Take out the lanes that have met at a place; None where some are missing."""
    meeting = chunk.launch.program.blocks[place].meeting
    waiting = chunk.groups.take_all(place)
    if meeting.scope == "block":
        return _met_in_block(chunk, place, waiting, meeting.barrier)
    go = _met_in_warp(chunk, meeting, waiting)
    chunk.groups.add(waiting[~go], place)
    if not go.any():
        return None
    if meeting.orders:
        phase = chunk.launch.warp_phase.copy()
        first = chunk.first_block * chunk.launch.block_warps
        phase[first + np.unique(chunk.warp_of[waiting[go]])] += 1
        chunk.launch.warp_phase = phase
    return waiting[go]


def _met_in_warp(chunk: Chunk, meeting, waiting: np.ndarray) -> np.ndarray:
    """Return which lanes have all lanes of their mask with them."""
    if len(waiting) == chunk.lanes:
        return np.ones(chunk.lanes, np.bool_)
    warp, bit = chunk.warp_of[waiting], np.uint32(1) << chunk.lane_of[waiting]
    values = {n: v[waiting] if np.ndim(v) else v for n, v in chunk.values.items()}
    mask = np.broadcast_to(meeting.mask(values), waiting.shape)
    if (mask & bit == 0).any():
        bad = int(np.flatnonzero(mask & bit == 0)[0])
        why = f"{meeting.instruction.name} by a thread that its mask does not name"
        raise chunk.error(meeting.instruction.line, int(waiting[bad]), why)
    here, alive = np.zeros(chunk.warps, np.uint32), np.zeros(chunk.warps, np.uint32)
    np.bitwise_or.at(here, warp, bit)
    living = np.flatnonzero(chunk.alive)
    np.bitwise_or.at(alive, chunk.warp_of[living], np.uint32(1) << chunk.lane_of[living])
    return mask & alive[warp] & ~here[warp] == 0


def _met_in_block(chunk: Chunk, place: int, waiting: np.ndarray, number: int) -> np.ndarray | None:
    """Let the blocks go on all of whose threads are at a barrier."""
    places = np.full(chunk.lanes, -1)
    places[waiting] = place
    blocks = chunk.launch.program.blocks
    for other in {p for _, p in chunk.groups.keys()}:
        meeting = blocks[other].meeting
        if meeting and meeting.scope == "block" and meeting.barrier == number:
            places[chunk.groups.take_all(other)] = other
    arrived = np.bincount(chunk.block_of[places >= 0], minlength=chunk.blocks)
    go = (arrived == chunk.launch.block_threads)[chunk.block_of] & (places >= 0)
    for other in np.unique(places[(places >= 0) & ~go]):
        chunk.groups.add(np.flatnonzero((places == other) & ~go), int(other))
    if not go.any():
        return None
    lanes = np.flatnonzero(go)
    _check_aligned(chunk, lanes, places)
    phase = chunk.launch.block_phase.copy()
    phase[chunk.first_block + np.unique(chunk.block_of[lanes])] += 1
    chunk.launch.block_phase = phase
    chunk.groups.shuffle()
    if len(lanes) == chunk.lanes:
        chunk.settle()
    for other in np.unique(places[lanes]):
        if other != place:
            there = lanes[places[lanes] == other]
            chunk.groups.add(there, blocks[other].after)
    return lanes[places[lanes] == place]


def _check_aligned(chunk: Chunk, lanes: np.ndarray, places: np.ndarray) -> None:
    """Refuse a barrier that the lanes of one warp reach at different instructions."""
    first = np.full(chunk.warps, -1)
    first[chunk.warp_of[lanes]] = places[lanes]
    apart = first[chunk.warp_of[lanes]] != places[lanes]
    if apart.any():
        lane = int(lanes[np.flatnonzero(apart)[0]])
        block = chunk.launch.program.blocks[int(places[lane])]
        raise chunk.error(block.line, lane, "the threads of a warp are at different barriers")


def deadlock(chunk: Chunk) -> PtxError:
    """Return the error for lanes that wait for others that never come."""
    waits = []
    for _, place in chunk.groups.keys():
        lanes = chunk.groups.take_all(place) if place not in [p for p, _ in waits] else None
        if lanes is not None:
            waits.append((place, lanes))
    place, lanes = waits[0]
    block = chunk.launch.program.blocks[place]
    others = [f"{len(some)} at line {chunk.launch.program.blocks[p].line}" for p, some in waits]
    ended = int((~chunk.alive[chunk.block_of == chunk.block_of[lanes[0]]]).sum())
    why = f"{block.meeting.instruction.name} is never reached by all: {', '.join(others)} wait"
    if ended:
        why += f"; {ended} threads of this block have ended"
    return chunk.error(block.line, int(lanes[0]), why)
