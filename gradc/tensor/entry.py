"""The inputs of a function being transformed: fresh tensors where its own tape begins."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gradc.errors import GradientError
from gradc.ir.builder import Builder
from gradc.tensor.core import brief, read, resolve, type_text, wrap_view
from gradc.tensor.dispatch import position
from gradc.tensor.edges import edge_of
from gradc.tensor.node import Edge, Node, reachable
from gradc.tensor.state import STATE
from gradc.tensor.storage import next_number

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


class Scope:
    """One run of a function that is transformed; `with scope:` while it runs.

    Attributes:
        name: of the transform, for messages.
        running: whether the function is running.
        birth: storages with a smaller number were made before.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.running = False
        self.birth = 0

    def __enter__(self) -> Self:
        self.running = True
        self.birth = next_number()
        STATE.scopes = (*STATE.scopes, self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.running = False
        STATE.scopes = tuple([s for s in STATE.scopes if s is not self])


class Entry(Node):
    """The identity from what the caller passed to what the function gets."""

    __slots__ = ("scope",)

    def __init__(self, tensor: Tensor, edge: Edge | None, scope: Scope) -> None:
        Node.__init__(self, (edge,), (brief(tensor),), position())
        self.scope = scope

    def pull(
        self, b: Builder, cotangents: tuple[Any, ...], needed: Sequence[bool]
    ) -> Sequence[Any | None]:
        """Pass the gradient on to the transforms around this one."""
        return [cotangents[0]]

    def push(self, b: Builder, tangents: tuple[Any, ...]) -> Sequence[Any | None]:
        """Pass the tangent on from the transforms around this one."""
        return tangents


def enter(tensor: Tensor, scope: Scope) -> tuple[Tensor, Entry]:
    """Return a tensor on the same memory that a transformed function gets, and its node."""
    of = resolve(tensor)
    edge = edge_of(of) if STATE.grad else None
    inside = wrap_view(of, read(of), of._path)
    entry = Entry(of, edge, scope)
    inside._node = entry
    if STATE.trace is not None:
        entry.values = (read(inside),)
    return inside, entry


def leads_out(roots: Iterable[Edge | None]) -> bool:
    """Return whether gradients flow to a leaf, or to a transform that is still running."""
    known = [e for e in roots if e is not None]
    nodes = reachable(known)
    if any(isinstance(n, Entry) and n.scope.running for n in nodes):
        return True
    edges = [*known, *(e for n in nodes for e in n.edges if e is not None)]
    return any(not isinstance(target, Node) for target, _ in edges)


def may_lead_out(roots: Iterable[Edge | None]) -> bool:
    """Return whether gradients of the gradients may: a user's own rule or hook can use anything."""
    known = [e for e in roots if e is not None]
    return leads_out(known) or any(n.hooks is not None or n.opaque for n in reachable(known))


def refuse_captured(into: Tensor, new: Edge) -> None:
    """Raise where a tensor from outside would become a function of a transform's inputs.

    Args:
        into: a resolved tensor that is about to be written to.
        new: where the gradient of what is written goes.
    """
    trace = STATE.trace
    number = into._storage.number if trace is None else trace.number_of(into._storage)
    captured = {scope for scope in STATE.scopes if number < scope.birth}
    if not captured:
        return
    for node in reachable([new]):
        if isinstance(node, Entry) and node.scope in captured:
            raise GradientError(
                f"gradc.func.{node.scope.name}: the function changes a tensor {type_text(into)} "
                "from outside in place, to a value that depends on its inputs",
                hint="pass the tensor as an argument and return its new value, or write "
                "value.detach()",
            )
