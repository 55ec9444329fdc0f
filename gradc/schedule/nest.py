"""A group of roots -> its loop nest: what is stored and folded, in which sweep over each row."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from gradc.ir.graph import TensorType, Value
from gradc.schedule import coalesce
from gradc.schedule.group import Group
from gradc.schedule.loops import (
    ZERO,
    Choose,
    Compute,
    Fold,
    Index,
    Node,
    Read,
    Result,
    Scope,
    Statement,
    Store,
    axis_index,
    identity,
    parts,
    walk,
)
from gradc.schedule.lower import Lowering, as_place, full_index, within
from gradc.schedule.pieces import piece_index
from gradc.schedule.place import Access, arrange
from gradc.schedule.roots import Form, Program, Root, squeeze


@dataclass(slots=True, eq=False)
class Nest:
    """A loop nest.

    Args:
        roots: what it computes.
        extents: sizes of the axes.
        rows: how many outer axes row reductions stay inside.
        sweeps: how many times it goes over each row.
        body: statements.
        scratch: arrays of its own, one row long, with the value that each holds a row of.
        accesses: every read and write, with the time in a row at which it happens.
        arguments: values of one element that it needs.
        folds: its reductions in local variables.
    """

    roots: list[Root]
    extents: tuple[int, ...]
    rows: int
    sweeps: int
    body: list[Statement]
    scratch: dict[Value, Value | None]
    accesses: tuple[Access, ...]
    arguments: tuple[Value, ...]
    folds: tuple[Fold, ...]

    @property
    def stored(self) -> tuple[Value, ...]:
        """The values it leaves in memory, scratch excluded."""
        touched = (a.touched for a in self.accesses)
        found = dict.fromkeys(t.root for t in touched if isinstance(t, Store))
        return tuple(v for v in found if v not in self.scratch)


@dataclass(slots=True)
class Targets:
    """Everything that a nest must do.

    Args:
        stores: what is written.
        folds: what is reduced in local variables.
    """

    stores: list[Store] = field(default_factory=list[Store])
    folds: list[Fold] = field(default_factory=list[Fold])
    scratch: dict[Value, Value | None] = field(default_factory=dict[Value, Value | None])

    def expressions(self) -> list[tuple[Node, int, Scope]]:
        """Return every expression with its sweep and scope."""
        found = [(s.node, s.sweep, s.scope) for s in self.stores]
        return found + [(f.operand, f.sweep, f.source) for f in self.folds]


def build(program: Program, group: Group, needed: set[Value], *, lanes: bool = False) -> Nest:
    """Return the loop nest of a group; `needed` are the values that others read from memory.

    With `lanes` the elements of a row belong to different lanes: costly ones are computed again
    rather than kept in an array for the row, and a long total is not cut into chunks.
    """
    rows = group.rows or 0
    lowering = Lowering(program, rows, {r.value: r for r in group.roots})
    targets = Targets()
    for root in group.roots:
        if root.form is Form.FOLD:
            _add_fold(lowering, group, root, targets, stored=root.value in needed)
        else:
            _add_element(lowering, group, root, targets)
    _keep_across_sweeps(targets, group.domain, rows, scratch=not lanes)
    return _finish(group.roots, group.domain, rows, targets, chunks=not lanes)


def build_scan(program: Program, root: Root) -> Nest:
    """Return the loop nest of a running sum: the scanned axis innermost, a local total."""
    equation = root.equation
    assert equation is not None
    shape = root.value.shape
    axis: int = equation.params["axis"]
    order = [a for a in range(len(shape)) if shape[a] != 1 and a != axis] + [axis]
    index = tuple(axis_index(order.index(a)) if a in order else ZERO for a in range(len(shape)))
    if equation.params.get("reverse", False):
        turned = index[axis].scaled(-1, shape[axis] - 1)
        index = (*index[:axis], turned, *index[axis + 1 :])
    rows = len(order) - 1
    operand = Lowering(program, rows).pull(equation.inputs[0], index)
    fold = Fold(root.value, "sum", operand, 0)
    result = Result(dtype=root.value.dtype, depth=len(order), value=root.value, fold=fold)
    places = tuple(p for p, n in zip(index, shape, strict=True) if n != 1)
    targets = Targets([Store(root.value, root.domain, places, result)], [fold])
    return _finish([root], tuple(shape[a] for a in order), rows, targets)


def build_scatter(program: Program, root: Root) -> tuple[Nest, Nest]:
    """Return the loop nests that copy the first operand, and that add the updates into it."""
    equation = root.equation
    assert equation is not None
    x, positions, updates = equation.inputs
    axis: int = equation.params["axis"]
    shape = root.value.shape
    first = Targets()
    node = Lowering(program).pull(x, full_index(x))
    dims = squeeze(shape)
    first.stores.append(Store(root.value, dims, identity(len(dims)), node))
    index, lowering = full_index(updates), Lowering(program)
    if equation.primitive.name == "index_add":
        end = axis + positions.type.ndim
        before, at, after = index[:axis], index[axis:end], index[end:]
    else:
        before, at, after = index[:axis], index, index[axis + 1 :]
    place = as_place(lowering.pull(positions, at))
    whole = (*before, place, *after)
    places = tuple(p for p, n in zip(whole, shape, strict=True) if n != 1)
    added = lowering.pull(updates, index)
    store = Store(root.value, dims, places, added, fold="sum", tests=within(place, shape[axis]))
    return (
        _finish([root], dims, 0, first),
        _finish([root], squeeze(updates.shape), 0, Targets([store])),
    )


def _finish(
    roots: list[Root],
    domain: tuple[int, ...],
    rows: int,
    targets: Targets,
    *,
    chunks: bool = True,
) -> Nest:
    """Return the nest that does what `targets` say."""
    loops = coalesce.gather(domain, rows, targets.stores, targets.folds)
    coalesce.coalesce(loops)
    total = any(f.scope is Scope.END and f.name in ("sum", "prod") for f in targets.folds)
    if chunks and len(loops.extents) == 1 and not loops.rows and total:
        coalesce.split(loops)
    body, accesses, arguments = arrange(loops, targets.stores, targets.folds)
    sweeps = len({s for _, s, scope in targets.expressions() if scope is Scope.INNER})
    return Nest(
        roots, tuple(loops.extents), loops.rows, sweeps, body, targets.scratch,
        accesses, arguments, tuple(targets.folds),
    )  # fmt: skip


def _add_element(lowering: Lowering, group: Group, root: Root, targets: Targets) -> None:
    """Store an elementwise root, for each element or once per row."""
    assert root.equation is not None
    whole = root.domain == group.domain and len(root.domain) > lowering.rows
    scope = Scope.INNER if whole else Scope.ROW
    if root.pieces > 1:
        axis: int = root.equation.params["axis"]
        for number, piece in enumerate(root.equation.inputs):
            node = lowering.pull(piece, full_index(piece))
            place = piece_index(root.value, axis, piece.shape[axis], number)
            dims = squeeze(root.value.shape)
            targets.stores.append(Store(root.value, dims, place, node, node.level, scope))
        return
    index = full_index(root.value)
    node = lowering.define(root.equation, root.value, index)
    lowering.stored[root.value] = node
    targets.stores.append(
        Store(root.value, root.domain, identity(len(root.domain)), node, node.level, scope)
    )


def _add_fold(
    lowering: Lowering, group: Group, root: Root, targets: Targets, *, stored: bool
) -> None:
    """Fold over each row, or over all loops into a total or an accumulator array."""
    assert root.equation is not None
    name = root.equation.primitive.name
    operand = lowering.pull(root.equation.inputs[0], root.index)
    source = Scope.INNER if root.domain == group.domain else Scope.ROW
    dims = tuple(root.domain[a] for a in root.kept)
    index: Index = tuple(axis_index(a) for a in root.kept)
    place = None
    if name.startswith("arg"):
        place = axis_index(len(root.kept))
    if source is Scope.INNER and group.is_row_fold(root):
        fold = Fold(root.value, name, operand, operand.level, place=place)
        targets.folds.append(fold)
        lowering.folds[root.value] = fold
        if stored:
            result = Result(
                dtype=root.value.dtype, depth=lowering.rows, level=fold.sweep + 1,
                value=root.value, fold=fold,
            )  # fmt: skip
            store = Store(root.value, dims, index, result, result.level, Scope.ROW)
            targets.stores.append(store)
    elif not root.kept:
        fold = Fold(root.value, name, operand, operand.level, Scope.END, source, place)
        targets.folds.append(fold)
        result = Result(dtype=root.value.dtype, value=root.value, fold=fold)
        targets.stores.append(Store(root.value, (), (), result, 0, Scope.END))
    else:
        targets.stores.append(
            Store(root.value, dims, index, operand, operand.level, source, name, clear=True)
        )


def _keep_across_sweeps(
    targets: Targets, domain: tuple[int, ...], rows: int, *, scratch: bool
) -> None:
    """Let later sweeps of a row read what an earlier one stored or found costly."""
    kept = {s.node: (s.root, s.dims, s.index, s.sweep) for s in targets.stores if _rereadable(s)}
    costly = _costly_twice(targets, rows, kept) if scratch else {}
    for node, sweep in costly.items():
        row = TensorType(domain[rows:], node.dtype)
        value = Value(row)
        index = tuple(axis_index(a) for a in range(rows, len(domain)))
        kept[node] = (value, row.shape, index, sweep)
        targets.scratch[value] = node.value
        targets.stores.append(Store(value, row.shape, index, node, sweep))
    copies: dict[tuple[Node, int], Node] = {}

    def renewed(node: Node, sweep: int) -> Node:
        if node.depth <= rows:
            return node
        key = (node, sweep)
        if key not in copies:
            copies[key] = fresh(node, sweep)
        return copies[key]

    def fresh(node: Node, sweep: int) -> Node:
        if node in kept and kept[node][3] < sweep:
            root, dims, index, _ = kept[node]
            return Read(
                dtype=node.dtype, depth=len(domain), value=root, root=root, dims=dims, index=index
            )
        operands = tuple(renewed(n, sweep) for n in node.operands)
        same = all(a is b for a, b in zip(operands, node.operands, strict=True))
        return node if same else replace(node, operands=operands)

    for store in targets.stores:
        if store.scope is Scope.INNER:
            store.node = renewed(store.node, store.sweep)
    for fold in targets.folds:
        if fold.source is Scope.INNER:
            fold.operand = renewed(fold.operand, fold.sweep)


def _rereadable(store: Store) -> bool:
    leaf = not isinstance(store.node, Compute | Choose)
    return store.scope is Scope.INNER and not store.fold and not leaf


def _costly_twice(
    targets: Targets, rows: int, kept: dict[Node, tuple[Value, tuple[int, ...], Index, int]]
) -> dict[Node, int]:
    """Return the costly expressions that two sweeps want, with the first of these sweeps."""
    wanted: dict[int, dict[Node, None]] = {}  # dicts, for their order
    tops: dict[int, set[Node]] = {}
    for node, sweep, scope in targets.expressions():
        if scope is Scope.INNER:
            stop = wanted.setdefault(sweep, {})
            tops.setdefault(sweep, set()).add(node)
            _collect(node, sweep, rows, kept, stop)
    costly: dict[Node, bool] = {}
    for nodes in wanted.values():
        for top in nodes:
            for n in walk(top, set(costly)):
                costly[n] = (isinstance(n, Compute) and n.primitive.expensive) or any(
                    costly[m] for m in parts(n) if m.depth > rows
                )
    found: dict[Node, int] = {}
    for sweep in sorted(wanted)[1:]:
        earlier = {n: t for t in sorted(wanted, reverse=True) if t < sweep for n in wanted[t]}
        again = [n for n in wanted[sweep] if n in earlier and costly[n] and n not in found]
        users = {m: n for n in wanted[sweep] if n not in earlier for m in parts(n)}
        for n in sorted(again, key=lambda n: n.depth):
            if n in users or n in tops[sweep]:
                found[n] = earlier[n]
    return found


def _collect(
    node: Node,
    sweep: int,
    rows: int,
    kept: dict[Node, tuple[Value, tuple[int, ...], Index, int]],
    found: dict[Node, None],
) -> None:
    """Add the inner nodes below `node` that a sweep computes, stopping at what it can read."""
    stack = [node]
    while stack:
        n = stack.pop()
        if n in found or n.depth <= rows or (n in kept and kept[n][3] < sweep):
            continue
        found[n] = None
        stack.extend(parts(n))
