"""What a nest must do -> statements in loops: each expression as far out and as early as it can."""

from __future__ import annotations

from dataclasses import dataclass, field

from gradc.ir.graph import Value
from gradc.schedule.coalesce import Loops
from gradc.schedule.loops import (
    Argument,
    Choose,
    Clear,
    Fold,
    Join,
    Let,
    Loop,
    Node,
    Number,
    Position,
    Read,
    Result,
    Scope,
    Start,
    Statement,
    Step,
    Store,
    parts,
    places_of,
)

BEFORE = -1  # time of what happens before the loops
Context = tuple[int, int]  # (depth, sweep); the sweep is 0 outside the rows
User = tuple[Node | None, Context]  # a node, or None for a statement, and where it is


@dataclass(frozen=True, slots=True)
class Access:
    """One place where memory is touched.

    Args:
        touched: the read or the store.
        time: 2 t + 1 within sweep t of a row, 2 t before it; BEFORE for first values.
    """

    touched: Read | Store
    time: int


@dataclass(slots=True)
class _Uses:
    """How often a node is used, and from where."""

    count: int = 0
    users: set[User] = field(default_factory=set["User"])
    guarded: bool = True

    def outside(self, context: Context) -> bool:
        """Return whether it is used from another context than its own."""
        return any(c != context for _, c in self.users)


@dataclass(slots=True)
class _Placement:
    loops: Loops
    stored: set[Value]
    uses: dict[tuple[Node, Context], _Uses] = field(
        default_factory=dict[tuple[Node, Context], _Uses]
    )
    arguments: dict[Value, None] = field(default_factory=dict[Value, None])
    known_safe: dict[Node, bool] = field(default_factory=dict[Node, bool])

    def context(self, node: Node, sweep: int) -> Context:
        """Return where a node that sweep `sweep` wants is computed."""
        rows = self.loops.rows
        if node.depth > rows:
            return node.depth, sweep
        return node.depth, node.level if node.depth == rows else 0

    def time(self, node: Node, context: Context) -> int:
        """Return the latest time in a row at which a node is computed.

        Without a variable of its own that is where its users are.
        """
        depth, sweep = context
        own = 2 * sweep + (depth > self.loops.rows)
        if self.is_let(node, context):
            return own
        later = [
            2 * c[1] + (c[0] > self.loops.rows) if user is None else self.time(user, c)
            for user, c in self.uses[node, context].users
        ]
        return max(own, *later)

    def use(self, node: Node, user: User, sweep: int, *, guarded: bool = False) -> None:
        """Note that `user` reads `node`."""
        own = self.context(node, sweep)
        key = (node, own)
        new = key not in self.uses
        uses = self.uses.setdefault(key, _Uses())
        uses.count += 1
        uses.users.add(user)
        opened = uses.guarded and not guarded
        uses.guarded = uses.guarded and guarded
        if not new and not opened:
            return
        if isinstance(node, Argument):
            self.arguments[node.root] = None
        for n in parts(node):
            inside = guarded or (isinstance(node, Choose) and n in node.operands)
            # NOTE: opening a guard revisits what is below, without counting it a second time
            self.use(n, key, sweep, guarded=inside)
            if not new:
                self.uses[n, self.context(n, sweep)].count -= 1

    def is_let(self, node: Node, context: Context) -> bool:
        """Return whether a node gets a variable of its own."""
        uses = self.uses[node, context]
        if isinstance(node, Number | Argument | Result):
            return False
        if uses.guarded and not self.safe(node):
            return False
        hoisted = uses.outside(context)
        match node:
            case Position():
                return False if not node.place.nodes else uses.count > 1
            case Read():
                busy = uses.count > (1 if any(p.nodes for p in node.index) else 3)
                return hoisted or busy
            case _:
                named = node.value is not None and bool(node.value.hint)
                named = named and node.value not in self.stored
                return hoisted or uses.count > 1 or named

    def safe(self, node: Node) -> bool:
        """Return whether a node may be computed although nothing needs it."""
        if node not in self.known_safe:
            ranges = zip(node.index, node.dims, strict=True) if isinstance(node, Read) else ()
            legal = all(self.inside(p.terms, p.offset, n) for p, n in ranges)
            self.known_safe[node] = legal and all(self.safe(n) for n in parts(node))
        return self.known_safe[node]

    def inside(self, terms: tuple[tuple[int | Node, int], ...], offset: int, size: int) -> bool:
        """Return whether an index lies on its axis wherever the loops stand."""
        low = high = offset
        for atom, c in terms:
            if not isinstance(atom, int):
                return False
            reach = c * (self.loops.extents[atom] - 1)
            low, high = low + min(reach, 0), high + max(reach, 0)
        return low >= 0 and high < size

    def lets(self, context: Context) -> list[Statement]:
        """Return the variables of a context, each after what it needs."""
        found: dict[Node, None] = {}

        def visit(node: Node) -> None:
            if node in found:
                return
            for n in parts(node):
                if (n, context) in self.uses:
                    visit(n)
            if self.is_let(node, context):
                found[node] = None

        for node, own in list(self.uses):
            if own == context:
                visit(node)
        return [Let(n) for n in found]


