"""A graph with gradients of results among its inputs -> a forward and a backward graph.

What the backward graph needs is saved by the forward one, or computed again. The rule: inputs that
the program does not change are read again; constants, random numbers, views and cheap elementwise
results of such values are computed again; everything else is saved once.
"""

from __future__ import annotations

from dataclasses import dataclass

from gradc.ir.graph import Equation, Graph, Role, Section, Value
from gradc.ir.primitive import Kind

CHEAP = (Kind.MOVEMENT, Kind.CREATION, Kind.RANDOM, Kind.ELEMENTWISE)
LONGEST = 10  # operations in a row that are computed again


@dataclass(frozen=True, slots=True)
class Halves:
    """The two graphs.

    Attributes:
        forward: the outputs of the program, then the values saved for the backward graph.
        backward: inputs are `residuals`, then the gradients of results.
        residuals: what the backward graph reads: outputs of the forward graph or its inputs.
    """

    forward: Graph
    backward: Graph
    residuals: tuple[Value, ...]


def split(graph: Graph, seeds: tuple[Value, ...], adjoints: int) -> Halves:
    """Split an optimised graph.

    Args:
        graph: the whole program; `seeds` are its last inputs.
        seeds: the gradients of results.
        adjoints: how many of the last outputs are made by the backward graph.
    """
    made = {v: e for e in graph.equations for v in e.outputs}
    outputs = graph.outputs[: len(graph.outputs) - adjoints]
    wanted = graph.outputs[len(outputs) :]
    first = _needed((*outputs, *(new for _, new in graph.updates)), made)
    late = _late(graph, seeds, first)
    saved = _saved(graph, _reads(graph, wanted, late, made), outputs, made)
    inputs, volatile = set(graph.inputs), _volatile(graph)
    # an input that changes is saved as it was
    kept = tuple(v for v in saved if v not in outputs and (v not in inputs or v in volatile))
    ahead = first | _needed(saved, made)
    behind = _needed(wanted, made, stop=inputs.union(saved))
    forward = Graph(
        graph.name,
        tuple(v for v in graph.inputs if v not in seeds),
        tuple(e for e in graph.equations if not ahead.isdisjoint(e.outputs)),
        (*outputs, *kept),
        {v: role for v, role in graph.roles.items() if v not in seeds},
        graph.updates,
    )
    backward = Graph(
        f"{graph.name}_backward",
        (*saved, *seeds),
        tuple(e for e in graph.equations if not behind.isdisjoint(e.outputs)),
        wanted,
        {v: graph.roles.get(v, Role.BUFFER) for v in (*saved, *seeds)},
    )
    return Halves(forward, backward, saved)


def _volatile(graph: Graph) -> set[Value]:
    """Return the inputs that a later call may find changed by the program itself."""
    return {old for old, _ in graph.updates} | {
        v for v, role in graph.roles.items() if role is Role.HYPER
    }


def _needed(
    results: tuple[Value, ...], made: dict[Value, Equation], stop: set[Value] | None = None
) -> set[Value]:
    """Return the computed values that results depend on, themselves included."""
    found: set[Value] = set()
    stack = [v for v in results if stop is None or v not in stop]
    while stack:
        v = stack.pop()
        if v in found or v not in made:
            continue
        found.add(v)
        stack.extend(w for w in made[v].inputs if stop is None or w not in stop)
    return found


def _late(graph: Graph, seeds: tuple[Value, ...], first: set[Value]) -> set[Value]:
    """Return the values that only the backward graph can or should compute."""
    late = set(seeds)
    for e in graph.equations:
        if not late.isdisjoint(e.inputs):
            late.update(e.outputs)
        elif e.section is Section.BACKWARD and first.isdisjoint(e.outputs):
            late.update(e.outputs)
    return late


def _reads(
    graph: Graph, wanted: tuple[Value, ...], late: set[Value], made: dict[Value, Equation]
) -> list[Value]:
    """Return the forward values that the backward graph reads, in order."""
    own = _needed(wanted, made)
    reads: dict[Value, None] = {v: None for v in wanted if v not in late}
    for e in graph.equations:
        if not late.isdisjoint(e.outputs) and not own.isdisjoint(e.outputs):
            reads |= {v: None for v in e.inputs if v not in late}
    return list(reads)


def _saved(
    graph: Graph, reads: list[Value], outputs: tuple[Value, ...], made: dict[Value, Equation]
) -> tuple[Value, ...]:
    """Return what the backward graph starts from."""
    at_hand = {v for v in graph.inputs if v not in _volatile(graph)}.union(outputs, reads)
    saved: dict[Value, None] = {}
    for value in reads:
        if value not in made or value in outputs or not _cheap(value, at_hand - {value}, made):
            saved[value] = None
            continue
        at_hand.discard(value)
    for value in reads:
        if value not in saved:
            saved |= dict.fromkeys(_frontier(value, at_hand, made))
    return tuple(saved)


def _cheap(value: Value, at_hand: set[Value], made: dict[Value, Equation], depth: int = 0) -> bool:
    """Return whether a value follows from others at hand in a few cheap operations."""
    if value in at_hand:
        return True
    e = made.get(value)
    if e is None:
        return value.type.size == 1
    kind = e.primitive.kind
    if depth == LONGEST or kind not in CHEAP or (e.primitive.expensive and kind is not Kind.RANDOM):
        return False
    return all(_cheap(v, at_hand, made, depth + 1) for v in e.inputs)


def _frontier(value: Value, at_hand: set[Value], made: dict[Value, Equation]) -> list[Value]:
    """Return what computing a value again starts from."""
    found: dict[Value, None] = {}
    stack, seen = [value], set[Value]()
    while stack:
        v = stack.pop()
        if v in seen:
            continue
        seen.add(v)
        if v in at_hand or v not in made:
            found[v] = None
        else:
            stack.extend(made[v].inputs)
    return list(found)
