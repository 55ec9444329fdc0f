"""What a trace took for granted -> checks that it still holds at a later call."""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dis import get_instructions
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any, cast

from gradc.tensor import epoch
from gradc.tensor.edges import edge_of
from gradc.tensor.tensor import Tensor
from gradc.tensor.trace import Trace

Guard = Callable[[], bool]
FIXED = (ModuleType, type)
PLAIN = (bool, int, float, complex, str, bytes, type(None))


def moving(trace: Trace) -> list[Tensor]:
    """Return the tensors whose `.grad` the program updates where it lies at each call."""
    return [t for t in trace.grad_reads if updatable(t._grad)]


def grad_guards(trace: Trace, arguments: set[Tensor]) -> list[Guard]:
    """Return checks that `.grad` is there, or not, as when the program read it.

    Another tensor than then will do where it has contiguous memory of its own. Arguments differ
    from call to call: they are checked there.
    """

    def check(owner: Tensor) -> Guard:
        before = owner._grad
        if updatable(before):
            return lambda: updatable(owner._grad)
        return lambda: owner._grad is before

    return [check(t) for t in trace.grad_reads if t not in arguments]


def updatable(gradient: Tensor | None) -> bool:
    """Return whether a program can update a gradient where it lies."""
    if gradient is None or gradient._path:
        return False
    flags = gradient._storage.content.flags
    return flags.c_contiguous and flags.writeable


def tensor_guards(trace: Trace, arguments: set[Tensor]) -> list[Guard]:
    """Return checks that captured tensors are as before.

    They must lie in the same memory, want gradients or not, and have the same hooks.
    """

    def check(tensor: Tensor) -> Guard:
        storage, content = tensor._storage, tensor._storage.content
        wants, hooks = edge_of(tensor) is not None, hooks_of(tensor)
        return lambda: (
            tensor._storage is storage
            and storage.content is content
            and (edge_of(tensor) is not None) == wants
            and hooks_of(tensor) == hooks
        )

    grads = {t._grad for t in trace.grad_reads if t._grad is not None}
    tensors = [t for t in trace.captured() if t not in arguments and t not in grads]
    return [check(t) for t in tensors]


NO_HOOKS: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())


def hooks_of(tensor: Tensor) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the numbers of the hooks on a leaf."""
    return tuple(tensor._hooks or ()), tuple(tensor._after or ())


def steady(checks: list[Guard]) -> list[Guard]:
    """Return checks on tensors as one, cheap while no tensor anywhere has changed its place."""
    seen = -1

    def unchanged() -> bool:
        nonlocal seen
        now = epoch.current()
        if now != seen:
            if not all(check() for check in checks):
                return False
            seen = now
        return True

    return [unchanged] if checks else []


def constant_guards(function: Callable[..., Any]) -> list[Guard]:
    """Return checks on what a function reads from around itself.

    Plain constants must stay equal; tensors, modules, functions and the like the same objects.
    """
    target = getattr(function, "__func__", function)
    target = inspect.unwrap(target)
    if not isinstance(target, FunctionType):
        return []
    guards: list[Guard] = []
    for cell in target.__closure__ or ():
        if not isinstance(_content(cell), FIXED):
            guards.append(_same(cell, _content(cell)))
    space = target.__globals__
    for name in dict.fromkeys(_names(target.__code__)):
        if name in space and not isinstance(space[name], FIXED):
            guards.append(_still(space, name, space[name]))
    return guards


def _names(code: CodeType) -> Iterator[str]:
    """Yield the global names that a function and those inside it may read."""
    for instruction in get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # bound later
        return cell


def _plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_plain(v) for v in cast("tuple[Any, ...]", value))
    return isinstance(value, PLAIN)


def _same(cell: CellType, before: Any) -> Guard:
    return lambda: _equal(_content(cell), before)


def _still(space: dict[str, Any], name: str, before: Any) -> Guard:
    return lambda: _equal(space.get(name), before)


def _equal(now: Any, before: Any) -> bool:
    """Return whether a constant is the same; a NaN is by being the same object."""
    return now is before or (_plain(before) and type(now) is type(before) and now == before)
