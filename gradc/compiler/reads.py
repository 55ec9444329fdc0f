"""A function's code -> the names it reads around itself, and what they stand for now."""

from __future__ import annotations

import builtins
import functools
import inspect
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from dis import Instruction, get_instructions
from types import CellType, CodeType, FunctionType
from typing import Any, NamedTuple

from gradc.origin import PACKAGE
from gradc.tensor.snapshot import PLAIN

BY_NAME = {"getattr", "hasattr", "attrgetter", "vars", "__dict__", "asdict"}
ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM")
GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME")
ADVANCING = ("GET_ITER", "UNPACK_SEQUENCE", "UNPACK_EX", "LIST_EXTEND", "CALL_FUNCTION_EX")
ADVANCED_BY = ("next", "__next__", "list", "tuple", "dict", "zip", "map", "sum", "min", "max")
BETWEEN = ("PUSH_NULL", "EXTENDED_ARG")
LIBRARIES = (
    PACKAGE,
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)
MISSING = object()
COUNTING = (*PLAIN, list)  # what a counter can be


@dataclass(frozen=True, slots=True)
class Reads:
    """What the text of a function names.

    Args:
        names: of globals.
        attributes: of any object, each with the name of the variable or attribute that holds the
            object: ("cfg", "scale"), or "" where the text doesn't say.
        modules: that it imports.
        counters: names of variables and attributes that only count or take notes: by `n += 1`,
            `self.n += 1`, `self.notes.append(x)`.
        advances: whether it may take the next entry of an iterator.
        by_name: whether it may read attributes whose names it computes.
    """

    names: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]
    modules: tuple[str, ...]
    counters: frozenset[str]
    advances: bool
    by_name: bool


def plain_function(value: Any) -> FunctionType | None:
    """Return the function that was written, past wrappers and methods."""
    target = inspect.unwrap(getattr(value, "__func__", value))
    return target if isinstance(target, FunctionType) else None


def users(function: FunctionType) -> bool:
    """Return whether a function is the user's own, not a library's."""
    return not function.__code__.co_filename.startswith((*LIBRARIES, "<frozen"))


@functools.lru_cache(maxsize=1000)
def reads(code: CodeType) -> Reads:
    """Return what a function and those written inside it name."""
    names, modules = dict[str, None](), dict[str, None]()
    pairs = dict[tuple[str, str], None]()
    holder = ""
    counted, used = set[str](), set[str]()
    advances = by_name = False
    text = [i for i in get_instructions(code) if i.opname not in BETWEEN]
    for i, instruction in enumerate(text):
        name, kind = instruction.argval, instruction.opname
        advances = advances or kind in ADVANCING or name in ADVANCED_BY
        if kind in (*ATTRIBUTE, *GLOBAL, "LOAD_DEREF"):
            (counted if _counts(text, i) else used).add(name)
        if kind == "IMPORT_NAME":
            modules[name] = None
        elif kind in ATTRIBUTE:
            pairs[holder, name] = None
        elif kind in GLOBAL:
            names[name] = None
        holder = name if kind in (*ATTRIBUTE, *GLOBAL, "LOAD_DEREF") else ""
    if not BY_NAME.isdisjoint((*names, *(name for _, name in pairs))):
        by_name = True
        spelled = (c for c in code.co_consts if isinstance(c, str) and c.isidentifier())
        pairs |= dict.fromkeys(("", name) for name in spelled)
    for within in (c for c in code.co_consts if isinstance(c, CodeType)):
        inner = reads(within)
        names |= dict.fromkeys(inner.names)
        pairs |= dict.fromkeys(inner.attributes)
        modules |= dict.fromkeys(inner.modules)
        counted |= inner.counters
        advances, by_name = advances or inner.advances, by_name or inner.by_name
        around = (*inner.names, *within.co_freevars, *(name for _, name in inner.attributes))
        used.update(name for name in around if name not in inner.counters)
    return Reads(
        tuple(names), tuple(pairs), tuple(modules), frozenset(counted - used), advances, by_name
    )


def _counts(text: list[Instruction], at: int) -> bool:
    """Return whether a value is loaded only to become its own next one, or a list to grow."""
    name, kind = text[at].argval, text[at].opname
    if text[at + 1].opname in ATTRIBUTE and text[at + 1].argval == "append":
        return True
    if kind in ATTRIBUTE:  # the object is copied first, for storing later
        return at > 0 and text[at - 1].opname == "COPY" and text[at - 1].arg == 1
    if len(text) < at + 4 or not text[at + 1].opname.startswith("LOAD_"):
        return False
    operation, store = text[at + 2], text[at + 3]
    return (
        operation.opname == "BINARY_OP"
        and operation.argrepr.endswith("=")
        and store.opname in ("STORE_GLOBAL", "STORE_DEREF")
        and store.argval == name
    )


class Variable(NamedTuple):
    """A variable around a function: its cell, None for a global; MISSING where there is none."""

    name: str
    value: Any
    cell: CellType | None = None


def variables(function: FunctionType) -> Iterator[Variable]:
    """Yield the variables around a function, with its default arguments and imports."""
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        yield Variable(name, content(cell), cell)
    space, read = function.__globals__, reads(code)
    for name in read.names:
        if name in space or not hasattr(builtins, name):
            yield Variable(name, space.get(name, MISSING))
    yield from (Variable("", sys.modules.get(name)) for name in read.modules)
    yield from (Variable("", d) for d in (function.__defaults__, function.__kwdefaults__))


def content(cell: CellType) -> Any:
    """Return what a cell holds, itself where it is bound later."""
    try:
        return cell.cell_contents
    except ValueError:
        return cell
