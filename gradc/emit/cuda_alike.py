"""Numbers that follow each other -> those that many parameters have, to be computed side by side.

An optimizer has bias corrections for each of its parameters: the same few lines, again and again.
One thread would compute them one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gradc.emit.cuda_numbers import Numbers
from gradc.emit.naming import shared
from gradc.ir.graph import Value
from gradc.schedule.arena import Place
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Kernel, Plan

Set = tuple[Kernel, ...]
Span = tuple[int, int, int]  # slot, low, high


def side_by_side(
    kernels: Sequence[Kernel], kept: set[Value], plan: Plan
) -> tuple[list[Kernel], list[list[Set]]]:
    """Return the kernels that are left alone, and sets of kernels, those that are alike together.

    Args:
        kernels: numbers in order.
        kept: values that are needed after them.
        plan: what they are part of.
    """
    made = {one: _written(one, kept) for one in _connected(kernels)}
    alike: dict[str, list[Set]] = {}
    for one, numbers in made.items():
        alike.setdefault(numbers.text(""), []).append(one)
    found = [
        sets
        for sets in alike.values()
        if len(sets) > 1 and len(sets[0]) > 1 and _apart(sets, made, plan.memory.places)
    ]
    taken = {kernel for sets in found for one in sets for kernel in one}
    return [k for k in kernels if k not in taken], found


def _written(kernels: Set, kept: set[Value]) -> Numbers:
    """Return some numbers written under neutral names."""
    numbers = Numbers(lambda _: "n", kept, set())
    for kernel in kernels:
        numbers.add(kernel)
    return numbers


def pointers(kernels: Set, kept: set[Value]) -> int:
    """Return how many arrays some numbers are computed with."""
    return len(_written(kernels, kept).arguments())


def common(sets: Sequence[Set], hint: Callable[[Value], str]) -> Callable[[Value], str]:
    """Return what values of sets that are alike should be called: what their names share."""
    if len(sets) == 1:
        return hint
    names: dict[Value, str] = {}
    for alike in zip(*map(_touched, sets), strict=True):
        names[alike[0]] = shared([hint(v) for v in alike], "number")
    return lambda value: names.get(value, "number")


def _touched(kernels: Set) -> list[Value]:
    return [v for k in kernels for v in (*_read(k), *k.values)]


def _connected(kernels: Sequence[Kernel]) -> list[Set]:
    """Return sets of kernels, none of which reads what another set has made."""
    of: dict[Kernel, list[Kernel]] = {}
    makers: dict[Value, Kernel] = {}
    for kernel in kernels:
        own = [kernel]
        for value in _read(kernel):
            maker = makers.get(value)
            if maker is not None and of[maker] is not own:
                own[:0] = of[maker]
                for other in own:
                    of[other] = own
        of[kernel] = own
        makers.update(dict.fromkeys(kernel.values, kernel))
    sets = {id(own): own for own in of.values()}
    order = {kernel: i for i, kernel in enumerate(kernels)}
    return [tuple(sorted(own, key=order.__getitem__)) for own in sets.values()]


def _read(kernel: Kernel) -> tuple[Value, ...]:
    assert isinstance(kernel.work, Nest)
    return (*kernel.work.arguments, *(a.touched.root for a in kernel.work.accesses))


def _apart(sets: list[Set], made: dict[Set, Numbers], places: dict[Value, Place]) -> bool:
    """Return whether no set writes into memory that other numbers touch."""
    for one in sets:
        writes = list(_spans(made[one].results, places))
        for other, numbers in made.items():
            if other is one:
                continue
            for slot, low, high in _spans((v for v, _ in numbers.arguments()), places):
                if any(s == slot and a < high and low < b for s, a, b in writes):
                    return False
    return True


def _spans(values: Iterable[Value], places: dict[Value, Place]) -> Iterable[Span]:
    """Yield the memory of some values."""
    for value in values:
        place = places[value]
        yield place.slot, place.offset, place.offset + value.type.nbytes
