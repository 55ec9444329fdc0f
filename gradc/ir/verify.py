"""Check what must hold for every graph, after the tracer and after each pass."""

from __future__ import annotations

from gradc.errors import GradcError, VerifyError
from gradc.ir.graph import Equation, Graph, Value
from gradc.ir.primitive import registered


def verify(graph: Graph, after: str = "trace", known: set[Equation] | None = None) -> Graph:
    """Return `graph` if it is well formed.

    Each value is defined once and before it is used, each output has the type that its
    primitive's rule gives, results exist, and an update keeps the type of its input.

    Args:
        graph: the graph to check.
        after: the pass that made it, named in the error.
        known: equations whose types have been checked, which are not checked again; those
            of `graph` are added.

    Raises:
        VerifyError: saying which equation breaks which rule: a bug in gradc.
    """
    defined: set[Value] = set()
    known = set() if known is None else known
    for value in graph.inputs:
        _define(value, defined, f"input {value.hint or '?'}", after)
    for number, equation in enumerate(graph.equations):
        where = f"equation {number} ({equation.primitive.name})"
        for value in equation.inputs:
            if value not in defined:
                raise VerifyError(f"after {after}: {where} uses a value before it is defined")
        if equation not in known:
            _check_types(equation, where, after)
            known.add(equation)
            for inner in equation.params.values():
                if isinstance(inner, Graph):
                    verify(inner, after)
        for value in equation.outputs:
            _define(value, defined, where, after)
    for value in graph.results():
        if value not in defined:
            raise VerifyError(f"after {after}: result {value.hint or value.type} is not defined")
    inputs = set(graph.inputs)
    for old, new in graph.updates:
        if old not in inputs:
            raise VerifyError(f"after {after}: update of {old.hint or old.type}: not an input")
        if old.type != new.type:
            raise VerifyError(f"after {after}: update of {old.hint}: {old.type} by {new.type}")
    return graph


def _define(value: Value, defined: set[Value], where: str, after: str) -> None:
    if value in defined:
        raise VerifyError(f"after {after}: {where} defines a value a second time")
    defined.add(value)


def _check_types(equation: Equation, where: str, after: str) -> None:
    if registered().get(equation.primitive.name) is not equation.primitive:
        raise VerifyError(f"after {after}: {where} is not a registered primitive")
    try:
        rule = equation.primitive.typing(*(v.type for v in equation.inputs), **equation.params)
    except GradcError as error:
        raise VerifyError(f"after {after}: {where}: {error.message}") from error
    types = rule if isinstance(rule, tuple) else (rule,)
    given = tuple(v.type for v in equation.outputs)
    if types != given:
        expected, found = ", ".join(map(str, types)), ", ".join(map(str, given))
        raise VerifyError(f"after {after}: {where} gives {expected}, its outputs say {found}")
