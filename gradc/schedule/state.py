"""Graph -> the same with results that can be written in place: copies where a buffer is shared."""

from __future__ import annotations

from dataclasses import dataclass

from gradc.ir.graph import Equation, Graph, Section, Value
from gradc.ir.primitive import Kind, lookup
from gradc.schedule import products
from gradc.schedule.products import definitions
from gradc.schedule.repeat import own_state
from gradc.schedule.windows import expand_windows


@dataclass(frozen=True, slots=True)
class LateCopy:
    """An update that must wait until nothing reads the old state any more.

    Args:
        copy: the value that is written over the state, last of all.
        source: what it copies, kept in memory until then.
        old: the state.
    """

    copy: Value
    source: Value
    old: Value


def prepare(
    graph: Graph, deferred: frozenset[Value]
) -> tuple[Graph, list[LateCopy], dict[Value, str]]:
    """Return the graph with each result in memory of its own, and the copies that come last.

    Args:
        graph: as the passes left it.
        deferred: updated inputs that something still reads when their new value is ready:
            these are written by a copy at the very end.
    """
    graph, kept = expand_windows(graph)
    graph = own_state(_sort_last_axes(products.normalise(graph)))
    known = definitions(graph)
    inputs, updated = set(graph.inputs), {old for old, _ in graph.updates}
    first: list[Equation] = []
    last: list[Equation] = []
    taken: set[Value] = set()
    late: list[LateCopy] = []

    def own(value: Value, section: Section) -> Value:
        """Return `value`, or a copy of it where its memory is spoken for."""
        base = _base(value, known)
        if base not in inputs and base not in taken:
            taken.add(base)
            return value
        early = base in updated or base in inputs
        return _copy(value, first if early and value in inputs else last, section)

    outputs = tuple(own(v, Section.FORWARD) for v in graph.outputs)
    updates: list[tuple[Value, Value]] = []
    for old, new in graph.updates:
        if new is old:
            continue
        fresh = own(new, Section.UPDATE)
        if old in deferred:
            source, fresh = fresh, _copy(fresh, last, Section.UPDATE)
            late.append(LateCopy(fresh, source, old))
        updates.append((old, fresh))
    result = graph.replace_equations((*first, *graph.equations, *last))
    result.outputs, result.updates = outputs, tuple(updates)
    return result, late, kept


def _base(value: Value, known: products.Definitions) -> Value:
    while value in known and known[value].primitive.name == "reshape":
        value = known[value].inputs[0]
    return value


def _copy(value: Value, equations: list[Equation], section: Section) -> Value:
    """Append a copy; `stop_gradient` is the elementwise identity."""
    new = Value(value.type, value.name, value.adjoint_of)
    equations.append(Equation(lookup("stop_gradient"), (value,), {}, (new,), None, section))
    return new


def _sort_last_axes(graph: Graph) -> Graph:
    """Return the graph with each sort along the last axis, moved there and back if need be."""
    equations: list[Equation] = []
    for e in graph.equations:
        ndim = e.outputs[0].type.ndim
        if e.primitive.kind is not Kind.SORT or e.params["axis"] == ndim - 1:
            equations.append(e)
            continue
        axis: int = e.params["axis"]
        axes = (*(a for a in range(ndim) if a != axis), axis)
        back = tuple(axes.index(a) for a in range(ndim))
        permute, moved = lookup("permute"), tuple(e.outputs[0].shape[a] for a in axes)
        source = Value(e.inputs[0].type.with_shape(moved))
        sorted_ = tuple(Value(v.type.with_shape(moved)) for v in e.outputs)
        params = {**e.params, "axis": ndim - 1}
        about = (e.origin, e.section, e.rule)
        equations.append(Equation(permute, e.inputs, {"axes": axes}, (source,), *about))
        equations.append(Equation(e.primitive, (source,), params, sorted_, *about))
        equations += [
            Equation(permute, (v,), {"axes": back}, (out,), *about)
            for v, out in zip(sorted_, e.outputs, strict=True)
        ]
    return graph.replace_equations(tuple(equations))
