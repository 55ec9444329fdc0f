"""Roots -> groups: those that one loop nest computes together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from gradc.ir.graph import Section, Value
from gradc.schedule import convolutions, products
from gradc.schedule.loops import Argument, Compute, Index, Node, Read, identity, walk
from gradc.schedule.lower import Lowering, full_index
from gradc.schedule.roots import Form, Program, Root, squeeze

LARGEST_KERNEL = 60  # computations; compile time grows faster than linearly beyond
Lanes = Callable[[Sequence[Root], tuple[int, ...], int | None], bool]
SMALL_ROW = 16384  # elements of a whole vector that one kernel may sweep several times
LOOPED = (Form.ELEMENT, Form.FOLD)
ALONE = (
    Form.PRODUCT,
    Form.CONVOLUTION,
    Form.SCATTER,
    Form.SCAN,
    Form.SORT,
    Form.LOOP,
)


@dataclass(frozen=True, slots=True)
class Fragment:
    """What computing one root by itself reads.

    Args:
        node: the expression, or None for roots with kernels of their own.
        reads: elements read, each once.
        sources: roots needed in any way.
        computed: (value, index, node) of everything computed on the way.
        work: each computation, once, the root's own included.
    """

    node: Node | None
    reads: tuple[Read, ...]
    sources: tuple[Value, ...]
    computed: tuple[tuple[Value, Index, Node], ...] = ()
    work: frozenset[tuple[Value, Index]] = frozenset()


@dataclass(eq=False, slots=True)
class Group:
    """Roots computed together.

    Args:
        roots: in order.
        form: ELEMENT for loop nests, else the form of the only root.
        domain: the loops.
        rows: how many outer loops row reductions stay inside; None while there are none.
        work: each computation, once.
        sources: groups that must run before.
    """

    roots: list[Root]
    form: Form
    domain: tuple[int, ...]
    rows: int | None
    work: set[tuple[Value, Index]]
    sources: set[Group] = field(default_factory=set["Group"])

    @property
    def values(self) -> set[Value]:
        """The values it computes."""
        return {r.value for r in self.roots}

    @property
    def updating(self) -> bool:
        """Whether it belongs to the update of the state."""
        return section_of(self.roots[0]) is Section.UPDATE

    def is_row_fold(self, root: Root) -> bool:
        """Return whether a reduction is complete at the end of each row."""
        split = row_split(root, self.domain)
        return root.form is Form.FOLD and split is not None and split == self.rows


def section_of(root: Root) -> Section:
    """Return the section of the equation that computes a root."""
    return root.equation.section if root.equation is not None else Section.FORWARD


def row_split(root: Root, domain: tuple[int, ...]) -> int | None:
    """Return how many outer loops a reduction over all inner loops keeps, or None."""
    count = len(root.kept)
    if root.domain != domain or root.kept != tuple(range(count)):
        return None
    return count


def fragments(
    program: Program, before: tuple[Program, dict[Value, Fragment]] | None = None
) -> dict[Value, Fragment]:
    """Return what each computed root reads.

    Args:
        program: the program.
        before: the same with fewer roots, and its fragments: those without a new root in them
            still hold.
    """
    known, new = {}, set[Value]()
    if before is not None:
        new = program.roots.keys() - before[0].roots.keys()
        if not any(program.known[v].primitive.name == "reshape" for v in new):
            known = {
                value: part
                for value, part in before[1].items()
                if before[0].roots[value] == program.roots.get(value)
                and new.isdisjoint(v for v, _, _ in part.computed)
            }
    return {
        v: known[v] if v in known else fragment(program, r)
        for v, r in program.roots.items()
        if r.form is not Form.INPUT
    }


def fragment(program: Program, root: Root) -> Fragment:
    """Return what computing `root` reads."""
    equation = root.equation
    assert equation is not None
    lowering = Lowering(program)
    if root.form is Form.PRODUCT:
        pair = products.operands(equation, program.known)
        assert pair is not None
        homes = [program.home(m.value) for m in pair]
        return Fragment(None, (), tuple(r.value for r in homes if r is not None))
    if root.form is Form.CONVOLUTION:
        seen = convolutions.operands(equation, program.known)
        homes = [program.home(s.value) for s in seen]
        return Fragment(None, (), tuple(r.value for r in homes if r is not None))
    if root.form is Form.LOOP:
        homes = [program.home(v) for v in equation.inputs]
        return Fragment(None, (), tuple(dict.fromkeys(r.value for r in homes if r is not None)))
    if root.form in (Form.SCATTER, Form.SCAN, Form.SORT):
        tops = [lowering.pull(v, full_index(v)) for v in equation.inputs]
        node = None
    elif root.form is Form.FOLD:
        tops = [lowering.pull(equation.inputs[0], root.index)]
        node = tops[0]
    elif root.pieces > 1:
        tops = [lowering.pull(v, full_index(v)) for v in equation.inputs]
        node = None
    else:
        index = full_index(root.value)
        tops = [lowering.define(equation, root.value, index)]
        node = tops[0]
        lowering.nodes[root.value, index] = node
    nodes = list(_all(tops))
    unique = {(n.root, n.dims, n.index): n for n in nodes if isinstance(n, Read)}
    sources: dict[Value, None] = {}
    for n in nodes:
        match n:
            case Read() | Argument():
                sources[n.root] = None
            case _:
                pass
    computed = tuple((v, i, n) for (v, i), n in lowering.nodes.items() if v is not root.value)
    work = frozenset(key for key, n in lowering.nodes.items() if isinstance(n, Compute))
    return Fragment(node, tuple(unique.values()), tuple(sources), computed, work)


def _all(tops: list[Node]) -> Iterator[Node]:
    seen: set[Node] = set()
    for top in tops:
        yield from walk(top, seen)


def groups(
    program: Program,
    parts: dict[Value, Fragment],
    late: dict[Value, Value],
    lanes: Lanes | None = None,
) -> list[Group]:
    """Return the groups in an order in which they can run.

    `late` values are computed after everything that reads the input they overwrite. With `lanes`
    positions belong to lanes that know nothing of each other, and it says what goes together.

    Each root, in the order of the program, joins a group that computes what it reads or reads
    what it reads, where loops fit and no other group comes between; else it founds one.
    """
    made: list[Group] = []
    home: dict[Value, Group] = {}
    for value, part in parts.items():
        root = program.roots[value]
        sources = {home[s] for s in part.sources if s in home}
        group = None
        if root.form in LOOPED and value not in late:
            group = _host(root, part, made, sources, parts, lanes)
        if group is None:
            form = Form.ELEMENT if root.form is Form.FOLD else root.form
            if value in late:
                sources |= {g for g in made if _reads(g, late[value], parts)}
            group = Group([root], form, root.domain, _first_split(root), set(part.work), sources)
            made.append(group)
        else:
            group.roots.append(root)
            group.work |= part.work
            group.sources |= sources - {group}
        home[value] = group
        _join_outputs(root, home, made, group)
    _overwrite_late(program, parts, made, home)
    return ordered(made)


def _overwrite_late(
    program: Program, parts: dict[Value, Fragment], made: list[Group], home: dict[Value, Group]
) -> None:
    """Let the readers of a state run before the group that overwrites it, where that can be."""
    readers: dict[Value, dict[Group, None]] = {}
    for group in made:
        for root in group.roots:
            for source in parts[root.value].sources:
                readers.setdefault(source, {})[group] = None
    for old, new in program.graph.updates:
        root = program.home(new)
        if root is None:
            continue
        writer = home[root.value]
        for group in readers.get(old, ()):
            if group is not writer and not depends(group, writer):
                writer.sources.add(group)


def _reads(group: Group, value: Value, parts: dict[Value, Fragment]) -> bool:
    return any(value in parts[r.value].sources for r in group.roots)


def _join_outputs(root: Root, home: dict[Value, Group], made: list[Group], own: Group) -> None:
    """The outputs of one sort or loop are computed by one kernel."""
    if root.form not in (Form.SORT, Form.LOOP) or root.equation is None:
        return
    first = root.equation.outputs[0]
    if first is not root.value and first in home and home[first] is not own:
        home[first].roots.append(root)
        home[root.value] = home[first]
        made.remove(own)


def _first_split(root: Root) -> int | None:
    """Return the row split of a group that begins with `root`."""
    if root.form is not Form.FOLD:
        return None
    split = row_split(root, root.domain)
    return split if split != 0 or _small(root.domain) else None


def _small(domain: tuple[int, ...]) -> bool:
    return len(domain) == 1 and domain[0] <= SMALL_ROW


def _host(
    root: Root,
    part: Fragment,
    made: list[Group],
    sources: set[Group],
    parts: dict[Value, Fragment],
    lanes: Lanes | None,
) -> Group | None:
    """Return the group that `root` joins: one it reads from, else one that reads the same."""
    for group in reversed(made):
        if group in sources and _fits(root, part, group, sources, lanes, vertical=True):
            return group
    shared = {_key(r) for r in part.reads if len(set(_axes(r))) == len(root.domain)}
    if not shared:
        return None
    for group in made:
        if group in sources or group.domain != root.domain:
            continue
        theirs = {_key(r) for m in group.roots for r in parts[m.value].reads}
        if shared & theirs and _fits(root, part, group, sources, lanes, vertical=False):
            return group
    return _beside(root, part, made, sources, parts, lanes)


def _beside(
    root: Root,
    part: Fragment,
    made: list[Group],
    sources: set[Group],
    parts: dict[Value, Fragment],
    lanes: Lanes | None,
) -> Group | None:
    """Return the group that reads other parts of the same rows: gates that lie side by side."""
    shared = {k for r in part.reads if (k := _row_key(r)) is not None}
    for group in made if shared else []:
        if group in sources or group.domain != root.domain:
            continue
        theirs = {_row_key(r) for m in group.roots for r in parts[m.value].reads}
        if shared & theirs and _fits(root, part, group, sources, lanes, vertical=False):
            return group
    return None


def _row_key(read: Read) -> tuple[Value, tuple[int, ...], tuple[int, ...]] | None:
    """Return what reads of the same rows have in common; None for other reads."""
    axes = tuple(p.axes[0] for p in read.index if len(p.terms) == 1 and len(p.axes) == 1)
    whole = len(axes) == len(read.index) > 1 and all(p.terms[0][1] == 1 for p in read.index)
    return (read.root, read.dims, axes) if whole else None


def _key(read: Read) -> tuple[Value, tuple[int, ...], Index]:
    return read.root, read.dims, read.index


def _axes(read: Read) -> list[int]:
    return [a for place in read.index for a in place.axes]


def _fits(
    root: Root,
    part: Fragment,
    group: Group,
    sources: set[Group],
    lanes: Lanes | None,
    *,
    vertical: bool,
) -> bool:
    """Return whether `root` may join `group`; if so and it sets the row split, set it."""
    if group.form is not Form.ELEMENT or len(group.work | part.work) > LARGEST_KERNEL:
        return False
    if group.updating is not (section_of(root) is Section.UPDATE):
        return False
    if any(s is not group and depends(s, group) for s in sources):
        return False
    rows = _split_with(root, group, vertical=vertical)
    if rows is False:
        return False
    if not all(_readable(r, group, rows, alone=lanes is not None) for r in part.reads):
        return False
    if lanes is not None and not lanes([*group.roots, root], group.domain, rows):
        return False
    if not _numbers_ready(part, group):
        return False
    if _finds_place(root) and not _whole_row(root, group, rows):
        return False
    group.rows = rows
    return True


def _finds_place(root: Root) -> bool:
    """Return whether a reduction is argmax or argmin of rows: it can't add to an array."""
    name = root.equation.primitive.name if root.equation is not None else ""
    return name in ("argmax", "argmin") and bool(root.kept)


