"""Run the tape backwards: gradients of outputs -> gradients of leaves or of chosen inputs."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from gradc.ir.builder import Builder
from gradc.ir.graph import Section, TensorType
from gradc.tensor.accumulate import accumulate
from gradc.tensor.anomaly import check_backward
from gradc.tensor.copying import copy_without_tape
from gradc.tensor.core import home, is_tensor, read, resolve, typeof
from gradc.tensor.dispatch import ARRAYS, TENSORS, tape_builder
from gradc.tensor.edges import edge_of
from gradc.tensor.modes import GradMode
from gradc.tensor.node import Edge, Node, reachable
from gradc.tensor.on_device import holder, tensor_of
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

Key = tuple[int, int]


class BackwardRun:
    """One backward pass.

    Attributes:
        pending: sums of the gradients of each node's outputs so far.
        leaves: the same for leaf tensors, in the order in which they were met.
        wanted: edges whose gradients the caller asked for, None for all leaves.
        owners_hooks: whether a trace calls the hooks of concrete leaves: not where the gradients
            flow on to their tape, which calls them.
    """

    def __init__(self, *, create_graph: bool, retain_graph: bool) -> None:
        self.create_graph = create_graph
        self.retain_graph = retain_graph
        self.trace = STATE.trace
        self.builder: Builder = (
            TENSORS if create_graph else ARRAYS if self.trace is None else self.trace.builder
        )
        self.pending: dict[Node, list[Any]] = {}
        self.leaves: dict[Tensor, Any] = {}
        self.queue: list[tuple[int, Node]] = []
        self.captured: dict[Key, Any] = {}
        self.useful: set[Node] | None = None
        self.wanted: set[Key] = set()
        self.owners_hooks = True

    def seed(self, edge: Edge, gradient: Tensor) -> None:
        """Start with the gradient of an output."""
        self.send(edge, gradient if self.create_graph else own(gradient))

    def restrict(self, roots: Iterable[Edge], wanted: Sequence[Edge]) -> None:
        """Visit only what lies between the roots and the wanted edges."""
        self.wanted = {(id(target), slot) for target, slot in wanted}
        ends = {id(target) for target, _ in wanted}
        useful: set[Node] = set()
        for node in sorted(reachable(roots), key=lambda n: n.order):
            for edge in node.edges:
                if edge is not None and (edge[0] in useful or id(edge[0]) in ends):
                    useful.add(node)
                    break
        self.useful = useful

    def follows(self, edge: Edge | None) -> bool:
        """Return whether a gradient along `edge` leads to something wanted."""
        if edge is None:
            return False
        if self.useful is None:
            return True
        return (id(edge[0]), edge[1]) in self.wanted or edge[0] in self.useful

    def send(self, edge: Edge, gradient: Any) -> None:
        """Add a gradient to what its target has so far."""
        target, slot = edge
        if not isinstance(target, Node):
            known = self.leaves.get(target)
            self.leaves[target] = gradient if known is None else self.sum(known, gradient)
            return
        sums = self.pending.get(target)
        if sums is None:
            sums = self.pending[target] = [None] * len(target.types)
            heapq.heappush(self.queue, (-target.order, target))
        sums[slot] = gradient if sums[slot] is None else self.sum(sums[slot], gradient)

    def sum(self, x: Any, y: Any) -> Any:
        """Fan-out: a value used twice gets both gradients."""
        return self.builder_at(x).op("add", x, y)

    def builder_at(self, gradient: Any) -> Builder:
        """Return what applies primitives to a gradient in flight, wherever it is."""
        if self.trace is not None:
            return self.builder
        if self.create_graph:
            return tape_builder(home(gradient))
        place = holder(gradient)
        return self.builder if place is None else place.builder

    def run(self) -> None:
        """Visit nodes from the last made to the first, so that all users of a node come before."""
        with nullcontext() if self.create_graph else GradMode(False), self.backward_section():
            while self.queue:
                _, node = heapq.heappop(self.queue)
                self.visit(node, self.pending.pop(node))
            self.finish_leaves()

    def backward_section(self) -> Any:
        """Mark equations of this pass as backward ones."""
        return nullcontext() if self.trace is None else self.trace.in_section(Section.BACKWARD)

    def visit(self, node: Node, sums: list[Any]) -> None:
        """Run hooks and the rule of one node, and send the results on."""
        trace = self.trace
        for slot, gradient in enumerate(sums):
            if gradient is None:
                continue
            if node.hooks is not None or node.retained is not None:
                sums[slot] = gradient = self.hooked(node, slot, gradient)
            if trace is not None and node.values:
                trace.name_adjoint(self.content(gradient), node.values[slot])
            if (id(node), slot) in self.wanted:
                self.captured[id(node), slot] = gradient
        needed = [self.follows(e) for e in node.edges]
        if not any(needed):
            return
        cotangents = tuple(sums)
        builder = self.builder_at(next(c for c in cotangents if c is not None))
        if trace is None:
            adjoints = node.pull(builder, cotangents, needed)
            if STATE.anomaly:
                shown = [self.content(a) for a in adjoints if a is not None]
                check_backward(node, tuple(self.content(c) for c in cotangents), shown)
        else:
            with trace.at(node.origin, node.rule(needed)):
                adjoints = node.pull(builder, cotangents, needed)
        if not self.retain_graph:
            node.release()
        for edge, wanted, adjoint in zip(node.edges, needed, adjoints, strict=True):
            if wanted:
                assert edge is not None
                self.send(edge, zeros(builder, edge) if adjoint is None else adjoint)

    def hooked(self, node: Node, slot: int, gradient: Any) -> Any:
        """Call the hooks of an output, then give its gradient to the tensor that retains it."""
        tensor = self.tensor(gradient)
        if node.hooks is not None:
            tensor = call_hooks(node.hooks.get(slot), tensor)
        keeper = None if node.retained is None else node.retained.get(slot)
        owner = None if keeper is None else keeper()
        if owner is not None:
            accumulate(owner, tensor, self.create_graph)
        return tensor if self.create_graph else own(tensor)

    def finish_leaves(self) -> None:
        """Hand the gradients of leaves to the caller, or add them to `.grad`."""
        for leaf, total in self.leaves.items():
            owner = leaf if self.trace is None else self.trace.original(leaf)
            gradient = self.tensor(total)
            if owner is not leaf and self.owners_hooks:
                gradient = call_hooks(owner._hooks, gradient)
            gradient = call_hooks(leaf._hooks, gradient)
            if self.trace is not None:
                self.trace.name_adjoint(read(resolve(gradient)), read(leaf))
            if self.useful is not None:
                if (id(leaf), 0) in self.wanted:
                    self.captured[id(leaf), 0] = gradient
                continue
            accumulate(leaf, gradient, self.create_graph)
            for hook in list({**(owner._after or {}), **(leaf._after or {})}.values()):
                hook(owner)

    def found(self, edge: Edge) -> Tensor | None:
        """Return the gradient that was asked for along an edge."""
        gradient = self.captured.get((id(edge[0]), edge[1]))
        if gradient is None:
            return None
        found = gradient if is_tensor(gradient) else self.tensor(gradient)
        place = found._storage.place
        if self.create_graph or place is None or place.traces:
            return found
        return copy_without_tape(found)  # the same array may be found twice

    def accumulate_into(self, tensors: list[Tensor]) -> None:
        """Add the gradients that were asked for to the `.grad` of tensors."""
        for tensor in tensors:
            edge = edge_of(tensor)
            gradient = None if edge is None else self.found(edge)
            if gradient is not None:
                accumulate(tensor, gradient, self.create_graph)

    def content(self, gradient: Any) -> Any:
        """Return the array or Value of a gradient in flight."""
        return read(gradient) if self.create_graph and gradient is not None else gradient

    def tensor(self, gradient: Any) -> Tensor:
        """Return a gradient in flight as a tensor."""
        return gradient if self.create_graph else tensor_of(gradient)


def zeros(b: Builder, edge: Edge) -> Any:
    """Return the gradient of an operand that a rule declares to have none."""
    target, slot = edge
    type = TensorType(*target.types[slot]) if isinstance(target, Node) else typeof(target)
    return b.full(type, 0)


def own(gradient: Tensor) -> Any:
    """Return the content of a gradient, on a device a copy: the tensor's memory may change."""
    of = resolve(gradient)
    place = of._storage.place
    return read(of) if place is None else place.copy(read(of))


def call_hooks(hooks: dict[int, Any] | None, gradient: Tensor) -> Tensor:
    """Return the gradient after each hook had its say."""
    for hook in list((hooks or {}).values()):
        changed = hook(gradient)
        if changed is not None:
            gradient = changed
    return gradient
