"""Shared kernels and their memory -> where threads must wait for each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gradc.ir.graph import Value
from gradc.schedule.arena import Memory, Place
from gradc.schedule.attention import Attention
from gradc.schedule.convolutions import Convolution
from gradc.schedule.loops import Read, Store
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Kernel, Panels, Product, Repeat, Sort
from gradc.schedule.roots import Program
from gradc.schedule.share import Combine, Share, Way
from gradc.schedule.spread import leading

Blocks = tuple[int, int, int, int]  # slot, offset, bytes of a block, number of blocks


@dataclass(frozen=True, slots=True)
class Touch:
    """Memory that a kernel reads or writes.

    Args:
        slot, low, high: bytes low to high behind the address in a slot.
        owner: who touches which part: equal owners, the same thread at each byte.
        writes: whether it changes there.
    """

    slot: int
    low: int
    high: int
    owner: Blocks | Way | None
    writes: bool

    def needs_meet(self, later: Touch) -> bool:
        """Return whether a later touch must wait until all threads have done this one."""
        apart = self.slot != later.slot or self.high <= later.low or later.high <= self.low
        if apart or not (self.writes or later.writes):
            return False
        if self.owner is None or self.owner != later.owner:
            # what every thread has written itself may be read by all at once
            return not (self.writes and self.owner is Way.EACH and not later.writes)
        return self.owner is Way.EACH and later.writes


def meets(program: Program, kernels: Sequence[Kernel], memory: Memory) -> frozenset[int]:
    """Return the kernels before which threads must meet; len(kernels) stands for the end."""
    if all(k.share is None for k in kernels):
        return frozenset()
    found: set[int] = set()
    pending: list[Touch] = []
    for i, touches in _in_order(program, kernels, memory):
        if any(p.needs_meet(t) for p in pending for t in touches):
            found.add(i)
            pending = []
        pending += touches
    return frozenset(found)


def meets_between(
    program: Program, kernels: Sequence[Kernel], memory: Memory, found: frozenset[int]
) -> bool:
    """Return whether threads must meet between two runs of the body of a loop.

    Args:
        program: of the body.
        kernels: in the order they run in.
        memory: where values lie.
        found: where they meet inside of it.
    """
    if all(k.share is None for k in kernels):
        return False
    begin: list[Touch] = []
    end: list[Touch] = []
    met = False
    for i, touches in _in_order(program, kernels, memory):
        met = met or i in found
        end = [] if i in found else end
        end += touches
        begin += [] if met else touches
    return any(p.needs_meet(t) for p in end for t in begin)


def _in_order(
    program: Program, kernels: Sequence[Kernel], memory: Memory
) -> Iterator[tuple[int, list[Touch]]]:
    """Yield what is touched: before the first kernel (as number -1), by each, and after the last.

    The numbers among the inputs are read first, and numbers that are results written last.
    """
    loaded = {v for v in program.graph.inputs if v in memory.places}
    read = {v for k in kernels for v in k.reads}
    unread = {v for k in kernels if not k.is_scalar for v in k.values}
    yield -1, [_whole(v, memory, Way.EACH, writes=False) for v in loaded if v.type.size == 1]
    for i, kernel in enumerate(kernels):
        touches = list(_touches(kernel, memory, read))
        if isinstance(kernel.work, Nest):
            wanted = [v for v in kernel.work.arguments if v in unread]
            unread.difference_update(wanted)
            touches += [_whole(v, memory, Way.EACH, writes=False) for v in wanted]
        yield i, touches
    results = {r.value for v in program.graph.results() if (r := program.home(v)) is not None}
    late = [v for k in kernels if k.is_scalar for v in k.values if v in results - read]
    yield len(kernels), [_whole(v, memory, Way.FIRST, writes=True) for v in late]


def _whole(value: Value, memory: Memory, owner: Blocks | Way | None, *, writes: bool) -> Touch:
    place = memory.places[value]
    return Touch(place.slot, place.offset, place.offset + value.type.nbytes, owner, writes)


def _touches(kernel: Kernel, memory: Memory, read: set[Value]) -> Iterable[Touch]:
    """Yield the memory that a kernel touches, but for the numbers that it is given."""
    share = kernel.share
    assert share is not None
    whole = None if share.cut else share.way
    match kernel.work:
        case Nest() as nest:
            if kernel.is_scalar:
                for value in kernel.reads:
                    yield _whole(value, memory, Way.EACH, writes=False)
                for value in nest.stored:
                    if value in memory.places and value in read:
                        yield _whole(value, memory, Way.EACH, writes=True)
                return
            for access in nest.accesses:
                yield _access(access.touched, nest, share, memory)
        case Product() as product:
            own = (not product.left.transposed or product.batch, product.batch)
            for home, rows in zip(product.homes, own, strict=True):
                by_rows = share.way is Way.ROWS and rows
                owner = _owner(home, memory.places[home], share) if by_rows else whole
                yield _whole(home, memory, owner, writes=False)
            (value,) = kernel.values
            yield _whole(value, memory, _product_owner(value, share, memory), writes=True)
        case Panels(home=home, panels=panels):
            yield _whole(home, memory, whole, writes=False)
            yield _whole(panels, memory, _product_owner(panels, share, memory), writes=True)
        case Convolution():
            for value in kernel.reads:
                yield _whole(value, memory, whole, writes=False)
            (value,) = kernel.values
            target = share.own.get(value, value)
            yield _whole(target, memory, _product_owner(target, share, memory), writes=True)
        case Attention() as work:
            # samples lie side by side, but heads do not: blocks are rows where samples are whole
            rows = share.cut and share.block % work.heads == 0
            for number, value in enumerate(work.homes):
                by_rows = rows and work.by_samples(number)
                owner = _owner(value, memory.places[value], share) if by_rows else whole
                yield _whole(value, memory, owner, writes=False)
            for value in kernel.values:
                owner = _owner(value, memory.places[value], share) if rows else whole
                yield _whole(value, memory, owner, writes=True)
        case Combine(parts, total):
            yield _whole(parts, memory, whole, writes=False)
            owner = whole if whole else _owner(total, memory.places[total], share)
            yield _whole(total, memory, owner, writes=True)
        case Repeat(span):
            owner = None if share.way is Way.STEPS else whole
            for value in kernel.reads:
                yield _whole(value, memory, owner, writes=False)
            for value in (*span.results, span.scratch):
                yield _whole(value, memory, owner, writes=True)
        case Sort() as sort:
            equation = kernel.roots[0].equation
            assert equation is not None
            for value in kernel.reads:
                yield _whole(value, memory, whole, writes=False)
            for value in (*equation.outputs, *sort.scratch):
                if value in memory.places:
                    yield _whole(value, memory, whole, writes=True)


def _access(touched: Read | Store, nest: Nest, share: Share, memory: Memory) -> Touch:
    """Return one access of a loop nest."""
    writes, root = isinstance(touched, Store), touched.root
    if root in share.own:
        parts = share.own[root]
        place = memory.places[parts]
        return _whole(parts, memory, _owner(parts, place, share), writes=True)
    if not share.cut:
        return _whole(root, memory, share.way, writes=writes)
    owner = _owner(root, memory.places[root], share) if leading(touched, nest) else None
    return _whole(root, memory, owner, writes=writes)


def _owner(value: Value, place: Place, share: Share) -> Blocks | Way:
    """Return who has which rows of an array."""
    if share.blocks == 1:
        return Way.FIRST
    block = value.type.nbytes // share.extent * share.block
    if value in share.own.values():
        block = value.type.nbytes // share.blocks
    return place.slot, place.offset, block, share.blocks


def _product_owner(value: Value, share: Share, memory: Memory) -> Blocks | Way | None:
    if not share.cut:
        return share.way
    return _owner(value, memory.places[value], share) if share.way is Way.ROWS else None
