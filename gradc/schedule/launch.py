"""A kernel on a GPU -> who does which position: the frame, blocks and threads, parts of sums."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from gradc.ir.graph import TensorType, Value
from gradc.schedule.arithmetic import Arithmetic
from gradc.schedule.blocks import extent, tiled
from gradc.schedule.convolutions import Convolution
from gradc.schedule.frame import Frame, Launch
from gradc.schedule.group import row_split
from gradc.schedule.loops import Result, Scope, Store
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Cost, Kernel
from gradc.schedule.roots import Form, Root
from gradc.schedule.share import Combine

WARP = 32
BLOCK = 256  # threads of most blocks
LONGEST_WARP_ROW = 1024  # elements; a longer row is done by a whole block
MOST_GROUPS = 512  # parts that sums are made of
SWEPT = 8  # elements for each thread of a total, at least
SCATTERING = 65536  # threads that scattered sums are worth
MOST_RANGES = 256  # of places: each looks at all places
LINES = 4096  # side by side, that threads go along one by one
FOLDED = 16  # rows for each part of a sum over rows, at least


def fits(members: Sequence[Root], domain: tuple[int, ...], rows: int | None) -> bool:
    """Return whether one kernel can compute these roots, whatever lanes do which position.

    Each position belongs to one lane. So a kernel has sums over rows for one set of columns, or
    totals; beside the folds of rows it may have sums over the rows of whole rows.
    """
    folds = [r for r in members if r.form is Form.FOLD]
    own = [r for r in folds if row_split(r, domain) != rows or rows is None]
    sums = [r for r in own if r.kept]
    totals = [r for r in own if not r.kept]
    if rows is None:
        return not sums or (not totals and len({r.kept for r in sums}) == 1)
    whole = tuple(range(rows, len(domain)))
    return all(r.domain == domain and r.kept == whole for r in sums)


def launched(
    kernels: list[Kernel], replaced: dict[Value, Value], arithmetic: Arithmetic
) -> list[Kernel]:
    """Return kernels with their launches, and the sums of their parts.

    Args:
        kernels: in the order they run in.
        replaced: the input that each new state overwrites.
        arithmetic: how tiles multiply.
    """
    ordered = _numbers_together(kernels, replaced)
    return [made for k in ordered for made in _launched(k, arithmetic)]


def _launched(kernel: Kernel, arithmetic: Arithmetic) -> list[Kernel]:
    match kernel.work:
        case Nest() if kernel.is_scalar:
            return [replace(kernel, launch=Launch(Frame.ALONE))]
        case Nest() as nest:
            return _nest(kernel, nest)
        case Convolution() as work:
            return _convolution(kernel, work, arithmetic)
        case _:
            return [kernel]


def _nest(kernel: Kernel, nest: Nest) -> list[Kernel]:
    """Return a loop nest with its launch."""
    stores = _stores(nest)
    if any(s.fold and not s.clear for s in stores):
        return [replace(kernel, launch=_scattered(nest))]
    if any(r.form is Form.SCAN for r in kernel.roots):
        return [replace(kernel, launch=_running(nest))]
    if nest.rows or any(f.scope is Scope.ROW for f in nest.folds) or nest.sweeps > 1:
        return _rows(kernel, nest)
    if any(s.clear for s in stores):
        return _columns(kernel, nest)
    if any(f.scope is Scope.END for f in nest.folds):
        return _sweep(kernel, nest)
    count = math.prod(nest.extents)
    if len(nest.extents) == 1 and count % 4 == 0 and _vectors(nest):
        return [replace(kernel, launch=over(Frame.QUADS, count // 4))]
    return [replace(kernel, launch=over(Frame.GRID, count))]


def _scattered(nest: Nest) -> Launch:
    """Return the launch of a scattered sum: a thread for each line of each range of its places.

    Every range looks at all places and adds up those that are its own: no two threads add to the
    same element, and each element is added up in order.
    """
    (store,) = [s for s in _stores(nest) if s.fold]
    lines = free_axes(nest)
    count = _count(nest, lines)
    places = next((t.high or 1 for t in store.tests if t.place.nodes), 1)
    ranges = min(max(SCATTERING // max(count, 1), 1), places, MOST_RANGES)
    together = -(-places // ranges)
    ranges = -(-places // together)
    if ranges == 1:
        return _in_order(nest, lines)
    return replace(over(Frame.ORDER, count * ranges), parts=ranges, together=together)


def _running(nest: Nest) -> Launch:
    """Return the launch of running sums: a group of lanes for each line, or a thread.

    Threads go along many lines that lie side by side just as well, and short ones.
    """
    length, lines = nest.extents[-1], _count(nest, range(nest.rows))
    (store,) = _stores(nest)
    apart = nest.rows not in store.index[-1].axes
    if length < WARP or (apart and lines >= LINES):
        return _in_order(nest, range(nest.rows))
    lanes = WARP if length <= LONGEST_WARP_ROW else BLOCK
    groups = min(BLOCK // lanes, lines)
    return Launch(Frame.RUNNING, (-(-lines // groups), 1), (lanes, groups))


def _in_order(nest: Nest, lines: Sequence[int]) -> Launch:
    """Return the launch of a thread for each line; without lines one thread does it all."""
    return over(Frame.ORDER, _count(nest, lines)) if lines else Launch(Frame.ORDER)


def over(frame: Frame, count: int, threads: int = BLOCK) -> Launch:
    """Return the launch of a thread for each of `count` positions."""
    threads = min(threads, max(-(-count // WARP), 1) * WARP)
    return Launch(frame, (max(-(-count // threads), 1), 1), (threads, 1))


def _vectors(nest: Nest) -> bool:
    """Return whether all arrays of a flat nest are read and written in order, four bytes each."""
    touched = [a.touched for a in nest.accesses]
    alike = all(len(t.index) == 1 and t.index[0].axis == 0 for t in touched)
    return alike and all(t.root.dtype.itemsize == 4 for t in touched)


def free_axes(nest: Nest) -> tuple[int, ...]:
    """Return the axes of a scattered sum along which no two positions add to the same element."""
    scattered = [s for s in _stores(nest) if s.fold]
    return tuple(
        axis
        for axis in range(len(nest.extents))
        if all(any(p.axis == axis for p in s.index) for s in scattered)
    )


def kept_axes(nest: Nest) -> tuple[int, ...]:
    """Return the axes that sums over rows keep: those of columns."""
    store = next(s for s in _stores(nest) if s.clear)
    return tuple(a for p in store.index for a in p.axes)


def _count(nest: Nest, axes: Sequence[int]) -> int:
    return math.prod(nest.extents[a] for a in axes)


def _stores(nest: Nest) -> list[Store]:
    return [a.touched for a in nest.accesses if isinstance(a.touched, Store)]


def summed(nest: Nest) -> dict[Value, str]:
    """Return the values that parts are added up to, with what adds them up."""
    found: dict[Value, str] = {}
    for s in _stores(nest):
        if s.clear:
            found[s.root] = s.fold
        elif s.scope is Scope.END and isinstance(s.node, Result):
            found[s.root] = s.node.fold.name
    return found


def _rows(kernel: Kernel, nest: Nest) -> list[Kernel]:
    """Return a kernel in which a group of lanes, a warp or a block, has a row at a time."""
    rows = math.prod(nest.extents[: nest.rows])
    row = math.prod(nest.extents[nest.rows :])
    lanes = WARP if row <= LONGEST_WARP_ROW else BLOCK
    groups = BLOCK // lanes if rows > 1 else 1
    if rows == 1:
        lanes = min(max(-(-row // WARP), 1) * WARP, 1024)
    sums = summed(nest)
    blocks = -(-rows // groups)
    if sums:
        blocks = min(blocks, max(MOST_GROUPS // groups, 1))
        groups = min(groups, rows)
        if any(name.startswith("arg") for name in sums.values()):
            blocks = groups = 1
    launch = Launch(Frame.ROWS, (blocks, 1), (lanes, groups), parts=blocks * groups)
    return _with_parts(kernel, nest, launch, sums)


def _columns(kernel: Kernel, nest: Nest) -> list[Kernel]:
    """Return a kernel in which a thread has a column, and goes through a block of rows."""
    columns = _count(nest, kept_axes(nest))
    rows = math.prod(nest.extents) // max(columns, 1)
    launch = over(Frame.COLUMNS, columns)
    parts = min(max(rows // FOLDED, 1), max(MOST_GROUPS // launch.blocks[0], 1))
    together = -(-rows // parts)
    parts = max(-(-rows // max(together, 1)), 1)
    launch = replace(launch, blocks=(launch.blocks[0], parts), parts=parts, together=together)
    return _with_parts(kernel, nest, launch, summed(nest))


def _sweep(kernel: Kernel, nest: Nest) -> list[Kernel]:
    """Return a kernel in which a thread has every so-many-th position."""
    count, sums = math.prod(nest.extents), summed(nest)
    alone = any(name.startswith("arg") for name in sums.values())
    blocks = 1 if alone else min(max(count // (BLOCK * SWEPT), 1), MOST_GROUPS)
    lanes = BLOCK if blocks > 1 else min(max(-(-count // WARP), 1) * WARP, 1024)
    launch = Launch(Frame.SWEEP, (blocks, 1), (lanes, 1), parts=blocks)
    return _with_parts(kernel, nest, launch, sums)


def _with_parts(kernel: Kernel, nest: Nest, launch: Launch, sums: dict[Value, str]) -> list[Kernel]:
    """Return a kernel, and where it has several parts what adds them up."""
    if launch.parts == 1 or not sums:
        return [replace(kernel, launch=replace(launch, parts=1))]
    dims = {s.root: s.dims for s in _stores(nest)}
    own = {v: Value(TensorType((launch.parts, *dims[v]), v.dtype)) for v in sums}
    launch = replace(launch, own=own)
    combined = [_combine(kernel, v, own[v], fold, launch.parts) for v, fold in sums.items()]
    return [replace(kernel, launch=launch), *combined]


def _combine(kernel: Kernel, total: Value, parts: Value, fold: str, count: int) -> Kernel:
    """Return the kernel that adds up parts in their order."""
    size = total.type.size
    cost = Cost(count * size, count * size * total.dtype.itemsize)
    work = Combine(parts, total, count, size, fold)
    launch = over(Frame.GRID, size)
    if size < WARP:
        launch = Launch(Frame.ROWS, (size, 1), (min(-(-count // WARP) * WARP, BLOCK), 1))
    return Kernel((), work, kernel.section, (parts,), cost, size, (), launch=launch)


def _convolution(kernel: Kernel, work: Convolution, arithmetic: Arithmetic) -> list[Kernel]:
    """Return a convolution with its launch, and what adds up the parts of its sums."""
    (value,) = kernel.values
    rounds = arithmetic.rounds(value.dtype, work.rounds)
    cores = arithmetic.on_cores(value.dtype, work.rounds)
    launch = tiled(extent(work), rounds, cores) or _by_elements(work, value)
    if launch.parts == 1:
        return [replace(kernel, launch=launch)]
    own = Value(TensorType((launch.parts, *work.shapes[2]), value.dtype))
    combined = _combine(kernel, value, own, "sum", launch.parts)
    return [replace(kernel, launch=replace(launch, own={value: own})), combined]


def _by_elements(work: Convolution, value: Value) -> Launch:
    """Return the launch of a thread for each element; a weight's gradient is summed in parts."""
    launch = over(Frame.GRID, value.type.size)
    if not work.sums_samples:
        return launch
    parts = min(work.inner, max(MOST_GROUPS // launch.blocks[0], 1))
    together = -(-work.inner // parts)
    parts = -(-work.inner // together)
    return replace(launch, blocks=(launch.blocks[0], parts), parts=parts, together=together)


def _numbers_together(kernels: list[Kernel], replaced: dict[Value, Value]) -> list[Kernel]:
    """Return kernels with the numbers of the update side by side, before what needs the first.

    A number moves up to numbers of the same section, where nothing in between makes what it
    reads, or reads or writes what it overwrites.
    """
    result: list[Kernel] = []
    for kernel in kernels:
        at = len(result)
        for i in range(len(result) - 1, -1, -1) if kernel.is_scalar else ():
            last = i + 1 == len(result) or not result[i + 1].is_scalar
            if last and result[i].is_scalar and result[i].section is kernel.section:
                at = i + 1
            if _before(result[i], kernel, replaced):
                break
        result.insert(at, kernel)
    return result


def _before(earlier: Kernel, number: Kernel, replaced: dict[Value, Value]) -> bool:
    """Return whether a number must be computed after another kernel."""
    assert isinstance(number.work, Nest)
    used = {*number.work.arguments, *number.reads}
    own = earlier.work.arguments if isinstance(earlier.work, Nest) else ()
    lost = {replaced[v] for v in number.values if v in replaced}
    other = earlier.section is not number.section
    return other or not (
        used.isdisjoint(earlier.values) and lost.isdisjoint({*own, *earlier.reads})
    )
