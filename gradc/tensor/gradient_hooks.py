"""Functions that a backward pass calls with a tensor's gradient, and gradients that are kept."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradc.errors import GradientError
from gradc.tensor import epoch
from gradc.tensor.core import resolve
from gradc.tensor.edges import edge_of
from gradc.tensor.gradient import is_leaf
from gradc.tensor.inplace import keep_gradient
from gradc.tensor.node import Node

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

_NUMBERS = itertools.count()


class RemovableHandle:
    """Takes a hook away again, by `remove()` or at the end of a `with` block."""

    def __init__(self, table: dict[int, Any]) -> None:
        self.id = next(_NUMBERS)
        self._table = table

    def remove(self) -> None:
        """Take the hook away; nothing happens where it is gone already."""
        self._table.pop(self.id, None)
        epoch.bump()

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def register_hook(x: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Call `hook(gradient)` when the gradient of `x` is known; what it returns replaces it.

    Args:
        x: a tensor that requires grad.
        hook: gets the gradient, returns another or None.
    """
    of = resolve(x)
    edge = edge_of(of)
    if edge is None:
        raise GradientError("cannot register a hook on a tensor that doesn't require gradient")
    target, slot = edge
    if isinstance(target, Node):
        target.hooks = {} if target.hooks is None else target.hooks
        table = target.hooks.setdefault(slot, {})
    else:
        of._hooks = table = {} if of._hooks is None else of._hooks
    handle = RemovableHandle(table)
    table[handle.id] = hook
    epoch.bump()
    return handle


def register_post_accumulate_grad_hook(
    x: Tensor, hook: Callable[[Tensor], None]
) -> RemovableHandle:
    """Call `hook(x)` after a backward pass has added to `x.grad`; for leaves."""
    of = resolve(x)
    if edge_of(of) is None:
        raise GradientError("cannot register a hook on a tensor that doesn't require gradient")
    if not is_leaf(of):
        raise GradientError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    of._after = {} if of._after is None else of._after
    handle = RemovableHandle(of._after)
    of._after[handle.id] = hook
    epoch.bump()
    return handle


def retain_grad(x: Tensor) -> None:
    """Keep the gradient of a tensor that is no leaf in its `.grad`."""
    of = resolve(x)
    if edge_of(of) is None:
        raise GradientError("can't retain_grad on Tensor that has requires_grad=False")
    if is_leaf(of) or of._retains:
        return
    keep_gradient(of)
