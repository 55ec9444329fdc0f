"""Plan -> text: kernels with their costs, buffers with their places, what is kept and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from gradc.ir.graph import Value
from gradc.ir.show import Names
from gradc.schedule.arena import ARENA_SLOT
from gradc.schedule.attention import Attention
from gradc.schedule.attention_blocks import launches
from gradc.schedule.convolutions import Convolution
from gradc.schedule.frame import Frame
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Kernel, Panels, Plan, Product, Repeat
from gradc.schedule.share import Combine
from gradc.schedule.target import CUDA

FEW = 6  # names shown where there may be many
Name = Callable[[Value], str]
Row = tuple[str, ...]


def describe(plan: Plan, known: Mapping[Value, str] | None = None) -> str:
    """Return the listing of a plan.

    Args:
        plan: what to list.
        known: the names that the generated text has for values; None: names of its own.
    """
    names: Name = Names()
    if known is not None:
        names = known.__getitem__
    for value in plan.program.graph.inputs:
        names(value)
    peak = plan.memory.arena_bytes
    numbers = sum(k.is_scalar for k in plan.kernels)
    parts = [
        f"{plan.name}: {len(plan.kernels) - numbers} kernels, {numbers} numbers, "
        f"{amount(plan.flops)}FLOP, {amount(plan.bytes_moved)}B moved, arena {amount(peak)}B",
        "",
        "kernels",
        *table(kernel_rows(plan, names)),
        *composed_lines(plan),
        "",
        "buffers",
        *table(buffer_rows(plan, names)),
    ]
    fused = fusion_rows(plan, names)
    if fused:
        parts += ["", "fused, and why", *table(fused)]
    decisions = decision_rows(plan, names)
    if decisions:
        parts += ["", "kept and recomputed", *table(decisions)]
    return "\n".join(line.rstrip() for line in parts)


def composed_lines(plan: Plan) -> list[str]:
    """Return what has no kernel of its own, and why."""
    if not plan.composed:
        return []
    rows = [(line,) for line in plan.composed]
    return ["", "made of products and softmax, with all weights in memory", *table(rows)]


def kernel_rows(plan: Plan, names: Name) -> list[Row]:
    """Return one row per kernel: number, section, what, results, cost, sharing, reasons.

    Numbers that follow each other share a row.
    """
    rows: list[Row] = []
    for _, run in groupby(enumerate(plan.kernels), _row_of):
        (i, kernel), *others = run
        kernels = [kernel, *(k for _, k in others)]
        rows.append(
            (
                f"{i} to {i + len(others)}" if others else str(i),
                kernel.section.value,
                what(kernel),
                _some([names(v) for k in kernels for v in k.values]),
                f"{amount(sum(k.cost.flops for k in kernels))}FLOP",
                f"{amount(sum(k.cost.bytes_moved for k in kernels))}B",
                f"parallel over {kernel.parallel}" if kernel.parallel > 1 else "",
                shared(plan, i),
                "adds up " + ", ".join(map(names, kernel.partials)) if kernel.partials else "",
                _reason(kernel, plan),
            )
        )
    return rows


def _multiplies(kernel: Kernel, asked: str, plan: Plan) -> str:
    """Return what a convolution's operands are rounded to, and who multiplies them."""
    tile = None if kernel.launch is None else kernel.launch.tile
    rounds = asked if tile is None else tile.rounds
    how = f"rounds operands to {rounds}" if rounds else ""
    if tile is None:
        return how
    if tile.cores:
        return f"{how} for tensor cores"
    return ", ".join(filter(None, (how, plan.arithmetic.why_not(kernel.values[0].dtype, asked))))


def _attends(kernel: Kernel, work: Attention, plan: Plan) -> str:
    """Return what an attention's operands are rounded to, and who multiplies them."""
    if plan.target is not CUDA:
        return ""
    dtype = kernel.values[0].dtype
    made = launches(work, dtype, plan.arithmetic).values()
    rounds = {block.rounds for block, _ in made if block.rounds}
    if rounds:
        return f"rounds operands to {rounds.pop()} for tensor cores"
    return plan.arithmetic.why_not(dtype)


def _reason(kernel: Kernel, plan: Plan) -> str:
    """Return why a kernel does it the way it does."""
    work = kernel.work
    if isinstance(work, Product):
        return work.choice.reason
    if isinstance(work, Convolution):
        return _multiplies(kernel, work.rounds, plan)
    if isinstance(work, Attention):
        number = f"{amount(work.units * work.queries * work.keys)}weights"
        if work.keeps:
            return f"{number} kept: no more than the operands"
        operands = (work.queries + work.keys) * (work.features + work.outputs)
        many = work.queries * work.keys > operands
        why = "more than the operands" if many else "keys come in several blocks"
        again = f"{number} computed again: {why}" if work.adjoint else ""
        return ", ".join(filter(None, (again, _attends(kernel, work, plan))))
    return ""


def _row_of(numbered: tuple[int, Kernel]) -> tuple[str, int]:
    """Return what kernels of one row have in common."""
    i, kernel = numbered
    return kernel.section.value, -1 if kernel.is_scalar else i


