"""A function -> the user's functions that it can call, and the objects that these can read."""

# The walk reads the table of a module's children.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any, cast

from gradc.compiler.reads import COUNTING, LIBRARIES, MISSING, reads, users, variables
from gradc.nn.guard import called_by_layers, own_names
from gradc.nn.module import Module
from gradc.tensor.snapshot import CONTAINERS, MOST, PLAIN
from gradc.tensor.tensor import Tensor

DEEP = 4  # objects held by objects that are looked into
OTHERS = ("gradc", "builtins")
UNCALLED = ("__init__", "__new__", "__post_init__", "__repr__", "__str__", "__init_subclass__")


@dataclass(frozen=True, slots=True)
class Met:
    """An object met on a walk.

    Args:
        value: itself.
        names: attributes of it that may be read.
        held: whether an object or a container with a check of its own holds it.
    """

    value: Any
    names: tuple[str, ...]
    held: bool


@dataclass(slots=True)
class Reach:
    """What can be reached, in order.

    Args:
        functions: the user's.
        objects: their variables, and what these lead to.
        used: names of attributes that do more than count.
    """

    functions: list[FunctionType] = field(default_factory=list[FunctionType])
    objects: list[Met] = field(default_factory=list[Met])
    used: set[str] = field(default_factory=set[str])


def reach(function: Any, others: Iterable[Any]) -> Reach:
    """Return what can be reached from a callable, and from objects that others look after.

    A function read late can name an attribute of an object met early, and an object can go by
    several names: the walk is repeated until neither is new.
    """
    walk = _Walk([(function, DEEP, "", False), *((v, DEEP, "", True) for v in others)])
    while not walk.settled:
        walk.go()
    return walk.found


class _Walk:
    """Visits everything once, nearest first, so that each has the most depth left."""

    def __init__(self, roots: list[tuple[Any, int, str, bool]]) -> None:
        self.roots = roots
        self.read: dict[str, dict[str, None]] = {"": {"forward": None}}  # names by their holder's
        self.called: dict[int, set[str]] = {}  # what objects are called
        self.settled = self.advances = self.by_name = False
        self.counters: set[str] = set()
        self.found = Reach()

    def go(self) -> None:
        """Visit what the names known so far lead to."""
        self.settled, self.found = True, Reach()
        seen: set[int] = set()
        waiting = deque(self.roots)
        while waiting:
            value, deep, name, held = waiting.popleft()
            if isinstance(value, (*PLAIN, Tensor)):
                continue
            known = self.called.setdefault(id(value), set())
            if name not in known:
                known.add(name)
                self.settled = False
            if id(value) in seen:
                continue
            seen.add(id(value))
            if isinstance(value, FunctionType):
                waiting.extend((v, DEEP, n, False) for n, v in self._function(value))
                continue
            around = _wrapped(value)
            if around is not None:
                waiting.extend((v, deep, name, held) for v in around)
                continue
            names = self._names(value)
            self.found.objects.append(Met(value, names, held))
            inside = isinstance(value, CONTAINERS)
            if deep:
                left = deep - (not inside)
                shown = held or not isinstance(value, tuple | frozenset)  # by its own snapshot
                inner = _held(value, names, self.advances)
                waiting.extend((v, left, n, shown) for n, v in inner)
            if not inside and not isinstance(value, ModuleType):
                kinds = own_classes(value)
                waiting.extend((k, deep, n, False) for k in kinds for n in known)

    def _function(self, function: FunctionType) -> Iterator[tuple[str, Any]]:
        """Yield what a function refers to, and what it goes by."""
        if users(function):
            self.found.functions.append(function)
            read = reads(function.__code__)
            if (read.advances and not self.advances) or (read.by_name and not self.by_name):
                self.settled = False
            self.advances |= read.advances
            self.by_name |= read.by_name
            self.counters |= read.counters
            for holder, name in read.attributes:
                if name not in read.counters:
                    self.found.used.add(name)
                names = self.read.setdefault(holder, {})
                if name not in names:
                    names[name] = None
                    self.settled = False
            for name, value, _ in variables(function):
                if name not in read.counters or not isinstance(value, COUNTING):
                    yield name, value
        yield "", getattr(function, "__wrapped__", None)

    def _names(self, value: Any) -> tuple[str, ...]:
        """Return the attributes of an object that may be read, by what it is called."""
        found: dict[str, None] = {}
        for name in sorted({"", *self.called[id(value)]}):
            found |= self.read.get(name, {})
        if self.by_name:  # any attribute and method of a module may be meant
            every = _all_names(value)
            self.found.used.update(name for name in every if name not in self.counters)
            found |= dict.fromkeys(every)
        return tuple(found)


