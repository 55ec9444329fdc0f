"""Run the tape forwards: tangents of chosen inputs -> tangents of outputs."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from gradc.ir.builder import Builder
from gradc.ir.graph import Value
from gradc.tensor.core import home, read
from gradc.tensor.dispatch import ARRAYS, TENSORS, tape_builder
from gradc.tensor.modes import GradMode
from gradc.tensor.node import Edge, Node, reachable
from gradc.tensor.on_device import holder, tensor_of
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def between(roots: Iterable[Edge | None], starts: Sequence[Node]) -> list[Node]:
    """Return the nodes on the way from `starts` to the roots, in the order they were made."""
    live = set(starts)
    way: list[Node] = []
    for node in sorted(reachable([e for e in roots if e is not None]), key=lambda n: n.order):
        if node not in live and any(e is not None and e[0] in live for e in node.edges):
            live.add(node)
            way.append(node)
    return way


class ForwardRun:
    """One forward pass over recorded operations.

    Args:
        create_graph: record the pass itself, for higher derivatives.
    """

    def __init__(self, *, create_graph: bool) -> None:
        self.create_graph = create_graph
        self.trace = STATE.trace
        self.builder: Builder = (
            TENSORS if create_graph else ARRAYS if self.trace is None else self.trace.builder
        )
        self.dots: dict[tuple[Node, int], Any] = {}

    def seed(self, node: Node, tangent: Tensor) -> None:
        """Start with the tangent of an input."""
        self.dots[node, 0] = tangent if self.create_graph else read(tangent)

    def run(self, way: Iterable[Node]) -> None:
        """Apply the rule of each node to the tangents of its operands."""
        with nullcontext() if self.create_graph else GradMode(False):
            for node in way:
                self.visit(node)

    def visit(self, node: Node) -> None:
        """Find the tangents of a node's outputs."""
        tangents = tuple([None if e is None else self.dots.get(e) for e in node.edges])
        given = [t is not None for t in tangents]
        if not any(given):
            return
        if self.trace is None:
            found = node.push(self.builder_at(tangents[given.index(True)]), tangents)
        else:
            with self.trace.at(node.origin, node.rule(given)):
                found = node.push(self.builder, tangents)
        for slot, tangent in enumerate(found):
            if tangent is None or not node.types[slot][1].is_floating_point:
                continue
            if node.values and tangent is not tangents[0]:
                self.name(tangent, node.values[slot])
            self.dots[node, slot] = tangent

    def builder_at(self, tangent: Any) -> Builder:
        """Return what applies primitives to a tangent, wherever it is."""
        if self.create_graph:
            return tape_builder(home(tangent))
        place = holder(tangent)
        return self.builder if place is None else place.builder

    def name(self, tangent: Any, primal: Value) -> None:
        """Call the tangent of `x` x_dot in generated code."""
        value: Value = read(tangent) if self.create_graph else tangent
        if primal.hint and not value.name and value.adjoint_of is None:
            value.name = f"{primal.hint}_dot"

    def found(self, edge: Edge) -> Tensor | None:
        """Return the tangent of an output, None where it is zero."""
        tangent = self.dots.get(edge)
        return tangent if tangent is None or self.create_graph else tensor_of(tangent)
