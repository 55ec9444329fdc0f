"""Write a result into an existing tensor: its memory, its version and its place on the tape."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gradc.errors import DTypeError, GradientError, ShapeError, UnsupportedError
from gradc.ir.dtype import DType
from gradc.ir.primitive import lookup
from gradc.tensor import epoch
from gradc.tensor.core import brief, read, resolve, shape_of, typeof, wrap
from gradc.tensor.dispatch import apply, attach, position
from gradc.tensor.edges import edge_of
from gradc.tensor.entry import Entry, refuse_captured
from gradc.tensor.kinds import is_array
from gradc.tensor.mark import mark
from gradc.tensor.node import CopySlices, Edge, PrimitiveNode
from gradc.tensor.paths import put
from gradc.tensor.state import STATE
from gradc.tensor.strides import strides

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def update(target: Tensor, compute: Callable[[Tensor], Tensor], name: str = "") -> Tensor:
    """Set `target` to compute(target) in place and return it.

    Args:
        target: the tensor that is changed.
        compute: gets the old tensor, returns the new one; a dtype of the same or a lower
            category is converted back.
        name: of the operation, for messages.
    """
    into = resolve(target)
    check_writable(into, name)
    old = alias(into)
    result = resolve(compute(old))
    if shape_of(result) != shape_of(into):
        raise ShapeError(
            f"{name or 'in-place operation'}: the result {list(shape_of(result))} doesn't have "
            f"the shape {list(shape_of(into))} of the tensor that it should be written into",
            hint="use the out-of-place operation",
        )
    if result._dtype is not into._dtype:
        check_converts(result._dtype, into._dtype)
        result = resolve(apply(lookup("cast"), result, dtype=into._dtype))
    write(into, result)
    node = result._node
    if isinstance(node, PrimitiveNode) and node.saves_output() and edge_of(old) in node.edges:
        node.guard(into._storage)
    return target


def alias(x: Tensor) -> Tensor:
    """Return `x` as it is now, unmoved by the write that follows.

    Where gradients are recorded the memory is copied, since rules may keep it.
    """
    content, place = read(x), x._storage.place
    if not STATE.grad:
        return wrap(content, place)
    out = wrap(content.copy() if place is None else place.copy(content), place)
    edge = edge_of(x)
    return out if edge is None else attach(out, edge)


def check_writable(into: Tensor, name: str) -> None:
    """Raise where an in-place change is not allowed."""
    called = f"{name}: " if name else ""
    if STATE.grad and (edge := edge_of(into)) is not None:
        if into._foreign:
            raise UnsupportedError(
                f"{called}a tensor that requires grad and was computed outside of the compiled "
                "function is changed in place",
                hint="change a .clone() of it, or do it outside",
            )
        if isinstance(edge[0], Entry) or (
            into._base is not None and isinstance(into._base._node, Entry)
        ):
            raise GradientError(
                f"{called}an input of a function under a transform of gradc.func is being used in "
                "an in-place operation.",
                hint="change a .clone() instead",
            )
        if into._leaf and edge[0] is into:
            raise GradientError(
                f"{called}a leaf Variable that requires grad is being used in an in-place "
                "operation.",
                hint="with gradc.no_grad(): ..., or change a .clone()",
            )
        if into._base is not None and into._base._leaf and into._base._node is None:
            raise GradientError(
                f"{called}a view of a leaf Variable that requires grad is being used in an "
                "in-place operation.",
                hint="with gradc.no_grad(): ..., or change a .clone()",
            )
    if repeats(into):
        raise GradientError(
            f"{called}unsupported operation: more than one element of the written-to tensor "
            "refers to a single memory location.",
            hint="clone() the tensor before performing the operation",
        )
    if is_array(into._data) and not into._data.flags.writeable:
        raise GradientError(
            f"{called}the memory of this tensor is read-only", hint="change a .clone()"
        )


def repeats(x: Tensor) -> bool:
    """Return whether a broadcast made several elements share one place in memory."""
    shape = shape_of(x)
    return 0 not in shape and any(s == 0 and n > 1 for s, n in zip(strides(x), shape, strict=True))


def check_converts(given: DType, wanted: DType) -> None:
    """Raise unless a result may be written as `wanted`: floats don't become integers."""
    if category(given) > category(wanted):
        raise DTypeError(
            f"result type {given} can't be cast to the desired output type {wanted}",
            hint="use the out-of-place operation, or convert the tensor first",
        )


def category(dtype: DType) -> int:
    """Return 0 for bool, 1 for integers, 2 for floats."""
    return 0 if dtype.is_bool else 2 if dtype.is_floating_point else 1


def write(into: Tensor, result: Tensor, *, overwrites: bool = False, shared: bool = False) -> None:
    """Put `result`, of the same type, into the memory of `into` and update the tape.

    Args:
        into: a resolved tensor.
        result: a resolved tensor.
        overwrites: whether the result was not computed from the old contents.
        shared: whether the result's memory is somebody else's too.
    """
    storage = into._storage
    place = storage.place
    old_edge = edge_of(into) if into._base is None else edge_of(into._base)
    new_edge = edge_of(result) if STATE.grad else None
    if STATE.scopes and new_edge is not None:
        refuse_captured(into, new_edge)
    if place is None:
        np.copyto(into._data, result._data)
    else:
        value = place.copy(read(result)) if shared else read(result)
        new = put(place.placing(), into._path, storage.content, value)
        storage.content = place.written(storage.content, new)
        into._data, into._of = (value, storage.content) if into._path else (place.face(value), None)
    changed(into)
    if new_edge is not None or (STATE.grad and old_edge is not None):
        rebase(into, old_edge, new_edge, overwrites)


def changed(into: Tensor) -> None:
    """Count a change of a tensor's memory."""
    if not into._untracked:
        into._storage.version += 1
        into._storage.changed = mark()


def rebase(into: Tensor, old: Edge | None, new: Edge | None, overwrites: bool) -> None:
    """Record a write on the tape of the tensor's base."""
    base = into if into._base is None else into._base
    if into._frozen_view:
        raise GradientError(
            "a view was created in no_grad mode and is being modified inplace with grad mode "
            "enabled",
            hint="create and change the view both inside or both outside the no_grad block",
        )
    if base._retains and base._node is not None and base._node.retained is not None:
        del base._node.retained[base._slot]
    if base is into and new is not None and not (overwrites and old is not None):
        attach(base, new)
    else:
        path = into._path[len(base._path) :]
        base._node = CopySlices(path, (old, new), brief(base), typeof(into), position())
        base._slot = 0
        if STATE.trace is not None:
            base._node.values = (read(base),)
    base._leaf = False
    if old is None and STATE.trace is None:
        epoch.bump()
    if base._retains:
        keep_gradient(base)


def keep_gradient(x: Tensor) -> None:
    """Make the tape hand the gradient of `x` to its `.grad`."""
    node = x._node
    assert node is not None
    x._retains = True
    node.retained = {**(node.retained or {}), x._slot: weakref.ref(x)}
