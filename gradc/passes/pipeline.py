"""The passes in the order in which they run; the graph is verified after each."""

from __future__ import annotations

from collections.abc import Callable

from gradc.ir.graph import Graph
from gradc.ir.verify import verify
from gradc.passes.channels_last import channels_last
from gradc.passes.cse import cse
from gradc.passes.dead import dead
from gradc.passes.expand import expand
from gradc.passes.fold import fold
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
    simplify,
    fold,
    cse,
    dead,
)


def optimise(graph: Graph) -> Graph:
    """Return `graph` after all passes."""
    for run in PASSES:
        graph = verify(run(graph), after=run.__name__)
    return graph
