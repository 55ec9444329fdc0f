"""While tracing: a module call -> the scope of its equations, and a guard on the module."""

# The files of this room share Module's tables.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from gradc.nn.guard import contents
from gradc.tensor import epoch
from gradc.tensor.snapshot import snapshot
from gradc.tensor.state import active_trace
from gradc.tensor.trace import Trace

if TYPE_CHECKING:
    from gradc.nn.module import Module


class Touched:
    """The modules called during one trace, and what they were like.

    Attributes:
        names: dotted name of each, in order of first call.
        prints: fingerprint of each, taken before it was called.
        loose: lists and dicts that they hold, which change without notice, with their contents.
    """

    def __init__(self) -> None:
        self.names: dict[Module, str] = {}
        self.prints: dict[Module, tuple[object, ...]] = {}
        self.loose: list[tuple[object, object]] = []
        self.seen = epoch.current()

    def add(self, root: Module) -> None:
        """Add a module and all below it.

        A child's name comes from the outermost module that holds it, so that `layers.0` keeps its
        whole path where a container in between is not called itself.
        """
        for name, module in root.named_modules():
            if module not in self.names:
                self.names[module] = name
                self.prints[module] = module._fingerprint()
                self.loose += contents(module)

    def unchanged(self) -> bool:
        """Return whether all modules are still as they were; cheap where nothing was changed."""
        now = epoch.current()
        if now == self.seen:
            return True
        if any(module._fingerprint() != taken for module, taken in self.prints.items()):
            return False
        self.seen = now
        return True

    def holds(self) -> bool:
        """Return whether their lists and dicts still hold what they held."""
        return all(snapshot(held) == taken for held, taken in self.loose)


_TOUCHED: WeakKeyDictionary[Trace, Touched] = WeakKeyDictionary()


def touched_modules(trace: Trace) -> dict[Module, str]:
    """Return the modules called during a trace, with their dotted names, in order of first call.

    The module called outermost has the name ""; modules below it have their names in it.
    """
    touched = _TOUCHED.get(trace)
    return {} if touched is None else touched.names


def traced_call(
    module: Module,
    trace: Trace,
    call: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Call a module inside its scope, guarded by its fingerprint as it was before."""
    touched = _touch(trace, module)
    name = _below(trace.scope, touched.names[module])
    if not name:
        return call(*args, **kwargs)
    with trace.in_scope(name):
        return call(*args, **kwargs)


def touch(module: Module) -> None:
    """Guard a module by its fingerprint as it is now, where a trace is running."""
    trace = active_trace()
    if trace is not None:
        _touch(trace, module)


def _touch(trace: Trace, module: Module) -> Touched:
    """Return the record of a trace, with a module in it."""
    touched = _TOUCHED.get(trace)
    if touched is None:
        touched = _TOUCHED[trace] = Touched()
        trace.steady.append(touched.unchanged)
    if module not in touched.names:
        loose = bool(touched.loose)
        touched.add(module)
        if touched.loose and not loose:
            trace.guards.append(touched.holds)
    return touched


def _below(scope: list[str], name: str) -> str:
    """Return the part of a dotted name that the running scope does not say already."""
    around = ".".join(scope) + "."
    return name.removeprefix(around)
