"""Turn a module's own state into a tuple that differs when a compiled program must be renewed."""

# The files of this room share Module's tables.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from functools import lru_cache
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

from gradc.tensor import Tensor, epoch
from gradc.tensor.snapshot import loose, snapshot

if TYPE_CHECKING:
    from gradc.nn.module import Module

# Attributes that are compared entry by entry.
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


# What every module is made of: its code reads no attribute but those.
_BASES = ("module", "convert", "traversal")


def state_epoch() -> int:
    """Return a number that changes with every change of a module, parameter or hook.

    The same number twice means that all fingerprints are the same too, but for lists, dicts and
    the like that a layer holds (see `contents`); contents of tensors don't count.
    """
    return epoch.current()


def fingerprint(module: Module) -> tuple[object, ...]:
    """Return what a program compiled with `module` depends on, besides its tensors' contents."""
    attributes = _attributes(module)
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
    """Return the attributes that are, or hold, lists, dicts and the like, and what is in them."""
    return [(v, snapshot(v)) for v in _attributes(module).values() if loose(v)]


def own_names(kind: type) -> frozenset[str]:
    """Return the attributes of a module that these fingerprints look after.

    They are those that gradc's own layers name. What else the user's code reads of a module is
    looked after where that code is; what nobody reads may change.
    """
    return _own_names(kind) | _TABLES


def called_by_layers(module: Module) -> list[object]:
    """Return what gradc's own code calls of the user's: hooks, functions given to layers."""
    hooks = (*module._forward_pre_hooks.table.values(), *module._forward_hooks.table.values())
    return [*(h for h, _ in hooks), *filter(callable, _attributes(module).values())]


def _attributes(module: Module) -> dict[str, object]:
    """Return what gradc's own layers may read of a module, its tables aside."""
    names = _own_names(type(module))
    return {name: value for name, value in vars(module).items() if name in names}


@lru_cache(maxsize=1000)
def _own_names(kind: type) -> frozenset[str]:
    """Return the attributes that gradc's classes among the bases of a class name in their code."""
    names = {"training", "forward"}
    for base in kind.__mro__:
        path = base.__module__.split(".")
        if path[0] == "gradc" and path[-1] not in _BASES:
            for name, method in vars(base).items():
                names.add(name)
                if isinstance(method, FunctionType):
                    names.update(_named(method.__code__))
    return frozenset(names) - _TABLES


def _named(code: CodeType) -> set[str]:
    """Return the attributes and globals that a function and those inside it name."""
    inner = (_named(c) for c in code.co_consts if isinstance(c, CodeType))
    return set(code.co_names).union(*inner)


def _identity(tensor: Tensor | None) -> tuple[object, ...]:
    """Return which tensor on which memory it is, and whether it wants a gradient."""
    if tensor is None:
        return ()
    return (id(tensor), id(tensor._storage), tensor.dtype, tensor.shape, tensor.requires_grad)
