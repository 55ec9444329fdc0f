"""Turn a module's own state into a tuple that differs when a compiled program must be renewed."""

# The files of this room share Module's tables.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from gradc.tensor import Tensor, epoch
from gradc.tensor.snapshot import changes, snapshot

if TYPE_CHECKING:
    from gradc.nn.module import Module

# Attributes that are compared entry by entry instead.
_TABLES = frozenset(
    {
        "_parameters",
        "_buffers",
        "_modules",
        "_forward_hooks",
        "_forward_pre_hooks",
        "_non_persistent_buffers_set",
    }
)


def state_epoch() -> int:
    """Return a number that changes with every change of a module, parameter or hook.

    The same number twice means that all fingerprints are the same too, but for lists, dicts and
    the like that a module holds (see `contents`); contents of tensors don't count.
    """
    return epoch.current()


def fingerprint(module: Module) -> tuple[object, ...]:
    """Return what a program compiled with `module` depends on, besides its tensors' contents."""
    attributes = {k: v for k, v in vars(module).items() if k not in _TABLES}
    return (
        type(module),
        tuple((name, snapshot(value)) for name, value in attributes.items()),
        tuple((name, *_identity(p)) for name, p in module._parameters.items()),
        tuple((name, *_identity(b)) for name, b in module._buffers.items()),
        tuple((name, id(m)) for name, m in module._modules.items()),
        tuple(module._forward_pre_hooks.table),
        tuple(module._forward_hooks.table),
    )


def contents(module: Module) -> list[tuple[object, object]]:
    """Return the lists, dicts and the like among a module's attributes, and what each holds now."""
    values = (v for k, v in vars(module).items() if k not in _TABLES)
    return [(v, snapshot(v)) for v in cast("Iterable[object]", values) if changes(v)]


def _identity(tensor: Tensor | None) -> tuple[object, ...]:
    """Return which tensor on which memory it is, and whether it wants a gradient."""
    if tensor is None:
        return ()
    return (id(tensor), id(tensor._storage), tensor.dtype, tensor.shape, tensor.requires_grad)
