"""Instructions that lanes wait at for each other: barriers, shuffles, votes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ptx import matrices
from ptx.bits import reader, unknown, writer
from ptx.text import Group, Instruction, Kernel, Number

_BARRIERS = (("bar", "sync"), ("barrier", "sync"), ("barrier", "sync", "aligned"))
_WARP_BARRIER = ("bar", "warp", "sync")


@dataclass(slots=True)
class Meeting:
    """What lanes wait for.

    Attributes:
        scope: "block": all threads of a block at barriers of one number; "warp": the lanes that
            a mask names, at one instruction.
        barrier: the number.
        mask: a reader of the mask.
        orders: whether memory is in order across it.
        step: what the lanes then do.
        instruction: it.
    """

    scope: str
    instruction: Instruction
    barrier: int = 0
    mask: Callable | None = None
    orders: bool = False
    step: Callable | None = None


def is_meeting(instruction: Instruction) -> bool:
    """Return whether lanes wait at an instruction."""
    head, *rest = instruction.opcode
    return head in ("bar", "barrier", "mma") or (
        head in ("shfl", "vote", "match") and "sync" in rest
    )


def meeting(instruction: Instruction, kernel: Kernel, variables: dict[str, int]) -> Meeting:
    """Return what an instruction waits for and does."""
    operands = instruction.operands
    if instruction.opcode in _BARRIERS:
        if len(operands) != 1 or not isinstance(operands[0], Number):
            raise unknown(instruction, "only barriers of all threads, with a constant number")
        return Meeting("block", instruction, barrier=operands[0].bits, orders=True)
    if instruction.opcode == _WARP_BARRIER:
        mask = reader(operands[0], "u32", kernel, variables)
        return Meeting("warp", instruction, mask=mask, orders=True)
    if instruction.opcode[:2] == ("mma", "sync"):
        everyone = reader(Number(-1), "u32", kernel, variables)
        step = matrices.step(instruction, kernel, variables)
        return Meeting("warp", instruction, mask=everyone, step=step)
    mask = reader(operands[-1], "u32", kernel, variables)
    if instruction.opcode[0] == "shfl":
        step = _shuffle(instruction, kernel, variables)
    elif instruction.opcode[0] == "vote":
        step = _vote(instruction, kernel, variables)
    else:
        raise unknown(instruction)
    return Meeting("warp", instruction, mask=mask, step=step)


def _shuffle(instruction: Instruction, kernel: Kernel, variables: dict[str, int]) -> Callable:
    """Return the step of shfl.sync: each lane reads what another lane gives."""
    _, _, way, kind = instruction.opcode
    if way not in ("up", "down", "bfly", "idx") or kind != "b32":
        raise unknown(instruction)
    target, source, distance, clamp, named = instruction.operands
    inside = None
    if isinstance(target, Group):
        target, flag = target.parts
        inside = writer(flag, "pred", kernel)
    write = writer(target, "b32", kernel)
    reads = [reader(o, "u32", kernel, variables) for o in (source, distance, clamp, named)]

    def run(frame):
        shape = frame.lanes.shape
        value, b, c, mask = (np.broadcast_to(read(frame.values), shape) for read in reads)
        chunk = frame.chunk
        lane = chunk.lane_of[frame.lanes].astype(np.int64)
        j, valid = source_lane(way, lane, b, c)
        source = frame.lanes - lane + j
        given = np.zeros(chunk.lanes + 32, np.uint32)
        present = np.zeros(chunk.lanes + 32, np.bool_)
        given[frame.lanes], present[frame.lanes] = value, True
        same = chunk.same_warp(frame.lanes, source)
        good = present[source] & same & ((mask >> j.astype(np.uint32)) & np.uint32(1) != 0)
        if not good.all():
            bad = int(np.flatnonzero(~good)[0])
            why = f"{instruction.name} reads lane {int(j[bad])}, which is not active"
            raise chunk.error(instruction.line, int(frame.lanes[bad]), why)
        write(frame.values, given[source])
        if inside is not None:
            inside(frame.values, valid)

    return run


def source_lane(way: str, lane, b, c):
    """Return the lane that each lane reads, and whether it is within its segment."""
    b = (b & np.uint32(31)).astype(np.int64)
    clamp, segments = (c & np.uint32(31)).astype(np.int64), (c >> np.uint32(8)) & np.uint32(31)
    segments = segments.astype(np.int64)
    limit = (lane & segments) | (clamp & ~segments)
    lowest = lane & segments
    if way == "up":
        j = lane - b
        valid = j >= limit
    elif way == "down":
        j = lane + b
        valid = j <= limit
    elif way == "bfly":
        j = lane ^ b
        valid = j <= limit
    else:
        j = lowest | (b & ~segments)
        valid = j <= limit
    return np.where(valid, j, lane), valid


def _vote(instruction: Instruction, kernel: Kernel, variables: dict[str, int]) -> Callable:
    """Return the step of vote.sync: what holds for all, for any, for which."""
    _, _, way, kind = instruction.opcode
    if (way, kind) not in (("all", "pred"), ("any", "pred"), ("uni", "pred"), ("ballot", "b32")):
        raise unknown(instruction)
    target, source, named = instruction.operands
    write = writer(target, kind, kernel)
    ask = reader(source, "pred", kernel, variables)
    mask_of = reader(named, "u32", kernel, variables)

    def run(frame):
        shape = frame.lanes.shape
        p = np.broadcast_to(ask(frame.values), shape)
        mask = np.broadcast_to(mask_of(frame.values), shape)
        chunk = frame.chunk
        warp = chunk.warp_of[frame.lanes]
        bit = np.uint32(1) << chunk.lane_of[frame.lanes].astype(np.uint32)
        yes = np.zeros(chunk.warps, np.uint32)
        here = np.zeros(chunk.warps, np.uint32)
        np.bitwise_or.at(yes, warp, np.where(p, bit, np.uint32(0)))
        np.bitwise_or.at(here, warp, bit)
        yes, here = yes[warp] & mask, here[warp] & mask
        found = {"all": yes == here, "any": yes != 0, "uni": (yes == here) | (yes == 0)}
        write(frame.values, yes if way == "ballot" else found[way])

    return run
