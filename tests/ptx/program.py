"""A kernel -> basic blocks of steps; a step does one instruction for all lanes that it is given.

Blocks end at branches. Instructions that lanes wait at begin a block of their own, and so does an
instruction under a predicate, which becomes a branch around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ptx import accesses, conversions, integers, meetings, reals
from ptx.bits import reader, special, unknown, writer
from ptx.text import Address, Group, Instruction, Kernel, PtxError, Register, Symbol

ENDED = -1
_WITHOUT_RESULT = ("st", "bar", "barrier", "bra", "brx")


@dataclass(slots=True)
class Block:
    """Instructions that are done one after the other.

    Attributes:
        steps: functions of a frame.
        meeting: what lanes wait for before it, as in "warp" or "block".
        branch: (reader of the predicate or None, block to go to).
        table: (reader of an index, blocks to go to).
        after: the next block otherwise; ENDED after the last.
        reads: registers that it reads from before.
        writes: registers that others read.
        line: of its first instruction.
    """

    steps: list[Callable] = field(default_factory=list)
    meeting: meetings.Meeting | None = None
    branch: tuple[Callable | None, int] | None = None
    table: tuple[Callable, list[int]] | None = None
    after: int = ENDED
    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    line: int = 0


@dataclass(slots=True)
class Program:
    """A compiled kernel.

    Attributes:
        symbols: the addresses of variables, and the places of parameters.
        shared: bytes of shared memory of each block.
        local: bytes of the stack of each thread.
        granule: bytes of the smallest access to global and to shared memory.
    """

    kernel: Kernel
    blocks: list[Block]
    shared: list[tuple[int, int]]
    shared_bytes: int
    local_bytes: int
    granule: dict[str, int]


def compile_kernel(kernel: Kernel, variables: dict[str, int], shared, local_bytes) -> Program:
    """Return a program.

    Args:
        kernel: a kernel.
        variables: the address of each variable that it can name.
        shared: (offset, size) of each shared variable, and the bytes of all.
        local_bytes: of the stack of each thread.
    """
    body, labels = _without_guards(kernel)
    starts = _starts(body, labels)
    at = {start: number for number, start in enumerate(starts)}
    blocks: list[Block] = []
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else len(body)
        block = Block(line=body[start].line if start < len(body) else kernel.line)
        block.after = number + 1 if number + 1 < len(starts) else ENDED
        for instruction in body[start:end]:
            _add(block, instruction, kernel, variables, labels, at)
        blocks.append(block)
    _find_live(blocks, body, starts)
    granule = {s: accesses.smallest(body, s) for s in ("global", "shared")}
    return Program(kernel, blocks, shared[0], shared[1], local_bytes, granule)


def _without_guards(kernel: Kernel) -> tuple[list[Instruction], dict[str, int]]:
    """Return the instructions and labels, with branches around what has a predicate."""
    body: list[Instruction] = []
    moved: list[int] = []
    labels: dict[str, int] = {}
    for i, instruction in enumerate(kernel.body):
        moved.append(len(body))
        if instruction.guard is None or instruction.opcode[0] == "bra":
            body.append(instruction)
            continue
        guard = instruction.guard._replace(negated=not instruction.guard.negated)
        around = f"around instruction {i}"
        target = (Symbol(around),)
        body.append(Instruction(("bra",), target, guard, instruction.line))
        body.append(Instruction(instruction.opcode, instruction.operands, None, instruction.line))
        labels[around] = len(body)
    moved.append(len(body))
    return body, labels | {name: moved[i] for name, i in kernel.labels.items()}


def _starts(body: list[Instruction], labels: dict[str, int]) -> list[int]:
    starts = {0, *labels.values()}
    for i, instruction in enumerate(body):
        if instruction.opcode[0] in ("bra", "brx", "ret", "exit"):
            starts.add(i + 1)
        if meetings.is_meeting(instruction):
            starts |= {i, i + 1}
    return sorted(s for s in starts if s <= len(body))


def _add(block: Block, instruction: Instruction, kernel, variables, labels, at) -> None:
    """Add an instruction to a block."""
    head = instruction.opcode[0]
    if head == "bra":
        if instruction.opcode not in (("bra",), ("bra", "uni")):
            raise unknown(instruction)
        label = instruction.operands[0].name
        guard = instruction.guard
        predicate = None if guard is None else reader(guard, "pred", kernel, variables)
        block.branch = predicate, at[labels[label]]
    elif head == "brx":
        index, name = instruction.operands
        places = [at[labels[label]] for label in kernel.tables[name.name]]
        block.table = reader(index, "u32", kernel, variables), places
    elif head in ("ret", "exit"):
        block.after = ENDED
    elif meetings.is_meeting(instruction):
        block.meeting = meetings.meeting(instruction, kernel, variables)
        if block.meeting.step is not None:
            block.steps.append(block.meeting.step)
    elif head in ("ld", "st", "cvta"):
        block.steps.append(accesses.step(instruction, kernel, variables))
    else:
        block.steps.append(_calculation(instruction, kernel, variables))


def _calculation(instruction: Instruction, kernel: Kernel, variables: dict[str, int]) -> Callable:
    """Return the step of an instruction that computes one result from its operands."""
    for room in (conversions, reals, integers):
        found = room.rule(instruction)
        if found is not None:
            break
    else:
        raise unknown(instruction)
    result, kinds, function = found
    target, *given = instruction.operands
    if len(given) < len(kinds):
        raise PtxError(f"line {instruction.line}: {instruction.name} lacks operands")
    write = writer(target, result, kernel)
    reads = [reader(o, k, kernel, variables) for o, k in zip(given, kinds, strict=False)]
    if len(reads) == 1:
        (only,) = reads
        return lambda frame: write(frame.values, function(only(frame.values)))
    if len(reads) == 2:
        a, b = reads
        return lambda frame: write(frame.values, function(a(frame.values), b(frame.values)))
    return lambda frame: write(frame.values, function(*[read(frame.values) for read in reads]))


def _names(operand) -> list[str]:
    """Return the registers in an operand."""
    if isinstance(operand, Register):
        return [operand.name]
    if isinstance(operand, Address):
        return _names(operand.base)
    if isinstance(operand, Group):
        return [name for part in operand.parts for name in _names(part)]
    return []


def _find_live(blocks: list[Block], body: list[Instruction], starts: list[int]) -> None:
    """Find the registers that each block takes from before, and those that others need."""
    needed: set[str] = set()
    made: list[set[str]] = []
    for number, block in enumerate(blocks):
        end = starts[number + 1] if number + 1 < len(starts) else len(body)
        here: set[str] = set()
        for instruction in body[starts[number] : end]:
            first = 0 if instruction.opcode[0] in _WITHOUT_RESULT else 1
            read = [n for o in instruction.operands[first:] for n in _names(o)]
            if instruction.guard:
                read.append(instruction.guard.name)
            block.reads |= {n for n in read if n not in here}
            here |= {n for o in instruction.operands[:first] for n in _names(o)}
        made.append(here)
        needed |= {n for n in block.reads if not special(n)}
    for block, here in zip(blocks, made, strict=True):
        block.writes = here & needed
