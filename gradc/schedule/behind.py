"""Kernels in order -> updates right behind the products that make their gradients, block by block.

A weight's gradient that doesn't stay in a core's cache is read again from far away when its weight
is updated. Where nothing else reads the weight in between, the update follows its product, and each
thread does both for one block of rows after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from gradc.ir.graph import Section, Value
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Kernel, Product
from gradc.schedule.product_tiles import CACHED
from gradc.schedule.share import Way


def behind(kernels: Sequence[Kernel], replaced: Mapping[Value, Value]) -> list[Kernel]:
    """Return the kernels with each update that can be right behind its product there.

    Args:
        kernels: in an order they can run in.
        replaced: the input that each new state overwrites.
    """
    order = list(kernels)
    for product in kernels:
        if whole_rows(product):
            order = _moved(order, product, replaced)
    return order


def whole_rows(kernel: Kernel) -> bool:
    """Return whether rows of a product can be done alone, without copying an operand for each."""
    work = kernel.work
    if not isinstance(work, Product):
        return False
    tiles = work.choice.tiles
    return tiles is not None and tiles.strips > 0


def together(kernels: Sequence[Kernel], meets: frozenset[int]) -> frozenset[int]:
    """Return the numbers of products whose blocks are each followed by a block of the next kernel.

    Where threads needn't meet between two kernels, no block of the second touches what another
    block of the first does.
    """
    numbers = {v for k in kernels if not k.is_scalar for v in k.values}
    return frozenset(
        i
        for i, (first, second) in enumerate(pairwise(kernels))
        if whole_rows(first)
        and i + 1 not in meets
        and _is_update(second, first)
        and _same_blocks(first, second)
        and numbers.isdisjoint(_arguments(second))
    )


def _same_blocks(first: Kernel, second: Kernel) -> bool:
    """Return whether blocks of two kernels are the same parts."""
    a, b = first.share, second.share
    if a is None or b is None or a.way is not Way.ROWS or b.way is not Way.ROWS or b.own:
        return False
    return a.blocks > 1 and b.extent * a.block == a.extent * b.block


def _is_update(kernel: Kernel, product: Kernel) -> bool:
    """Return whether a kernel goes once over a product's result, and over more than caches hold."""
    work = kernel.work
    if not isinstance(work, Nest) or kernel.is_scalar or work.folds or work.scratch:
        return False
    (value,) = product.values
    touched = {a.touched.root for a in work.accesses}
    simple = len(work.extents) == 1 and work.extents[0] == value.type.size
    return simple and value in touched and sum(v.type.nbytes for v in touched) > CACHED


def _moved(order: list[Kernel], product: Kernel, replaced: Mapping[Value, Value]) -> list[Kernel]:
    """Return the order with the update of a product's result behind it, where that is possible."""
    start = order.index(product)
    later = order[start + 1 :]
    for n, update in enumerate(later):
        if update.section is not Section.UPDATE or not _is_update(update, product):
            continue
        numbers = _numbers_for(update, later[:n], product)
        if numbers is None:
            return order
        moved = {update, *numbers}
        between = [k for k in later[:n] if k not in moved]
        olds = {replaced[v] for k in moved for v in k.values if v in replaced}
        if any(not olds.isdisjoint(_needs(k)) for k in between):
            return order
        rest = [k for k in later if k not in moved]
        return [*order[:start], *numbers, product, update, *rest]
    return order


def _arguments(kernel: Kernel) -> tuple[Value, ...]:
    """Return the numbers that a kernel is given."""
    return kernel.work.arguments if isinstance(kernel.work, Nest) else ()


def _needs(kernel: Kernel) -> set[Value]:
    """Return what a kernel reads, numbers included."""
    return {*kernel.reads, *_arguments(kernel)}


def _numbers_for(update: Kernel, before: list[Kernel], product: Kernel) -> list[Kernel] | None:
    """Return the kernels of numbers that an update needs first; None where it needs others."""
    makers = {v: k for k in before for v in k.values}
    found: set[Kernel] = set()
    stack = [update]
    while stack:
        for value in _needs(stack.pop()) - set(product.values):
            maker = makers.get(value)
            if maker is None or maker in found:
                continue
            if not maker.is_scalar or not _needs(maker).isdisjoint(product.values):
                return None
            found.add(maker)
            stack.append(maker)
    return [k for k in before if k in found]
