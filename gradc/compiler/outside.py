"""A function -> checks on what it and the functions that it calls read from around themselves.

Tracing runs the user's Python once: a number read from a global, a list or an object stays in the
program. So names must keep their values, and what they hold its contents.
"""

from __future__ import annotations

import inspect
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from dis import get_instructions
from types import (
    CellType,
    CodeType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, cast

from gradc.origin import PACKAGE
from gradc.tensor.tree import exact

Guard = Callable[[], bool]
FIXED = (ModuleType, type)
PLAIN = (bool, int, float, complex, str, bytes, type(None))
CONTAINERS = (list, tuple, dict, set, frozenset)
OTHERS = ("gradc", "builtins")
DEEP = 3  # objects held by objects that are looked into
MOST = 1000  # entries of a container that are compared; of a longer one, how many there are
LIBRARIES = (
    PACKAGE,
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)


@dataclass(frozen=True, slots=True)
class Reads:
    """What the text of a function names.

    Args:
        names: of globals.
        attributes: of any object.
    """

    names: tuple[str, ...]
    attributes: tuple[str, ...]


class Same:
    """Equal where it holds the same object, which it keeps alive."""

    __slots__ = ("held",)

    def __init__(self, held: object) -> None:
        self.held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.held is self.held

    def __hash__(self) -> int:
        return id(self.held)


def variable_guards(function: Any) -> list[Guard]:
    """Return checks that the function's variables hold what they hold now.

    Plain constants must stay equal; tensors, modules, functions and the like the same objects.
    """
    target = _plain_function(function)
    if target is None:
        return []
    return [check for check, value in _variables(target) if not isinstance(value, FIXED)]


def content_guards(function: Any) -> list[Guard]:
    """Return checks on what those variables lead to, as it is now.

    These are the entries of lists, dicts and sets, the plain attributes of objects, classes and
    modules that the function names, and all of this for the user's functions that it can call.
    Attributes and options of `nn.Module` and of optimizers have checks of their own.
    """
    target = _plain_function(function)
    waiting = [] if target is None else [(target, getattr(function, "__self__", None))]
    seen: set[tuple[int, int]] = set()
    guards: list[Guard] = []
    while waiting:
        code_of, owner = waiting.pop()
        if (id(code_of), id(owner)) in seen:
            continue
        first = not seen
        seen.add((id(code_of), id(owner)))
        attributes = _reads(code_of.__code__).attributes
        values = [] if owner is None else [owner]
        for check, value in _variables(code_of):
            values.append(value)
            if not first and not isinstance(value, FIXED):
                guards.append(check)
        for value in values:
            guards += _contents(value, attributes)
            waiting += _called(value, attributes)
    return guards


def _plain_function(function: Any) -> FunctionType | None:
    """Return the function that was written, past wrappers and methods."""
    target = inspect.unwrap(getattr(function, "__func__", function))
    return target if isinstance(target, FunctionType) else None


def _users(function: FunctionType) -> bool:
    """Return whether a function is the user's own, not a library's."""
    return not function.__code__.co_filename.startswith((*LIBRARIES, "<frozen"))


def _reads(code: CodeType) -> Reads:
    """Return what a function and those written inside it name."""
    names, attributes = dict[str, None](), dict[str, None]()
    for instruction in get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            names[instruction.argval] = None
        elif instruction.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            attributes[instruction.argval] = None
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner = _reads(constant)
            names |= dict.fromkeys(inner.names)
            attributes |= dict.fromkeys(inner.attributes)
    return Reads(tuple(names), tuple(attributes))


def _variables(function: FunctionType) -> Iterator[tuple[Guard, Any]]:
    """Yield a check and the value of each variable around a function."""
    for cell in function.__closure__ or ():
        value = _content(cell)
        yield CellGuard(cell, value), value
    space = function.__globals__
    for name in _reads(function.__code__).names:
        if name in space:
            yield GlobalGuard(space, name, space[name]), space[name]


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # bound later
        return cell


@dataclass(frozen=True, slots=True, eq=False)
class CellGuard:
    """Whether a variable of an enclosing function has the value that it had."""

    cell: CellType
    before: Any

    def __call__(self) -> bool:
        """Return whether it has."""
        return _equal(_content(self.cell), self.before)


@dataclass(frozen=True, slots=True, eq=False)
class GlobalGuard:
    """Whether a global variable has the value that it had."""

    space: dict[str, Any]
    name: str
    before: Any

    def __call__(self) -> bool:
        """Return whether it has."""
        return _equal(self.space.get(self.name), self.before)


def _equal(now: Any, before: Any) -> bool:
    """Return whether a value is the same."""
    return now is before or (_plain(before) and _entries(now) == _entries(before))


def _plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_plain(v) for v in cast("tuple[Any, ...]", value))
    return isinstance(value, PLAIN)


