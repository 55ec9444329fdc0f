"""A line of the user's source -> the statement it belongs to and the names that it assigns."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Statement:
    """One simple statement.

    Args:
        line: first line, counted from 1.
        last: last line.
        names: the names it assigns, "" for targets that have none.
    """

    line: int
    last: int
    names: tuple[str, ...] = ()


def statement_at(file: str, line: int) -> Statement:
    """Return the innermost statement that covers a line; the bare line without source."""
    linecache.getlines(file)
    entry = linecache.cache.get(file)
    return _find(file, line, None if entry is None else entry[:2])


@lru_cache(maxsize=4096)
def _find(file: str, line: int, version: object) -> Statement:
    """Return the statement; `version`, the size and time of the file, keeps the memory fresh."""
    for statement in statements_of(file, version):
        if statement.line <= line <= statement.last:
            return statement
    return Statement(line, line)


@lru_cache(maxsize=256)
def statements_of(file: str, version: object) -> tuple[Statement, ...]:
    """Return the statements of a file, shortest first; none where it can't be parsed."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return ()
    found = [_statement(n) for n in _inside(tree)]
    return tuple(sorted(found, key=lambda s: s.last - s.line))


def _inside(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements below a node; expressions hold none."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        for part in getattr(node, name, ()):
            if isinstance(part, ast.stmt):
                yield part
            yield from _inside(part)


def _statement(node: ast.stmt) -> Statement:
    body: list[ast.stmt] = getattr(node, "body", [])
    last = body[0].lineno - 1 if body else node.end_lineno
    assert last is not None
    return Statement(node.lineno, max(last, node.lineno), _assigned(node))


def _assigned(node: ast.stmt) -> tuple[str, ...]:
    """Return the names that a statement assigns."""
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=parts) | ast.List(elts=parts)]):
            return tuple(_name(p) for p in parts)
        case ast.Assign(targets=[target, *_]):
            return (_name(target),)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return (_name(target),)
        case _:
            return ()


def _name(target: ast.expr) -> str:
    """Return `h` for h, self.h and h[0]; "" for other targets."""
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return _name(value)
        case _:
            return ""
