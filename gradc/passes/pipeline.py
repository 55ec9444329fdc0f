"""The passes in the order in which they run; the graph is verified after each."""

from __future__ import annotations

from collections.abc import Callable

from gradc.ir.graph import Equation, Graph
from gradc.ir.verify import verify
from gradc.passes.channels_last import channels_last
from gradc.passes.cse import cse
from gradc.passes.dead import dead
from gradc.passes.expand import expand
from gradc.passes.fold import fold
from gradc.passes.join import join
from gradc.passes.loops import has_loops, loops
from gradc.passes.narrow import narrow
from gradc.passes.simplify import simplify
from gradc.passes.stabilise import stabilise

PASSES: tuple[Callable[[Graph], Graph], ...] = (
    expand,
    dead,
    simplify,
    fold,
    cse,
    channels_last,
    dead,
    narrow,
    dead,
    stabilise,
    join,
    simplify,
    fold,
    cse,
    dead,
)


def optimise(graph: Graph) -> Graph:
    """Return `graph` after all passes; those with loops go through them a second time."""
    graph = _run(graph)
    if not has_loops(graph):
        return graph
    return _run(verify(loops(graph, optimise), after="loops"))


def _run(graph: Graph) -> Graph:
    known: set[Equation] = set()
    for run in PASSES:
        graph = verify(run(graph), after=run.__name__, known=known)
    return graph
