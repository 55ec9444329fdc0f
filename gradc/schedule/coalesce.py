"""Loop axes that always run together -> one axis; a long axis that is summed -> chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gradc.schedule.loops import (
    Affine,
    Choose,
    Fold,
    Index,
    Node,
    Position,
    Read,
    Store,
    Test,
    axis_index,
    places_of,
    walk,
)

CHUNK = 4096  # elements summed on their own before they join the total


@dataclass(slots=True)
class Loops:
    """The axes of a nest and everything that mentions them.

    Args:
        extents: sizes of the axes.
        rows: how many of them lie outside a row.
        nodes: all nodes.
        stores: all stores.
        folds: all folds.
    """

    extents: list[int]
    rows: int
    nodes: list[Node]
    stores: list[Store]
    folds: list[Fold]

    def arrays(self) -> Iterator[Read | Store]:
        """Yield what touches memory."""
        yield from (n for n in self.nodes if isinstance(n, Read))
        yield from self.stores

    def places(self) -> Iterator[Affine]:
        """Yield the indices used as numbers."""
        for n in self.nodes:
            if isinstance(n, Position):
                yield n.place
            elif isinstance(n, Choose):
                yield from (t.place for t in n.tests)
        yield from (t.place for s in self.stores for t in s.tests)
        yield from (f.place for f in self.folds if f.place is not None)


def gather(extents: Iterable[int], rows: int, stores: list[Store], folds: list[Fold]) -> Loops:
    """Return the loops of a nest with these targets."""
    seen: set[Node] = set()
    tops = [s.node for s in stores] + [f.operand for f in folds]
    tops += [n for s in stores for p in places_of(s) for n in p.nodes]
    nodes = [n for top in tops for n in walk(top, seen)]
    return Loops(list(extents), rows, nodes, stores, folds)


def coalesce(loops: Loops) -> None:
    """Merge neighbouring axes wherever memory lets them run as one."""
    axis = 0
    while axis + 1 < len(loops.extents):
        if axis + 1 != loops.rows and _mergeable(loops, axis):
            _merge(loops, axis)
        else:
            axis += 1


def _mergeable(loops: Loops, a: int) -> bool:
    inner = loops.extents[a + 1]
    for touched in loops.arrays():
        mentions = [a in p.axes or a + 1 in p.axes for p in touched.index]
        if not any(mentions):
            continue
        p = mentions.index(True)
        pair = tuple(q.axis for q in touched.index[p : p + 2])
        if sum(mentions) != 2 or pair != (a, a + 1) or touched.dims[p + 1] != inner:
            return False
    for place in loops.places():
        factors = dict(place.terms)
        if factors.get(a, 0) != factors.get(a + 1, 0) * inner:
            return False
    return True


def _merge(loops: Loops, a: int) -> None:
    def place(old: Affine) -> Affine:
        terms: dict[int | Node, int] = {}
        for atom, c in old.terms:
            if atom != a:
                terms[atom - 1 if isinstance(atom, int) and atom > a else atom] = c
        return Affine(tuple(terms.items()), old.offset)

    for touched in loops.arrays():
        at = [p.axis for p in touched.index]
        if a in at:
            p = at.index(a)
            merged = touched.dims[p] * touched.dims[p + 1]
            touched.dims = (*touched.dims[:p], merged, *touched.dims[p + 2 :])
            touched.index = (*touched.index[:p], *touched.index[p + 1 :])
        touched.index = tuple(place(p) for p in touched.index)
    _rewrite(loops, place)
    for node in loops.nodes:
        node.depth -= node.depth > a
    loops.extents[a : a + 2] = [loops.extents[a] * loops.extents[a + 1]]
    loops.rows -= loops.rows > a


def split(loops: Loops) -> None:
    """Cut the only axis into chunks, where its length has a suitable divisor."""
    (length,) = loops.extents
    chunk = next((c for c in range(CHUNK, 255, -1) if length % c == 0), None)
    if chunk is None or length <= CHUNK:
        return

    def place(old: Affine) -> Affine:
        factors = dict(old.terms)
        c = factors.pop(0, 0)
        outer: tuple[tuple[int | Node, int], ...] = ((0, c * chunk), (1, c)) if c else ()
        return Affine((*factors.items(), *outer), old.offset)

    def index(dims: tuple[int, ...], old: Index) -> tuple[tuple[int, ...], Index]:
        new_dims, new_index = list[int](), list[Affine]()
        for n, p in zip(dims, old, strict=True):
            if p.axis == 0 and n % chunk == 0:
                new_dims += [n // chunk, chunk]
                new_index += [axis_index(0), axis_index(1)]
            else:
                new_dims.append(n)
                new_index.append(place(p))
        return tuple(new_dims), tuple(new_index)

    for touched in loops.arrays():
        touched.dims, touched.index = index(touched.dims, touched.index)
    _rewrite(loops, place)
    for node in loops.nodes:
        node.depth += node.depth > 0
    loops.extents[:] = [length // chunk, chunk]


def _rewrite(loops: Loops, place: Callable[[Affine], Affine]) -> None:
    """Replace every index used as a number by `place` of it."""
    for node in loops.nodes:
        if isinstance(node, Position):
            node.place = place(node.place)
        elif isinstance(node, Choose):
            node.tests = tuple(Test(place(t.place), t.low, t.high, t.divisor) for t in node.tests)
    for store in loops.stores:
        store.tests = tuple(Test(place(t.place), t.low, t.high, t.divisor) for t in store.tests)
    for fold in loops.folds:
        if fold.place is not None:
            fold.place = place(fold.place)