def _contents(value: Any, attributes: Sequence[str], deep: int = DEEP) -> list[Guard]:
    """Return checks on the inside of a value, and of the objects that its attributes hold."""
    if isinstance(value, PLAIN):
        return []
    if isinstance(value, CONTAINERS):
        before = _entries(value)
        return [lambda: _entries(value) == before]
    found = dict(_fields(value, attributes))
    if not found:
        return []
    before = {name: _entries(v) for name, v in found.items()}
    guards: list[Guard] = [
        lambda: {n: _entries(v) for n, v in _fields(value, tuple(before))} == before
    ]
    for held in found.values() if deep else ():
        if not isinstance(held, (*PLAIN, *CONTAINERS, FunctionType)):
            guards += _contents(held, attributes, deep - 1)
    return guards


def _fields(value: Any, attributes: Sequence[str]) -> list[tuple[str, Any]]:
    """Return the attributes of an object that are there without running the user's code."""
    if isinstance(value, ModuleType):
        tables: list[Mapping[str, Any]] = [vars(value)] if _own_module(value) else []
    else:
        kind: type = value if isinstance(value, type) else type(value)
        own = [k for k in kind.__mro__ if k.__module__.partition(".")[0] not in OTHERS]
        tables = [vars(k) for k in own]
        if own and not isinstance(value, type):
            tables.insert(0, getattr(value, "__dict__", {}))
    found: dict[str, Any] = {}
    for name in attributes:
        for table in tables:
            if name in table:
                found[name] = table[name]
                if isinstance(table[name], MemberDescriptorType):  # of __slots__
                    found[name] = getattr(value, name, None)
                break
    return list(found.items())


def _own_module(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and not file.startswith(LIBRARIES)


def _called(value: Any, attributes: Sequence[str]) -> Iterator[tuple[FunctionType, Any]]:
    """Yield the user's functions that a value is or has, each with the object it is bound to."""
    candidates = [(value, None)]
    if not isinstance(value, (*PLAIN, *CONTAINERS)):
        owner = None if isinstance(value, type | ModuleType) else value
        candidates += [(v, owner) for _, v in _fields(value, attributes)]
    for candidate, owner in candidates:
        if isinstance(candidate, property):
            candidate = candidate.fget
        if isinstance(candidate, MethodType):
            owner = candidate.__self__
        if isinstance(candidate, FunctionType | MethodType) or hasattr(candidate, "__wrapped__"):
            function = _plain_function(candidate)
            if function is not None and _users(function):
                yield function, owner


def _entries(value: Any, room: int = MOST) -> object:
    """Return plain data by value and type, containers by their entries, others by identity."""
    if isinstance(value, PLAIN):
        return type(value), exact(value)
    if not isinstance(value, CONTAINERS):
        return Same(value)
    held = cast("Sequence[Any]", value)
    if len(held) > room:
        return Same(held), len(held)
    if isinstance(value, Mapping):
        table = cast("Mapping[Any, Any]", value)
        pairs = ((_entries(k), _entries(v, room // 8)) for k, v in table.items())
        return type(table), tuple(pairs)
    kind: type = type(held)
    if isinstance(value, Set):
        return kind, frozenset(map(_entries, held))
    return kind, tuple(_entries(v, room // 8) for v in held)
