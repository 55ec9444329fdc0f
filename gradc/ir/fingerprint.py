"""Graph -> the hash of everything that its program and the program's text depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, cast

import numpy as np

from gradc.ir.dtype import DType
from gradc.ir.graph import Equation, Graph, TensorType, Value
from gradc.origin import Origin

_KNOWN = ("gradc.", "numpy")
_PLAIN = (int, bool, float, str, type(None))


class _Foreign(Exception):
    """Something whose meaning no text tells."""


def fingerprint(graph: Graph) -> str | None:
    """Return the hash of a traced graph; None where it holds what no text tells.

    Two graphs of one fingerprint become the same program with the same names and comments. Lines
    of the user's files count with their text, the folders that they lie in don't.
    """
    try:
        text = "\n".join(_Text().lines(graph))
    except _Foreign:
        return None
    return hashlib.sha256(text.encode()).hexdigest()


class _Text:
    """Writes graphs down, each value, type, primitive and line of the user's under a number."""

    def __init__(self) -> None:
        self._values: dict[Value, int] = {}
        self._types: dict[TensorType, str] = {}
        self._facts: dict[object, int] = {}
        self._files: dict[str, int] = {}

    def lines(self, graph: Graph) -> Iterable[str]:
        """Yield the text of a graph."""
        yield f"graph {graph.name!r}"
        for value in graph.inputs:
            yield f"{self._new(value)} {graph.roles.get(value)}"
        for equation in graph.equations:
            yield from self._equation(equation)
        yield f"outputs {self._several(graph.outputs)}"
        for pair in graph.updates:
            yield f"update {self._several(pair)}"

    def _equation(self, e: Equation) -> Iterable[str]:
        primitive, origin = e.primitive, e.origin
        if primitive not in self._facts:
            yield self._told(primitive, _primitive(primitive))
        if origin is not None and origin not in self._facts:
            yield self._told(origin, self._origin(origin))
        place = -1 if origin is None else self._facts[origin]
        params = [f"{key}={self._param(e.params[key])}" for key in sorted(e.params)]
        made = [self._new(v) for v in e.outputs]
        yield (
            f"{made} = {self._facts[primitive]}{params} {self._several(e.inputs)} "
            f"{place} {e.section.value} {e.rule!r}"
        )

    def _told(self, thing: object, text: str) -> str:
        """Give a fact its number."""
        self._facts[thing] = len(self._facts)
        return text

    def _new(self, value: Value) -> str:
        """Number a value that is defined here."""
        if value.type not in self._types:
            self._types[value.type] = str(value.type)
        self._values[value] = len(self._values)
        return f"{self._types[value.type]} {value.name!r} {self._adjoint(value)}"

    def _adjoint(self, value: Value) -> object:
        """Return which value this is the adjoint of; its name where it is of another graph."""
        of = value.adjoint_of
        return None if of is None else self._values.get(of, of.hint)

    def _several(self, values: Iterable[Value]) -> list[int]:
        return [self._values[v] for v in values]

    def _origin(self, origin: Origin) -> str:
        file = self._files.setdefault(origin.file, len(self._files))
        statement = origin.statement
        return f"{file} {origin.place} {origin.visit} {origin.scope!r} {statement!r}"

    def _param(self, value: Any) -> str:
        """Return the text of a static parameter."""
        if isinstance(value, tuple):
            return f"({','.join(map(self._param, cast('tuple[Any, ...]', value)))})"
        if type(value) in _PLAIN or issubclass(type(value), np.generic):
            return repr(value)
        if isinstance(value, DType):
            return str(value)
        if isinstance(value, Graph):
            return "\n".join(["{", *self.lines(value), "}"])
        raise _Foreign


def _primitive(primitive: Any) -> str:
    """Return what a primitive of this house is; the house's own files say the rest."""
    if not primitive.meaning.__module__.startswith(_KNOWN):
        raise _Foreign
    parts = (primitive.name, primitive.maths, primitive.operands, primitive.expansion)
    return f"{parts} {primitive.code!r} {primitive.expensive}"
