"""Add the gradient that a backward pass found to a tensor's `.grad`."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING

from gradc.errors import DeviceError, DTypeError, ShapeError, TraceError
from gradc.ir.primitive import lookup
from gradc.tensor import epoch
from gradc.tensor.copying import clone, copy_without_tape
from gradc.tensor.core import shape_of, type_text
from gradc.tensor.dispatch import apply
from gradc.tensor.inplace import update
from gradc.tensor.modes import GradMode
from gradc.tensor.moving import device_of
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def get_grad(tensor: Tensor) -> Tensor | None:
    """Return `.grad`: under a trace, what the trace says it is."""
    trace = STATE.trace
    if trace is None or (owner := trace.owner_of(tensor)) is None:
        return tensor._grad
    return trace.get_grad(owner)


def set_grad(tensor: Tensor, gradient: Tensor | None) -> None:
    """Set `.grad`: under a trace, only the trace's own record of it."""
    trace = STATE.trace
    if trace is None or (owner := trace.owner_of(tensor)) is None:
        tensor._grad = gradient
        epoch.bump()
    else:
        trace.grads[owner] = gradient


def accumulate(owner: Tensor, gradient: Tensor, create_graph: bool) -> None:
    """Add `gradient` to the `.grad` of a resolved tensor, in place where there is one."""
    check_fits(owner, gradient)
    if owner._foreign:
        raise TraceError(
            f"backward reached a tensor {type_text(owner)} that was computed outside of the "
            "compiled function",
            hint="compute it inside, or pass x.detach()",
        )
    before = get_grad(owner)
    if before is None:
        set_grad(owner, clone(gradient) if create_graph else copy_without_tape(gradient))
    elif create_graph:
        set_grad(owner, apply(lookup("add"), before, gradient))
    else:
        with GradMode(False):
            update(before, lambda old: apply(lookup("add"), old, gradient))


def check_fits(owner: Tensor, gradient: Tensor) -> None:
    """Raise unless a gradient has its tensor's shape and dtype."""
    if shape_of(owner) != shape_of(gradient):
        raise ShapeError(
            f"grad: a gradient has its tensor's shape: expected {list(shape_of(owner))}, "
            f"got {list(shape_of(gradient))}"
        )
    if owner._dtype is not gradient._dtype:
        raise DTypeError(
            f"grad: a gradient has its tensor's dtype: expected {owner._dtype}, "
            f"got {gradient._dtype}",
            hint=f"gradient.to(gradc.{owner._dtype})",
        )
    check_device_fits("grad", owner, gradient)


def check_device_fits(name: str, owner: Tensor, gradient: Tensor) -> None:
    """Raise unless a gradient is on its tensor's device."""
    if owner._storage.place is gradient._storage.place:
        return
    expected, given = device_of(owner), device_of(gradient)
    if expected != given:
        raise DeviceError(
            f"{name}: a gradient is on its tensor's device: expected {expected}, got {given}",
            hint=f'gradient.to("{expected}")',
        )
