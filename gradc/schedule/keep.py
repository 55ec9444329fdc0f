"""Groups -> which further values are worth keeping, because computing them again costs more."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from gradc.ir.graph import Value
from gradc.schedule.fuse import Fragment, Group, is_costly, recomputed_reason
from gradc.schedule.loops import Choose, Compute, Node, Position, Read, parts, walk
from gradc.schedule.roots import Program


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a value lives in memory, and why."""

    value: Value
    kept: bool
    reason: str


def worth_keeping(
    program: Program, made: list[Group], fragments: dict[Value, Fragment]
) -> tuple[dict[Value, str], list[Decision]]:
    """Return the values to keep on top of the roots, and those recomputed, with reasons."""
    demand = _demand(program, made)
    nodes: dict[Value, Node] = {}
    for part in fragments.values():
        for value, _, node in part.computed:
            nodes.setdefault(value, node)
    chosen: dict[Value, str] = {}
    recomputed: list[Decision] = []
    for equation in reversed(program.graph.equations):
        value = equation.outputs[0]
        if value in program.roots or value not in nodes or value.type.size == 1:
            continue
        wanted = demand[value]
        reason = recomputed_reason(value, nodes[value])
        if len(wanted) > 1 and not reason:
            chosen[value] = _cost(nodes[value])
            wanted = {min(wanted)}
        elif len(wanted) > 1 and value.hint and isinstance(nodes[value], Compute):
            recomputed.append(Decision(value, False, reason))
        for v in equation.inputs:
            demand[v] |= wanted
    for part in fragments.values():
        for value in _repeated(part, program):
            chosen.setdefault(value, "it would be computed again for each row")
    return chosen, recomputed[::-1]


def _cost(node: Node) -> str:
    seen: set[Node] = set()
    costly = [n.primitive.name for n in walk(node, seen) if isinstance(n, Compute) and is_costly(n)]
    if costly:
        return f"{costly[-1]} costs more than a load"
    return "it would take more than two loads to compute again"


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
