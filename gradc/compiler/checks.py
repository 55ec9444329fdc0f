"""A variable, a container or the attributes of an object -> a check that they are as before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import CellType, FunctionType
from typing import Any, cast

import numpy as np

from gradc.compiler.reads import MISSING, content
from gradc.tensor.snapshot import CONTAINERS, PLAIN, array_snapshot, snapshot

Guard = Callable[[], bool]


@dataclass(frozen=True, slots=True, eq=False)
class CellGuard:
    """Whether a variable of an enclosing function has the value that it had."""

    cell: CellType
    name: str
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


class CodeGuard:
    """Whether a function has the code and the default arguments that it had.

    Tools that load edited files again put the new code into the old functions.
    """

    __slots__ = ("code", "defaults", "function", "keywords")

    def __init__(self, function: FunctionType) -> None:
        self.function, self.code = function, function.__code__
        self.defaults, self.keywords = function.__defaults__, function.__kwdefaults__

    @property
    def name(self) -> str:
        """Return what it is, for messages."""
        return f"the code of {self.function.__qualname__}"

    def __call__(self) -> bool:
        """Return whether it has."""
        function = self.function
        return (
            function.__code__ is self.code
            and function.__defaults__ is self.defaults
            and function.__kwdefaults__ is self.keywords
        )


@dataclass(frozen=True, slots=True, eq=False)
class ContentGuard:
    """Whether a container has the entries that it had."""

    held: Any
    before: object

    @property
    def name(self) -> str:
        """Return what it is, for messages."""
        return f"the entries of a {type(self.held).__name__}"

    def __call__(self) -> bool:
        """Return whether it has."""
        return snapshot(self.held) == self.before


@dataclass(frozen=True, slots=True, eq=False)
class ArrayGuard:
    """Whether an array has the numbers that it had."""

    held: np.ndarray[Any, Any]
    before: object

    @property
    def name(self) -> str:
        """Return what it is, for messages."""
        return "the numbers of a NumPy array"

    def __call__(self) -> bool:
        """Return whether it has."""
        return array_snapshot(self.held) == self.before


class TableGuard:
    """Whether the attributes of an object, class or module are what they were.

    Args:
        of: the object's name, for messages.
        table: where they are.
        before: their values.
        absent: names that it hadn't.
    """

    __slots__ = ("absent", "exact", "loose", "of", "table")

    def __init__(
        self, of: str, table: Mapping[str, Any], before: Mapping[str, Any], absent: Iterable[str]
    ) -> None:
        self.of, self.table, self.absent = of, table, frozenset(absent)
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

    @property
    def name(self) -> str:
        """Return the first attribute that is another one now, for messages."""
        table = self.table
        changed = [n for n, value in self.exact if not _equal(table.get(n, MISSING), value)]
        changed += [n for n, taken in self.loose if snapshot(table.get(n, MISSING)) != taken]
        changed += [n for n in sorted(self.absent) if n in table]
        return f"{self.of}.{changed[0]}" if changed else self.of

    def rewritten(self) -> list[str]:
        """Return the attributes that were plain data and are other plain data now."""
        table = self.table
        return [
            f"{self.of}.{name}"
            for name, value in self.exact
            if isinstance(value, PLAIN)
            and isinstance(table.get(name, MISSING), PLAIN)
            and not _equal(table[name], value)
        ]


class ModuleGuard(TableGuard):
    """The same for a module's own attributes, of which `epoch` counts every change."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class SlotGuard:
    """Whether an attribute in a slot is what it was."""

    held: Any
    attribute: str
    before: object

    @property
    def name(self) -> str:
        """Return what it is, for messages."""
        return f"{type(self.held).__name__}.{self.attribute}"

    def __call__(self) -> bool:
        """Return whether it is."""
        return snapshot(getattr(self.held, self.attribute, MISSING)) == self.before


# Asked when the count of changes has moved; replaced code is not counted, and noticed then.
RARE = (CodeGuard, ModuleGuard)


def name_of(guard: Guard) -> str:
    """Return what a guard looks at, for messages; "" where it can't tell."""
    return cast("Any", getattr(guard, "name", ""))


def rewritten(guard: Guard) -> list[str]:
    """Return the names of what a trace has rewritten that it depends on.

    A variable counts as soon as it differs, an attribute where it is plain data: a list may take
    notes, and an object may keep results, while a function is traced.
    """
    if isinstance(guard, TableGuard):
        return guard.rewritten()
    if isinstance(guard, CellGuard | GlobalGuard | AbsentGuard) and not guard():
        return [guard.name]
    return []


def _equal(now: Any, before: Any) -> bool:
    """Return whether a value is the same."""
    return now is before or (_plain(before) and snapshot(now) == snapshot(before))


def _plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_plain(v) for v in cast("tuple[Any, ...]", value))
    return isinstance(value, (*PLAIN, np.generic))
