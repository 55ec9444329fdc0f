"""Items in order -> where each kept value lies: reuse by live ranges, in place where it is safe."""

from __future__ import annotations

from dataclasses import dataclass, field

from gradc.ir.graph import Graph, Value
from gradc.schedule.loops import Read, Store, identity
from gradc.schedule.place import BEFORE, Access
from gradc.schedule.roots import Program

ALIGNMENT = 64
ARENA_SLOT = 2
FIRST_SLOT = 3


@dataclass(frozen=True, slots=True)
class Place:
    """An address: byte `offset` behind the address in `slot` of the table.

    Inside loops, `steps` bytes further for each step of the loops, outermost first.
    """

    slot: int
    offset: int = 0
    steps: tuple[int, ...] = ()


@dataclass(slots=True)
class Use:
    """What one item does to memory.

    Args:
        writes: values that begin here.
        scratch: arrays needed only here.
        reads: values read from memory.
        accesses: for loop nests, every access; None where anything may be read at any time.
        rows: for loop nests, how many outer axes a row stays inside.
        over: (new, old): new must be written over old, which is read only here.
        numbers: values of one element that every thread reads before the item begins.
    """

    writes: tuple[Value, ...]
    reads: tuple[Value, ...]
    scratch: tuple[Value, ...] = ()
    accesses: tuple[Access, ...] | None = None
    rows: int = 0
    over: tuple[tuple[Value, Value], ...] = ()
    numbers: tuple[Value, ...] = ()


@dataclass(slots=True)
class Memory:
    """Where everything lies.

    Args:
        places: address of each value in memory.
        ranges: first and last item that needs each value of the arena.
        arena_bytes: size of the arena.
        in_place: (new, old): new is written over old.
        conflicts: updated inputs whose new value can't be written in place.
    """

    places: dict[Value, Place] = field(default_factory=dict[Value, Place])
    ranges: dict[Value, tuple[int, int]] = field(default_factory=dict[Value, tuple[int, int]])
    arena_bytes: int = 0
    in_place: list[tuple[Value, Value]] = field(default_factory=list[tuple[Value, Value]])
    conflicts: set[Value] = field(default_factory=set[Value])


@dataclass(eq=False, slots=True)
class _Buffer:
    """Values that follow each other in one piece of memory."""

    values: list[Value]
    start: int
    end: int
    size: int


def assign(program: Program, uses: list[Use], *, alone: bool = False) -> Memory:
    """Return where each value of a program lies.

    Args:
        program: definitions and roots.
        uses: what each item reads and writes, in the order they run in.
        alone: whether positions of a loop nest are done at the same time.
    """
    memory = Memory()
    last_read = _last_reads(uses)
    born = {v: i for i, use in reversed(list(enumerate(uses))) for v in use.writes}
    outputs = _results(program, uses, memory, born, last_read, alone)
    buffers: dict[Value, _Buffer] = {}
    for i, use in enumerate(uses):
        for v in (*use.writes, *use.scratch):
            if v not in memory.places and v not in buffers:
                end = i if v in use.scratch else max(last_read.get(v, i), i)
                buffers[v] = _Buffer([v], i, end, _rounded(v))
    for i, use in enumerate(uses):
        _write_in_place(i, use, uses, buffers, memory, outputs, alone)
    _pack(list(dict.fromkeys(buffers.values())), memory)
    return memory


