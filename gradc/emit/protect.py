"""Statements that overwrite an array in place -> the same, with old elements read in time."""

from __future__ import annotations

from collections.abc import Sequence, Set

from gradc.emit.arguments import Arguments
from gradc.ir.graph import Value
from gradc.schedule.loops import Let, Node, Read, Scope, Statement, Store, parts


def protected(
    statements: Sequence[Statement], given: Arguments, held: Set[Node]
) -> list[Statement]:
    """Return statements in which no old element is read after it was overwritten in place.

    Args:
        statements: of one loop.
        given: arguments of the kernel.
        held: nodes that variables of outer loops hold.
    """
    result: list[Statement] = []
    stores = [s for s in statements if isinstance(s, Store) and not s.fold]
    overwritten: dict[Store, list[Value]] = {}
    for s in stores:
        if (s.root, s.dims) in given.at:
            array = given.arrays[given.at[s.root, s.dims]]
            overwritten[s] = [v for v in array.values if v is not s.root]
    if not any(overwritten.values()):
        return list(statements)
    lets = {s.node for s in statements if isinstance(s, Let)} | held
    early: dict[Node, None] = {}
    lost: set[Value] = set()
    for s in statements:
        if isinstance(s, Store) and s.scope is not Scope.END:
            for node in _reads(s.node, lets):
                if node.root in lost:
                    early[node] = None
            lost.update(overwritten.get(s, []))
    at = min(i for i, s in enumerate(statements) if isinstance(s, Store))
    result = [*statements[:at], *(Let(n) for n in early), *statements[at:]]
    return result


def _reads(node: Node, lets: set[Node]) -> list[Read]:
    """Return the reads that happen when an expression is written out."""
    found: list[Read] = []
    seen, stack = set(lets), [node]
    while stack:
        at = stack.pop()
        if at not in seen:
            seen.add(at)
            stack.extend(parts(at))
            if isinstance(at, Read):
                found.append(at)
    return found
