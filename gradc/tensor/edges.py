"""From a tensor to its place on the tape; views are derived anew when their base has moved on."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING

from gradc.autodiff.rules import differentiable
from gradc.ir.graph import TensorType
from gradc.tensor.core import typeof
from gradc.tensor.mark import mark
from gradc.tensor.node import Edge, PrimitiveNode

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def edge_of(tensor: Tensor) -> Edge | None:
    """Return where the gradient of a resolved tensor goes, or None if it wants none."""
    base = tensor._base
    if base is not None and base._node is not tensor._seen:
        rederive(tensor, base)
    if tensor._node is not None:
        return (tensor._node, tensor._slot)
    return (tensor, 0) if tensor._leaf else None


def rederive(view: Tensor, base: Tensor) -> None:
    """Record a view's movements again, from what its base is now."""
    view._seen = base._node
    if view._frozen_view:
        return
    edge, type = edge_of(base), typeof(base)
    where = mark()
    for primitive, params in view._path[len(base._path) :]:
        if edge is None or not differentiable(primitive):
            edge = None
            break
        unsaved = ((type.shape, type.dtype),)
        type_after = primitive.typing(type, **params)
        assert isinstance(type_after, TensorType)
        type = type_after
        out = ((type.shape, type.dtype),)
        edge = (PrimitiveNode(primitive, params, (edge,), out, unsaved, out, (), where), 0)
    view._node, view._slot = edge if edge is not None else (None, 0)


def wants_grad(tensor: Tensor) -> bool:
    """Return whether gradients flow to a resolved tensor."""
    return edge_of(tensor) is not None