def _rounded(value: Value) -> int:
    return -(-max(value.type.nbytes, 1) // ALIGNMENT) * ALIGNMENT


def _last_reads(uses: list[Use]) -> dict[Value, int]:
    return {v: i for i, use in enumerate(uses) for v in (*use.reads, *use.numbers)}


def slots(graph: Graph) -> dict[Value, Place]:
    """Return the places of the graph's inputs."""
    return {v: Place(FIRST_SLOT + i) for i, v in enumerate(graph.inputs)}


def _results(
    program: Program,
    uses: list[Use],
    memory: Memory,
    born: dict[Value, int],
    last_read: dict[Value, int],
    alone: bool,
) -> set[Value]:
    """Place inputs, updates and outputs; return the output values."""
    graph = program.graph
    memory.places.update(slots(graph))
    for old, new in graph.updates:
        root = program.home(new)
        assert root is not None
        if _may_overwrite(old, root.value, uses, born[root.value], last_read, alone):
            memory.places[root.value] = memory.places[old]
            memory.in_place.append((root.value, old))
        else:
            memory.conflicts.add(old)
    outputs: set[Value] = set()
    first = FIRST_SLOT + len(graph.inputs)
    for i, value in enumerate(graph.outputs):
        root = program.home(value)
        assert root is not None
        memory.places[root.value] = Place(first + i)
        outputs.add(root.value)
    return outputs


def _may_overwrite(
    old: Value, new: Value, uses: list[Use], at: int, last_read: dict[Value, int], alone: bool
) -> bool:
    """Return whether nothing reads `old` any more once `new` is written over it."""
    last = last_read.get(old, -1)
    return last < at or (last == at and _same_place(old, new, uses[at], alone))


def _same_place(old: Value, new: Value, use: Use, alone: bool) -> bool:
    """Return whether one loop nest may write `new` over `old`, element by element."""
    if use.accesses is None or old.dtype is not new.dtype or old.type.size != new.type.size:
        return False
    writes = [a for a in use.accesses if isinstance(a.touched, Store) and a.touched.root is new]
    if len(writes) != 1 or writes[0].time == BEFORE:
        return False
    (write,) = writes
    for access in use.accesses:
        read = access.touched
        if not isinstance(read, Read) or read.root is not old:
            continue
        same = read.dims == write.touched.dims and read.index == write.touched.index
        if not same or access.time > write.time:
            if alone or not _earlier_in_row(access, write, use.rows):
                return False
    return True


def _earlier_in_row(access: Access, write: Access, rows: int) -> bool:
    """Return whether a read stays in the row of the write and happens in an earlier sweep."""
    read, store = access.touched, write.touched
    own = identity(rows)
    in_row = read.index[:rows] == own and store.index[:rows] == own
    return access.time < write.time and read.dims == store.dims and in_row


def _write_in_place(
    i: int,
    use: Use,
    uses: list[Use],
    buffers: dict[Value, _Buffer],
    memory: Memory,
    outputs: set[Value],
    alone: bool,
) -> None:
    """Let values that begin at item `i` take over the memory of values that end there."""
    free = {v: buffers[v] for v in use.reads if v in buffers and buffers[v].end == i}
    for new in use.writes:
        if new in use.reads:
            continue
        mine = buffers.get(new)
        if (mine is None and new not in outputs) or (mine is not None and mine.start != i):
            continue
        # an adjoint takes the place of an adjoint, if it can, so that the text reads well
        alike = sorted(free.items(), key=lambda item: _kind(item[0]) != _kind(new))
        for old, buffer in alike:
            fits = (new, old) in use.over or _same_place(old, new, use, alone)
            if buffer.start == i or buffer.values[-1] is not old or not fits:
                continue
            del free[old]
            memory.in_place.append((new, old))
            if mine is None:
                for v in buffer.values:
                    memory.places[v] = memory.places[new]
                    del buffers[v]
            else:
                buffer.values += mine.values
                buffer.end = mine.end
                for v in mine.values:
                    buffers[v] = buffer
            break


def _kind(value: Value) -> bool:
    return value.adjoint_of is not None


def _pack(buffers: list[_Buffer], memory: Memory) -> None:
    """Give each buffer the smallest free gap that holds it while it is needed."""
    placed: list[tuple[int, _Buffer]] = []
    for buffer in sorted(buffers, key=lambda b: b.start):
        busy = sorted(
            (offset, offset + b.size)
            for offset, b in placed
            if b.start <= buffer.end and buffer.start <= b.end
        )
        offset = _best_gap(busy, buffer.size)
        placed.append((offset, buffer))
        memory.arena_bytes = max(memory.arena_bytes, offset + buffer.size)
        for v in buffer.values:
            memory.places[v] = Place(ARENA_SLOT, offset)
            memory.ranges[v] = (buffer.start, buffer.end)


def _best_gap(busy: list[tuple[int, int]], size: int) -> int:
    """Return the offset of the tightest gap between busy intervals, or behind them all."""
    best: tuple[int, int] | None = None
    end = 0
    for low, high in busy:
        gap = low - end
        if gap >= size and (best is None or gap < best[0]):
            best = gap, end
        end = max(end, high)
    return best[1] if best is not None else end
