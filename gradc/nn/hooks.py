"""Forward hooks: functions that run before or after a module's forward."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, cast

from gradc.tensor import epoch

_NUMBERS = itertools.count()

Hook = Callable[..., Any]


class Hooks:
    """An ordered table of hooks, each with whether it wants the keyword arguments too."""

    def __init__(self) -> None:
        self.table: dict[int, tuple[Hook, bool]] = {}

    def add(self, hook: Hook, prepend: bool, with_kwargs: bool) -> RemovableHandle:
        """Add a hook, first or last; return the handle that takes it away."""
        handle = RemovableHandle(self)
        entry = {handle.id: (hook, with_kwargs)}
        self.table = entry | self.table if prepend else self.table | entry
        epoch.bump()
        return handle

    def __bool__(self) -> bool:
        return bool(self.table)


class RemovableHandle:
    """Takes a hook away again, by `remove()` or at the end of a `with` block."""

    def __init__(self, hooks: Hooks) -> None:
        self.id = next(_NUMBERS)
        self._hooks = hooks

    def remove(self) -> None:
        """Take the hook away; nothing happens where it is gone already."""
        self._hooks.table = {k: v for k, v in self._hooks.table.items() if k != self.id}
        epoch.bump()

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def run_before(
    hooks: Hooks, module: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments as the pre-forward hooks leave them."""
    for hook, with_kwargs in tuple(hooks.table.values()):
        if with_kwargs:
            changed = hook(module, args, kwargs)
            if changed is not None:
                args, kwargs = changed
        else:
            changed = hook(module, args)
            if changed is not None:
                args = cast("tuple[Any, ...]", changed if type(changed) is tuple else (changed,))
    return args, kwargs


def run_after(
    hooks: Hooks, module: object, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
) -> Any:
    """Return the output as the forward hooks leave it."""
    for hook, with_kwargs in tuple(hooks.table.values()):
        changed = hook(module, args, kwargs, output) if with_kwargs else hook(module, args, output)
        if changed is not None:
            output = changed
    return output