def _whole_row(root: Root, group: Group, rows: int | None) -> bool:
    return root.domain == group.domain and row_split(root, group.domain) == rows


def _split_with(root: Root, group: Group, *, vertical: bool) -> int | bool | None:
    """Return the row split of `group` once `root` is in, or False where the loops don't fit."""
    if root.domain == group.domain:
        split = row_split(root, group.domain) if root.form is Form.FOLD else None
        if split is None or group.rows is not None:
            return group.rows
        return split if split or _small(group.domain) else None
    inner = group.rows is not None and root.domain == group.domain[: group.rows]
    return group.rows if inner and group.rows and vertical else False


def _readable(read: Read, group: Group, rows: int | None, *, alone: bool) -> bool:
    """Return whether `read` may happen inside `group`: what it reads is ready by then.

    With `alone` a position can't read what another one has stored.
    """
    member = next((r for r in group.roots if r.value is read.root), None)
    if member is None:
        return True
    if member.pieces > 1:
        return False
    same = read.dims == squeeze(member.value.shape)
    if member.form is Form.FOLD:
        whole = group.is_row_fold(member) and rows == group.rows and bool(rows)
        return whole and same and read.index == identity(rows or 0)
    if same and read.index == identity(len(read.dims)):
        return True
    in_row = rows is not None and rows > 0 and len(read.dims) >= rows and not alone
    return in_row and same and read.index[:rows] == identity(rows or 0)