def arrange(
    loops: Loops, stores: list[Store], folds: list[Fold]
) -> tuple[list[Statement], tuple[Access, ...], tuple[Value, ...]]:
    """Return the statements, every memory access, and the values of one element needed."""
    placement = _Placement(loops, {s.root for s in stores})
    partials = {f: _partial(f) for f in folds if _wants_partial(f, loops)}
    _count(placement, stores, folds)
    body = _rows(placement, stores, folds, partials, 0)
    before: list[Statement] = [Clear(s) for s in stores if s.clear]
    before += [Start(f) for f in folds if f.scope is Scope.END]
    after: list[Statement] = [s for s in stores if s.scope is Scope.END]
    accesses = [Access(n, placement.time(n, c)) for n, c in placement.uses if isinstance(n, Read)]
    accesses += [Access(s, _time(s)) for s in stores]
    return before + body + after, tuple(accesses), tuple(placement.arguments)


def _time(store: Store) -> int:
    if store.clear or store.scope is Scope.END:
        return BEFORE
    return 2 * store.sweep + (store.scope is Scope.INNER)


def _wants_partial(fold: Fold, loops: Loops) -> bool:
    """Return whether a total is summed in parts, one per run of the innermost loop."""
    floating = fold.root.dtype.is_floating_point
    inner = fold.scope is Scope.END and fold.source is Scope.INNER
    return inner and floating and fold.name == "sum" and len(loops.extents) > 1


def _partial(fold: Fold) -> Fold:
    return Fold(fold.root, fold.name, fold.operand, fold.sweep)


def _count(placement: _Placement, stores: list[Store], folds: list[Fold]) -> None:
    """Note all uses, in the order in which things happen."""
    loops = placement.loops
    tops = [(s.sweep, s.scope, s.node) for s in stores]
    tops += [(s.sweep, s.scope, n) for s in stores for p in places_of(s) for n in p.nodes]
    tops += [(f.sweep, f.source, f.operand) for f in folds]
    for sweep, scope, node in sorted(tops, key=lambda t: (t[0], t[1] is Scope.INNER)):
        if scope is Scope.END:
            continue
        depth = len(loops.extents) if scope is Scope.INNER else loops.rows
        placement.use(node, (None, (depth, sweep)), sweep)


def _rows(
    placement: _Placement,
    stores: list[Store],
    folds: list[Fold],
    partials: dict[Fold, Fold],
    depth: int,
) -> list[Statement]:
    """Return the loops over the rows, from axis `depth` on."""
    loops = placement.loops
    if depth < loops.rows:
        inner = _rows(placement, stores, folds, partials, depth + 1)
        return [*placement.lets((depth, 0)), Loop(depth, inner)]
    body: list[Statement] = []
    last = max([s.sweep for s in stores] + [f.sweep for f in folds], default=0)
    for sweep in range(last + 1):
        body += placement.lets((depth, sweep))
        row = [s for s in stores if s.scope is Scope.ROW and s.sweep == sweep]
        body += row
        body += [Step(f) for f in folds if f.source is Scope.ROW and f.sweep == sweep]
        inner_stores = [s for s in stores if s.scope is Scope.INNER and s.sweep == sweep]
        inner_folds = [f for f in folds if f.source is Scope.INNER and f.sweep == sweep]
        if inner_stores or inner_folds:
            body += [Start(f) for f in inner_folds if f.scope is Scope.ROW]
            body += _sweep(placement, inner_stores, inner_folds, partials, sweep, depth)
    return body


def _sweep(
    placement: _Placement,
    stores: list[Store],
    folds: list[Fold],
    partials: dict[Fold, Fold],
    sweep: int,
    depth: int,
) -> list[Statement]:
    """Return one sweep's loops, from axis `depth` on."""
    axes = len(placement.loops.extents)
    lets = placement.lets((depth, sweep)) if depth > placement.loops.rows else []
    if depth == axes:
        return [*lets, *(Step(partials.get(f, f)) for f in folds), *stores]
    loop = Loop(depth, _sweep(placement, stores, folds, partials, sweep, depth + 1))
    if depth < axes - 1:
        return [*lets, loop]
    pairs = [(f, partials[f]) for f in folds if f in partials]
    joined = [Join(total, part) for total, part in pairs]
    return [*lets, *(Start(part) for _, part in pairs), loop, *joined]
