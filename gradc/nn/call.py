"""While tracing: a module call -> the scope of its equations, and a guard on the module."""

# pyright: reportPrivateUsage=false  # the files of this room share Module's tables

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from gradc.tensor import epoch
from gradc.tensor.trace import Trace

if TYPE_CHECKING:
    from gradc.nn.module import Module

_TOUCHED: WeakKeyDictionary[Trace, dict[Module, str]] = WeakKeyDictionary()


def touched_modules(trace: Trace) -> dict[Module, str]:
    """Return the modules called during a trace, with their dotted names, in order of first call.

    The module called outermost has the name ""; modules below it have their names in it.
    """
    return _TOUCHED.setdefault(trace, {})


def traced_call(
    module: Module,
    trace: Trace,
    call: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Call a module inside its scope, guarded by its fingerprint as it was before."""
    touched = touched_modules(trace)
    if module not in touched:
        # A child's name comes from the outermost module that holds it, so that `layers.0` keeps
        # its whole path where a container in between is not called itself.
        for name, part in module.named_modules():
            if part not in touched:
                touched[part] = name
                trace.guards.append(_guard(part))
    name = _below(trace.scope, touched[module])
    if not name:
        return call(*args, **kwargs)
    with trace.in_scope(name):
        return call(*args, **kwargs)


def _below(scope: list[str], name: str) -> str:
    """Return the part of a dotted name that the running scope does not say already."""
    around = ".".join(scope) + "."
    return name.removeprefix(around)


def _guard(module: Module) -> Callable[[], bool]:
    """Return a function that tells whether the module is still as it is now."""
    taken = module._fingerprint()
    seen = epoch.current()

    def holds() -> bool:
        nonlocal seen
        now = epoch.current()
        if now == seen:
            return True
        if module._fingerprint() != taken:
            return False
        seen = now
        return True

    return holds
