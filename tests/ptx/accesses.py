"""Loads, stores and conversions of addresses -> steps; each access is checked and noted."""

from __future__ import annotations

import numpy as np
from ptx.bits import GARBAGE, UNSIGNED, reader, unknown, writer
from ptx.memory import Fault
from ptx.races import Touch
from ptx.text import SIZES, Address, Group, Instruction, Kernel, Number, PtxError, Register, Symbol

SHARED, LOCAL = 1 << 60, 1 << 61  # where the two begin among generic addresses
_SPACES = ("global", "shared", "local", "param", "const")
_SHAPES = {"v2": 2, "v4": 4, "v8": 8}


def step(instruction: Instruction, kernel: Kernel, variables: dict[str, int]):
    """Return the step of ld, st or cvta."""
    if instruction.opcode[0] == "cvta":
        return _conversion(instruction, kernel, variables)
    store = instruction.opcode[0] == "st"
    space, count, read_only, kind = _parts(instruction)
    target, source = instruction.operands[:: -1 if store else 1]
    where, what = source, target
    values = list(what.parts) if isinstance(what, Group) else [what]
    if not isinstance(where, Address) or len(values) != count:
        raise unknown(instruction)
    if space == "param" and not store:
        return _parameter(where, values, kind, kernel)
    address = _address(where, kernel, variables)
    if store:
        reads = [reader(v, kind, kernel, variables) for v in values]

        def run(frame):
            given = [read(frame.values) for read in reads]
            _access(frame, instruction, space, kind, count, address(frame.values), given, False)

    else:
        writes = [writer(v, kind, kernel) for v in values]

        def run(frame):
            place = address(frame.values)
            found = _access(frame, instruction, space, kind, count, place, None, read_only)
            for write, value in zip(writes, found, strict=True):
                write(frame.values, value)

    return run


def smallest(body: list[Instruction], space: str) -> int:
    """Return the bytes of the smallest access to a space; generic ones may be to any."""
    sizes = [8]
    for i in body:
        if i.opcode[0] in ("ld", "st") and (space in i.opcode or not {*_SPACES} & {*i.opcode}):
            sizes.append(SIZES[i.opcode[-1]])
    return min(sizes)


def _parts(instruction: Instruction) -> tuple[str, int, bool, str]:
    """Return (space, elements, whether it is the read-only cache's, type)."""
    _, *middle, kind = instruction.opcode
    space, count, read_only = "generic", 1, False
    for word in middle:
        if word in _SPACES:
            space = word
        elif word in _SHAPES:
            count = _SHAPES[word]
        elif word == "nc":
            read_only = True
        elif word != "volatile":
            raise unknown(instruction)
    if kind not in SIZES:
        raise unknown(instruction)
    return space, count, read_only, kind


def _address(where: Address, kernel: Kernel, variables: dict[str, int]):
    """Return what computes an address."""
    offset = np.uint64(where.offset % (1 << 64))
    base = where.base
    if isinstance(base, Register):
        kind = f"u{8 * SIZES[kernel.type_of(base.name)]}"
    else:
        kind = "u64"
    read = reader(base, kind, kernel, variables)
    if kind == "u64":
        return lambda values: read(values) + offset
    return lambda values: read(values).astype(np.uint64) + offset


def _parameter(where: Address, values: list, kind: str, kernel: Kernel):
    """Return the step that reads a parameter: the same for all lanes."""
    names = [name for name, _, _ in kernel.parameters]
    if not isinstance(where.base, Symbol) or where.base.name not in names or where.offset:
        raise PtxError(f"{kernel.name}: can't read the parameter {where}")
    place = names.index(where.base.name)
    if len(values) != 1 or SIZES[kernel.parameters[place][1]] != SIZES[kind]:
        raise PtxError(f"{kernel.name}: {where.base.name} is not a .{kind}")
    write = writer(values[0], kind, kernel)
    bits = UNSIGNED[SIZES[kind]]

    def run(frame):
        write(frame.values, bits(frame.chunk.launch.arguments[place] % (1 << 8 * SIZES[kind])))

    return run


