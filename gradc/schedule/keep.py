"""Groups -> which further values are worth keeping, because computing them again costs more."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from gradc.ir.dtype import float32
from gradc.ir.graph import Value
from gradc.ir.primitive import Kind
from gradc.schedule.fragments import Fragment
from gradc.schedule.group import Group
from gradc.schedule.loops import Choose, Compute, Node, Position, Read, parts, walk
from gradc.schedule.roots import Program
from gradc.schedule.target import CUDA, Target

CHEAP_LOADS = 2  # of the value's own size; vectors and numbers stay in cache
CHEAP_WORK = 12  # operations
# of float32: some 30 instructions on a GPU, a third of the time of a store and a load
CHEAP_ON_GPU = frozenset(
    {"exp", "expm1", "log", "log1p", "erf", "sigmoid", "tanh", "softplus", "sqrt", "rsqrt"}
)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a value lives in memory, and why."""

    value: Value
    kept: bool
    reason: str


def worth_keeping(
    program: Program, made: list[Group], fragments: dict[Value, Fragment], target: Target
) -> tuple[dict[Value, str], list[Decision]]:
    """Return the values to keep on top of the roots, and those recomputed, with reasons.

    A value that several kernels want is kept if computing it again takes a costly primitive,
    more than two loads of its own size, or many operations; also one that a single kernel
    would compute again for each row. On a GPU one of the shorter functions is not costly.
    """
    demand = _demand(program, made)
    nodes: dict[Value, Node] = {}
    for part in fragments.values():
        for value, _, node in part.computed:
            nodes.setdefault(value, node)
    chosen: dict[Value, str] = {}
    shared: list[Value] = []
    for equation in reversed(program.graph.equations):
        value = equation.outputs[0]
        if value not in nodes or value.type.size == 1 or program.home(value) is not None:
            continue
        wanted = demand[value]
        if len(wanted) > 1:
            shared.append(value)
            cost = _cost(value, nodes[value], chosen, target)
            if cost:
                chosen[value] = cost
                wanted = {min(wanted)}
        for v in equation.inputs:
            demand[v] |= wanted
    for value in list(chosen):  # cheap again, now that something below it is kept
        below = {v: r for v, r in chosen.items() if v is not value}
        if not _cost(value, nodes[value], below, target):
            del chosen[value]
    for part in fragments.values():
        for value in _repeated(part, program):
            chosen.setdefault(value, "it would be computed again for each row")
    dropped = [v for v in reversed(shared) if v not in chosen and v.hint]
    dropped = [v for v in dropped if isinstance(nodes[v], Compute)]
    return chosen, [Decision(v, False, _sources(nodes[v])) for v in dropped]


def _cost(value: Value, node: Node, kept: dict[Value, str], target: Target) -> str:
    """Return why computing a value again costs too much, or "" where it doesn't."""
    seen: set[Node] = set()
    stack, loads, work = [node], set[object](), 0
    costly, free = "", target is CUDA
    while stack:
        n = stack.pop()
        if n in seen:
            continue
        seen.add(n)
        if n.value is not None and n.value in kept:
            loads.add(n.value)
            continue
        match n:
            case Read() if n.root.type.size >= value.type.size:
                loads.add((n.root, n.index))
            case Compute():
                work += 1
                if free and n.primitive.name in CHEAP_ON_GPU and value.dtype is float32:
                    free = False
                else:
                    costly = costly or (n.primitive.name if is_costly(n) else "")
            case _:
                pass
        stack.extend(parts(n))
    if costly:
        return f"{costly} costs more than a load"
    if len(loads) > CHEAP_LOADS:
        return f"it would take {len(loads)} loads to compute again"
    return f"it would take {work} operations to compute again" if work > CHEAP_WORK else ""


def is_costly(node: Compute) -> bool:
    """Return whether computing it twice costs more than a load; random bits are never stored."""
    return node.primitive.expensive and node.primitive.kind is not Kind.RANDOM


def _sources(node: Node) -> str:
    """Return what a value is recomputed from."""
    reads = (n.root.hint for n in walk(node, set()) if isinstance(n, Read))
    names = sorted({hint for hint in reads if hint})
    below = walk(node, set())
    if any(isinstance(n, Compute) and n.primitive.kind is Kind.RANDOM for n in below):
        names.append("random bits")
    return f"recomputed from {', '.join(names)}" if names else "recomputed"


def _demand(program: Program, made: list[Group]) -> defaultdict[Value, set[int]]:
    """Return, for the operands of roots, the groups that want them."""
    demand: defaultdict[Value, set[int]] = defaultdict(set)
    for number, group in enumerate(made):
        for root in group.roots:
            assert root.equation is not None
            for v in root.equation.inputs:
                demand[v].add(number)
    return demand


def _repeated(part: Fragment, program: Program) -> list[Value]:
    """Return the costly values whose index leaves out a loop that lies outside it."""
    if part.node is None:
        return []
    axes: dict[Node, set[int]] = {}
    costly: dict[Node, bool] = {}
    found: list[Value] = []
    order = list(walk(part.node, set()))
    for node in order:
        below = [axes[n] for n in parts(node)]
        axes[node] = _own_axes(node).union(*below)
        costly[node] = any(costly[n] for n in parts(node)) or (
            isinstance(node, Compute) and is_costly(node)
        )
    for node in order:
        for n in parts(node):
            again = costly[n] and len(axes[n]) < n.depth and len(axes[node]) == node.depth
            if again and n.value is not None and n.value in program.known:
                if n.value not in program.roots and n.value.type.size > 1:
                    found.append(n.value)
    return found


def _own_axes(node: Node) -> set[int]:
    """Return the loops whose position a node uses itself."""
    match node:
        case Read():
            return {a for p in node.index for a in p.axes}
        case Position():
            return set(node.place.axes)
        case Choose():
            return {a for t in node.tests for a in t.place.axes}
        case _:
            return set()