def _numbers_ready(part: Fragment, group: Group) -> bool:
    """Return whether the numbers that `part` needs are known inside `group`."""
    elements = {r.root for r in part.reads}
    made = (r for r in group.roots if r.value in part.sources and r.value not in elements)
    return all(group.rows == 0 and group.is_row_fold(r) for r in made)


def depends(group: Group, on: Group) -> bool:
    """Return whether `group` needs `on` to have run."""
    seen: set[Group] = set()
    stack = [group]
    while stack:
        at = stack.pop()
        if at is on:
            return True
        if at not in seen:
            seen.add(at)
            stack.extend(at.sources)
    return False


def ordered(made: list[Group]) -> list[Group]:
    """Return the groups, each after those it needs: forward first, then in program order."""
    sections = list(Section)
    rank = {g: (min(sections.index(section_of(r)) for r in g.roots), i) for i, g in enumerate(made)}
    waiting = {g: len(g.sources) for g in made}
    users: dict[Group, list[Group]] = {g: [] for g in made}
    for g in made:
        for source in g.sources:
            users[source].append(g)
    ready = [rank[g] for g in made if not waiting[g]]
    heapify(ready)
    done: list[Group] = []
    while ready:
        group = made[heappop(ready)[1]]
        done.append(group)
        for user in users[group]:
            waiting[user] -= 1
            if not waiting[user]:
                heappush(ready, rank[user])
    assert len(done) == len(made), "groups depend on each other"
    return done