def _conversion(instruction: Instruction, kernel: Kernel, variables: dict[str, int]):
    """Return the step of cvta: between an address in a space and a generic one."""
    _, *middle, kind = instruction.opcode
    back = middle[:1] == ["to"]
    space = middle[-1]
    if kind != "u64" or space not in ("global", "shared", "local", "const"):
        raise unknown(instruction)
    start = {"shared": SHARED, "local": LOCAL}.get(space, 0)
    shift = np.uint64((-start if back else start) % (1 << 64))
    read = reader(instruction.operands[1], kind, kernel, variables)
    write = writer(instruction.operands[0], kind, kernel)
    return lambda frame: write(frame.values, read(frame.values) + shift)


def _access(frame, instruction, space, kind, count, address, given, read_only):
    """Do an access: a store of what is given, or a load; return what was read."""
    if space == "generic":
        space, start = _space_of(address)
        address = address - np.uint64(start)
    chunk, size = frame.chunk, SIZES[kind]
    try:
        memory, address = chunk.memory_of(space, address, frame.lanes)
        index = memory.place(address, size, count)
        if space in ("global", "const"):
            beside = chunk.launch.outside(address, size * count)
            if given is None and count > 1 and beside.any():
                return _in_part(frame, instruction, kind, count, address, read_only)
            _refuse(beside)
        if space in ("global", "shared"):
            _note(frame, instruction, space, address, size * count, given is not None, read_only)
        if given is not None:
            for k, value in enumerate(given):
                memory.store(index + k, size, value.view(UNSIGNED[size]))
            return None
        return [memory.load(index + k, size) for k in range(count)]
    except Fault as fault:
        why, bad = fault.args
        lane = int(frame.lanes[bad if np.ndim(address) else 0])
        whole = int(np.atleast_1d(address)[bad if np.ndim(address) else 0])
        where = f"{space} address {whole:#x}"
        raise chunk.error(instruction.line, lane, f"{instruction.name}: {where} {why}") from None


def _refuse(outside) -> None:
    if outside.any():
        bad = int(np.flatnonzero(np.atleast_1d(outside))[0])
        raise Fault("is outside of the arrays of this launch", bad)


def _in_part(frame, instruction, kind, count, address, read_only) -> list:
    """Read a vector that begins in an array and ends behind it: there it has rubbish.

    LLVM reads four elements of an array of three, which no GPU minds: a vector is aligned.
    """
    launch, size = frame.chunk.launch, SIZES[kind]
    _refuse(launch.outside(address, size))
    address = np.broadcast_to(address, frame.lanes.shape)
    found = []
    for k in range(count):
        inside = ~launch.outside(address + np.uint64(k * size), size)
        part = type(frame)(frame.chunk, frame.lanes[inside], {})
        one = instruction, "global", kind, 1, (address + np.uint64(k * size))[inside]
        values = np.full(address.shape, GARBAGE[size], UNSIGNED[size])
        values[inside] = _access(part, *one, None, read_only)[0]
        found.append(values)
    return found


def _space_of(address) -> tuple[str, int]:
    """Return the space of generic addresses, which must be the same for all."""
    top = np.unique(np.atleast_1d(address) >> np.uint64(60))
    if len(top) != 1:
        raise PtxError("one access goes to several spaces")
    return {1: ("shared", SHARED), 2: ("local", LOCAL)}.get(int(top[0]), ("global", 0))


def _note(frame, instruction, space, address, nbytes, writes, read_only) -> None:
    """Tell the race checker."""
    chunk = frame.chunk
    granule = chunk.launch.program.granule[space]
    start = chunk.launch.memory.start if space == "global" else 0
    first = ((address - np.uint64(start)) // np.uint64(granule)).view(np.int64)
    lanes = frame.lanes + chunk.first_lane
    first = np.broadcast_to(first, lanes.shape)
    for k in range(-(-nbytes // granule)):
        touch = Touch(
            instruction.line, lanes, first + k, writes, read_only,
            chunk.launch.block_phase, chunk.launch.warp_phase,
        )  # fmt: skip
        chunk.accesses[space].note(touch)


def number_of(operand, what: str, line: int) -> int:
    """Return an operand that must be a constant."""
    if not isinstance(operand, Number):
        raise PtxError(f"line {line}: {what} must be a constant")
    return operand.bits