def _some(found: list[str]) -> str:
    """Return the first few names, and how many more there are."""
    more = len(found) - FEW
    return ", ".join(found[:FEW]) + (f" and {more} more" if more > 0 else "")


def fusion_rows(plan: Plan, names: Name) -> list[Row]:
    """Return one row per value of a kernel: what is computed on the way, why it is here."""
    rows: list[Row] = []
    for i, kernel in enumerate(plan.kernels):
        for value in kernel.values:
            fused = plan.fused.get(value)
            if kernel.is_scalar or fused is None:
                continue
            other = fused.reason.value
            why = fused.reason.text.format("" if other is None else names(other))
            hints = list(dict.fromkeys(v.hint for v in fused.inside))
            inside = f"with {_some(hints)}" if hints else ""
            begins = "begins" if fused.begins else "joins"
            rows.append((str(i), names(value), inside, f"{begins}: {why}"))
    return rows


def shared(plan: Plan, number: int) -> str:
    """Return which threads do a kernel, and whether they meet before it; or its launch."""
    kernel = plan.kernels[number]
    share, launch = kernel.share, kernel.launch
    if isinstance(kernel.work, Attention) and plan.target is CUDA:
        made = launches(kernel.work, kernel.values[0].dtype, plan.arithmetic).values()
        sizes = (f"{x.blocks[0]} x {x.threads[0]} of {b.queries} x {b.keys}" for b, x in made)
        return f"{Frame.TILES.value}: {', '.join(sizes)}"
    if launch is not None:
        parts = f", {launch.parts} parts" if launch.parts > 1 else ""
        return f"{launch.frame.value}: {_size(launch.blocks)} x {_size(launch.threads)}{parts}"
    if share is None:
        return ""
    way = f"{share.blocks} blocks of {share.way.value}" if share.cut else share.way.value
    if number in plan.together:
        way += f", each before one of kernel {number + 1}"
    return f"after meeting: {way}" if number in plan.meets else way


def _size(pair: tuple[int, int]) -> str:
    """Return a number of blocks or threads: `(2, 4)`, or `8` where the second one is 1."""
    return str(pair) if pair[1] != 1 else str(pair[0])


def what(kernel: Kernel) -> str:
    """Return what kind of kernel it is, and over what it loops."""
    work = kernel.work
    if isinstance(work, Combine):
        return f"sums {work.count} parts"
    if isinstance(work, Panels):
        count, terms, columns = work.panels.shape
        return f"copy of {count} x [{terms}, {columns}]"
    if isinstance(work, Product):
        batch = f"{work.batch} x " if work.batch else ""
        sizes = f"[{work.rows}, {work.terms}] @ [{work.terms}, {work.columns}]"
        bias = " with a bias" if work.bias is not None else ""
        return f"product {batch}{sizes}{bias} {work.choice.method.value}"
    if isinstance(work, Convolution):
        groups = f"{work.groups} x " if work.grouped else ""
        window = " x ".join(map(str, work.window))
        return f"convolution {groups}[{window}, {work.inner}, {work.outer}]"
    if isinstance(work, Attention):
        sizes = f"{work.units} x [{work.queries}, {work.features}] of [{work.keys}, {work.outputs}]"
        return f"attention{' adjoint' * work.adjoint} {sizes}{', causal' * work.causal}"
    if isinstance(work, Repeat):
        return f"{work.span.loop.length} x ({len(work.plan.kernels)} kernels of {work.plan.name})"
    if not isinstance(work, Nest):
        return f"sort [{work.rows}, {work.columns}]"
    if kernel.is_scalar:
        return "numbers"
    loops = " x ".join(map(str, work.extents)) or "1"
    return f"loops {loops}" + (f", {work.sweeps} sweeps per row" if work.sweeps > 1 else "")


def buffer_rows(plan: Plan, names: Name) -> list[Row]:
    """Return one row per value in memory: name, type, place, size, life."""
    rows: list[Row] = []
    old = dict(plan.memory.in_place)
    for value, place in plan.memory.places.items():
        where = f"slot {place.slot}" if place.slot != ARENA_SLOT else f"arena + {place.offset}"
        first, last = plan.memory.ranges.get(value, (None, None))
        life = f"kernels {first} to {last}" if first is not None else ""
        over = f"in place of {names(old[value])}" if value in old else ""
        rows.append((names(value), str(value.type), where, f"{value.type.nbytes} B", life, over))
    return rows


def decision_rows(plan: Plan, names: Name) -> list[Row]:
    """Return one row per value that is kept, or computed again where it is used."""
    return [(names(d.value), "kept" if d.kept else "not kept", d.reason) for d in plan.decisions]


def table(rows: Sequence[Row]) -> list[str]:
    """Return rows as aligned text."""
    if not rows:
        return ["  none"]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  " + "  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)) for row in rows]


def amount(number: int) -> str:
    """Return a number with three digits and k, M or G: `1.23 M`."""
    value = float(number)
    for unit in ("", "k", "M", "G"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} T"
