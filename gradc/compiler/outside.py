"""A function -> checks on what it and the functions that it calls read from around themselves.

Tracing runs the user's Python once: a number read from a global, a list or an object stays in the
program. So names must keep their values, and what they hold its contents.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import CellType, FunctionType, ModuleType
from typing import Any, cast

import numpy as np

from gradc.compiler.reach import Met, attributes, own_classes, reach, table_of
from gradc.compiler.reads import MISSING, content, plain_function, users, variables
from gradc.tensor.snapshot import CONTAINERS, PLAIN, array_snapshot, changes, snapshot

Guard = Callable[[], bool]
FIXED = (ModuleType, type)


def variable_guards(function: Any) -> list[Guard]:
    """Return checks that the function's variables hold what they hold now.

    Plain constants must stay equal; tensors, modules, functions and the like the same objects.
    """
    target = plain_function(function)
    return [] if target is None else list(_variable_guards(target))


def content_guards(
    function: Any, others: Iterable[Any] = (), watched: Iterable[Any] = ()
) -> list[Guard]:
    """Return checks on what those variables lead to, as it is now.

    These are the entries of lists, dicts and sets, the numbers of small arrays, the attributes
    of objects, classes and modules that the function names, and all of this for the user's
    functions that it can call.

    Args:
        function: the user's; a method, a module, a partial or another callable object.
        others: arguments and modules that were called; objects inside are looked into.
        watched: objects and arrays that have checks of their own; what they hold is looked into.
    """
    found = reach(function, others)
    own = {id(value) for value in watched}
    first = plain_function(function)
    guards: list[Guard] = []
    for called in found.functions:
        if called is not first:
            guards += _variable_guards(called)
    for met in found.objects:
        if id(met.value) not in own:
            guards += _guards(met)
    return guards


def _variable_guards(function: FunctionType) -> Iterator[Guard]:
    space = function.__globals__
    for name, value, cell in variables(function):
        if not name or isinstance(value, FIXED):
            continue
        if cell is not None:
            yield CellGuard(cell, value)
        elif value is MISSING:
            yield AbsentGuard(space, name)
        else:
            yield GlobalGuard(space, name, value)


@dataclass(frozen=True, slots=True, eq=False)
class CellGuard:
    """Whether a variable of an enclosing function has the value that it had."""

    cell: CellType
    before: Any

    def __call__(self) -> bool:
        """Return whether it has."""
        return _equal(content(self.cell), self.before)


@dataclass(frozen=True, slots=True, eq=False)
class GlobalGuard:
    """Whether a global variable has the value that it had."""

    space: dict[str, Any]
    name: str
    before: Any

    def __call__(self) -> bool:
        """Return whether it has."""
        return _equal(self.space.get(self.name), self.before)


@dataclass(frozen=True, slots=True, eq=False)
class AbsentGuard:
    """Whether there is still no global variable of a name."""

    space: dict[str, Any]
    name: str

    def __call__(self) -> bool:
        """Return whether there is none."""
        return self.name not in self.space


@dataclass(frozen=True, slots=True, eq=False)
class ContentGuard:
    """Whether a container has the entries that it had."""

    held: Any
    before: object

    def __call__(self) -> bool:
        """Return whether it has."""
        return snapshot(self.held) == self.before


@dataclass(frozen=True, slots=True, eq=False)
class ArrayGuard:
    """Whether an array has the numbers that it had."""

    held: np.ndarray[Any, Any]
    before: object

    def __call__(self) -> bool:
        """Return whether it has."""
        return array_snapshot(self.held) == self.before


class TableGuard:
    """Whether the attributes of an object, class or module are what they were.

    Args:
        table: where they are.
        before: their values.
        absent: names that it hadn't.
    """

    __slots__ = ("absent", "exact", "loose", "table")

    def __init__(
        self, table: Mapping[str, Any], before: Mapping[str, Any], absent: Iterable[str]
    ) -> None:
        self.table, self.absent = table, frozenset(absent)
        loose = {n for n, v in before.items() if isinstance(v, CONTAINERS)}
        self.exact = [(n, v) for n, v in before.items() if n not in loose]
        self.loose = [(n, snapshot(before[n])) for n in sorted(loose)]

    def __call__(self) -> bool:
        """Return whether they are."""
        table = self.table
        for name, value in self.exact:
            now = table.get(name, MISSING)
            if now is not value and not _equal(now, value):
                return False
        for name, taken in self.loose:
            if snapshot(table.get(name, MISSING)) != taken:
                return False
        return self.absent.isdisjoint(table)


@dataclass(frozen=True, slots=True, eq=False)
class SlotGuard:
    """Whether an attribute in a slot is what it was."""

    held: Any
    name: str
    before: object

    def __call__(self) -> bool:
        """Return whether it is."""
        return snapshot(getattr(self.held, self.name, MISSING)) == self.before


def _guards(met: Met) -> Iterator[Guard]:
    """Yield the checks on the inside of an object; checks on containers look into those inside."""
    value, names = met.value, met.names
    if isinstance(value, np.ndarray):
        array = cast("np.ndarray[Any, Any]", value)
        yield ArrayGuard(array, array_snapshot(array))
        return
    if isinstance(value, CONTAINERS):
        if not met.held and changes(met.value):
            yield ContentGuard(met.value, snapshot(met.value))
        return
    table, found = table_of(value), attributes(value, names)
    before = {name: v for name, v in found.items() if name in table and not _library(v)}
    absent = [] if isinstance(value, ModuleType) else [n for n in names if n not in found]
    if isinstance(value, type):  # a name that a base has, which the class itself could get
        absent = [n for n in absent if any(n in vars(base) for base in own_classes(value))]
    if before or absent:
        yield TableGuard(table, before, absent)
    for name in [n for n in found if n not in table]:
        yield SlotGuard(value, name, snapshot(found[name]))


def _library(value: Any) -> bool:
    """Return whether an entry of a class is a function of a library, which nobody replaces."""
    return inspect.isroutine(value) and not (isinstance(value, FunctionType) and users(value))


def _equal(now: Any, before: Any) -> bool:
    """Return whether a value is the same."""
    return now is before or (_plain(before) and snapshot(now) == snapshot(before))


def _plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_plain(v) for v in cast("tuple[Any, ...]", value))
    return isinstance(value, (*PLAIN, np.generic))