def _all_names(value: Any) -> list[str]:
    """Return all attributes of a module, or all methods of a class of modules."""
    if isinstance(value, Module):
        known = own_names(type(value))
        return [name for name in vars(value) if name not in known]
    if not isinstance(value, type) or not issubclass(value, Module):
        return []
    methods = (name for name, v in vars(value).items() if isinstance(v, FunctionType))
    return [name for name in methods if name not in UNCALLED]


def _wrapped(value: Any) -> tuple[Any, ...] | None:
    """Return what a callable stands for, None where it is something else."""
    match value:
        case MethodType():
            return value.__func__, value.__self__
        case staticmethod() | classmethod():
            return (cast("Any", value).__func__,)
        case property():
            return (value.fget,)
        case functools.cached_property():
            return (value.func,)
        case functools.partial():
            return value.func, value.args, value.keywords
        case _:
            inner = _dict(value).get("__wrapped__")
            return None if inner is None or isinstance(value, type) else (inner,)


def _held(value: Any, names: tuple[str, ...], advances: bool) -> Iterator[tuple[str, Any]]:
    """Yield what an object leads to and what it goes by: entries, attributes, children, methods.

    Args:
        value: the object.
        names: attributes that may be read.
        advances: whether iterators may be asked for their next entries.
    """
    if isinstance(value, CONTAINERS):
        if isinstance(value, Mapping):
            value = tuple(cast("Mapping[Any, Any]", value).values())
        entries = cast("Sequence[Any]", value)
        yield from (("", v) for v in entries) if len(entries) <= MOST else ()
        return
    if isinstance(value, Module):
        yield from value._modules.items()
        yield from (("", v) for v in called_by_layers(value))
    yield from attributes(value, names).items()
    if isinstance(value, type):
        methods = _operators(value)
        yield from (("", m) for m in methods if advances or m.__name__ != "__next__")


def own_classes(value: Any) -> list[type]:
    """Return the classes of an object, or a class and its bases, without gradc's and Python's."""
    kind: type = value if isinstance(value, type) else type(value)
    found = [k for k in kind.__mro__ if k.__module__.partition(".")[0] not in OTHERS]
    made_by = type(kind)  # a class reads what its metaclass has
    return found if made_by is type or kind is not value else [*found, *own_classes(made_by)]


def _operators(kind: type) -> Iterator[FunctionType]:
    """Yield the user's methods that are called without their names: `obj(x)`, `obj + x`."""
    for name, method in vars(kind).items():
        if name.startswith("__") and name not in UNCALLED and isinstance(method, FunctionType):
            if method.__code__.co_filename != "<string>":  # a dataclass compares all its fields
                yield method


def attributes(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Return what an object, class or module itself holds under some names.

    None of the user's code runs; what its class holds is the class's own.
    """
    table = table_of(value)
    found = {name: table[name] for name in names if name in table}
    if not isinstance(value, type | ModuleType):
        for name in _slots(value).intersection(names):
            found[name] = getattr(value, name, MISSING)
    return found


def table_of(value: Any) -> Mapping[str, Any]:
    """Return where the attributes of an object are, empty for what isn't the user's."""
    if isinstance(value, ModuleType):
        file = getattr(value, "__file__", None)
        return vars(value) if isinstance(file, str) and not file.startswith(LIBRARIES) else {}
    if isinstance(value, type):
        return vars(value)
    return _dict(value) if isinstance(value, Module) or own_classes(value) else {}


def _dict(value: Any) -> Mapping[str, Any]:
    """Return an object's own table; a `__getattr__` of the user's doesn't run."""
    try:
        return object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}


def _slots(value: Any) -> set[str]:
    tables = map(vars, own_classes(value))
    return {n for t in tables for n, v in t.items() if isinstance(v, MemberDescriptorType)}
