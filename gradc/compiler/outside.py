"""A function -> checks on what it and the functions that it calls read from around themselves.

Tracing runs the user's Python once: a number read from a global, a list or an object stays in the
program. So names must keep their values, and what they hold its contents.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any, cast

import numpy as np

from gradc.compiler.checks import (
    AbsentGuard,
    ArrayGuard,
    CellGuard,
    CodeGuard,
    ContentGuard,
    GlobalGuard,
    Guard,
    ModuleGuard,
    SlotGuard,
    TableGuard,
)
from gradc.compiler.reach import Met, attributes, own_classes, reach, table_of
from gradc.compiler.reads import COUNTING, MISSING, plain_function, reads, users, variables
from gradc.nn.guard import own_names
from gradc.nn.module import Module
from gradc.tensor.snapshot import CONTAINERS, array_snapshot, changes, loose, snapshot

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
    of objects, classes and modules that the function names, its code, and all of this for the
    user's functions that it can call.

    Args:
        function: the user's; a method, a module, a partial or another callable object.
        others: arguments and modules that were called; objects inside are looked into.
        watched: objects and arrays that have checks of their own; what they hold is looked into.
    """
    found = reach(function, others)
    fixed = {id(value) for value in watched}
    first = plain_function(function)
    guards: list[Guard] = []
    for called in found.functions:
        guards.append(CodeGuard(called))
        if called is not first:
            guards += _variable_guards(called)
    for met in found.objects:
        watched_too = id(met.value) in fixed
        if isinstance(met.value, Module) or not watched_too:
            guards += _guards(met, found.used, watched_too)
    return guards


def _variable_guards(function: FunctionType) -> Iterator[Guard]:
    space, counters = function.__globals__, reads(function.__code__).counters
    for name, value, cell in variables(function):
        if not name or isinstance(value, FIXED):
            continue
        if name in counters and isinstance(value, COUNTING):
            continue
        if cell is not None:
            yield CellGuard(cell, name, value)
        elif value is MISSING:
            yield AbsentGuard(space, name)
        else:
            yield GlobalGuard(space, name, value)


def _guards(met: Met, used: set[str], watched: bool) -> Iterator[Guard]:
    """Yield the checks on the inside of an object; checks on containers look into those inside.

    Args:
        met: the object.
        used: names of attributes that do more than count.
        watched: whether what gradc's own code reads of it has checks already.
    """
    value, names = met.value, met.names
    if isinstance(value, np.ndarray):
        array = cast("np.ndarray[Any, Any]", value)
        yield ArrayGuard(array, array_snapshot(array))
        return
    if isinstance(value, CONTAINERS):
        if not met.held and changes(met.value):
            yield ContentGuard(met.value, snapshot(met.value))
        return
    if watched:
        mine = own_names(value.__class__)
        names = tuple(name for name in names if name not in mine)
    table, found = table_of(value), attributes(value, names)
    before = {
        name: v
        for name, v in found.items()
        if name in table and not _library(v) and (name in used or not isinstance(v, COUNTING))
    }
    absent = [] if isinstance(value, ModuleType) else [n for n in names if n not in found]
    if isinstance(value, type):  # a name that a base has, which the class itself could get
        absent = [n for n in absent if any(n in vars(base) for base in own_classes(value))]
    of = value.__name__ if isinstance(value, FIXED) else type(value).__name__
    if isinstance(value, Module):
        yield ModuleGuard(of, table, {n: v for n, v in before.items() if not loose(v)}, absent)
        before, absent = {n: v for n, v in before.items() if loose(v)}, []
    if before or absent:
        yield TableGuard(of, table, before, absent)
    for name in [n for n in found if n not in table]:
        yield SlotGuard(value, name, snapshot(found[name]))


def _library(value: Any) -> bool:
    """Return whether an entry of a class is a function of a library, which nobody replaces."""
    return inspect.isroutine(value) and not (isinstance(value, FunctionType) and users(value))
