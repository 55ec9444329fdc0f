"""Gradients of piecewise functions -> the same ones, linked to operands by a derivative of zero.

Where calculus gives the gradient of relu or of max-pooling, it depends on its operand by steps
only. Without a link a second backward pass would find no way to the operand and raise; with it
the pass finds the zeros that PyTorch finds.
"""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from gradc.ir.builder import Builder
from gradc.origin import Origin
from gradc.tensor.core import brief, read, resolve, wrap_view
from gradc.tensor.edges import edge_of
from gradc.tensor.mark import Mark, mark
from gradc.tensor.node import Edge, Node, TapeOperands
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


class LinkBackward0(Node):
    """The identity of the first operand; the derivatives by the others are zero."""

    __slots__ = ()

    def pull(
        self, b: Builder, cotangents: tuple[Any, ...], needed: Sequence[bool]
    ) -> Sequence[Any | None]:
        """Pass the gradient on to the first operand."""
        return [cotangents[0], *[None] * (len(self.edges) - 1)]

    def push(self, b: Builder, tangents: tuple[Any, ...]) -> Sequence[Any | None]:
        """Pass the tangent of the first operand on."""
        return tangents[:1]


class StepsBackward0(Node):
    """The identity; its gradient, where that is recorded, is linked to the operand."""

    __slots__ = ()

    def pull(
        self, b: Builder, cotangents: tuple[Any, ...], needed: Sequence[bool]
    ) -> Sequence[Any | None]:
        """Pass the gradient on."""
        (ct,) = cotangents
        return [linked(ct, self.edges) if isinstance(b, TapeOperands) else ct]

    def push(self, b: Builder, tangents: tuple[Any, ...]) -> Sequence[Any | None]:
        """Pass the tangent on."""
        return tangents


def linked(x: Tensor, edges: Iterable[Edge | None]) -> Tensor:
    """Return x in the same memory, with derivatives of zero along edges."""
    others = tuple([e for e in edges if e is not None])
    of = resolve(x)
    if not others or not STATE.grad:
        return x
    out = wrap_view(of, read(of), of._path)
    out._node = LinkBackward0((edge_of(of), *others), (brief(of),), _line())
    return out


def in_steps(x: Tensor) -> Tensor:
    """Return x for a function of straight pieces, whose gradient is to be linked to x."""
    of = resolve(x)
    edge = edge_of(of) if STATE.grad else None
    if edge is None:
        return x
    out = wrap_view(of, read(of), of._path)
    out._node = StepsBackward0((edge,), (brief(of),), _line())
    return out


def _line() -> Mark | Origin | None:
    trace = STATE.trace
    return mark() if trace is None else trace.builder.origin
