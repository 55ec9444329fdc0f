"""Equations whose results nobody reads -> nothing; inputs stay, read or not."""

from __future__ import annotations

from gradc.ir.graph import Equation, Graph


def dead(graph: Graph) -> Graph:
    """Return `graph` with only the equations that its results need."""
    needed = set(graph.results())
    kept: list[Equation] = []
    for equation in reversed(graph.equations):
        if any(v in needed for v in equation.outputs):
            needed.update(equation.inputs)
            kept.append(equation)
    return graph.replace_equations(tuple(reversed(kept)))
