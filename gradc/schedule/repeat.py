"""A scan equation -> a loop over the plan of its body, with state of its own to overwrite."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gradc.ir.dtype import uint8
from gradc.ir.graph import Equation, Graph, TensorType, Value
from gradc.ir.primitive import Kind, lookup
from gradc.primitives.loop import Body
from gradc.schedule.arena import ARENA_SLOT, FIRST_SLOT, Place
from gradc.schedule.roots import Program

Homes = tuple[Value, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """What a loop runs over and on.

    Args:
        loop: length, direction, and the meaning of operands and results.
        operands: the values in memory that hold the operands; the first hold the state.
        results: the values in memory that take the results; the first take the state over.
        scratch: room for the temporaries of one step.
    """

    loop: Body
    operands: Homes
    results: Homes
    scratch: Value


def span_of(program: Program, equation: Equation, arena_bytes: int) -> Span:
    """Return where a scan finds its operands and leaves its results."""
    operands: list[Value] = []
    for v in equation.inputs:
        root = program.home(v)
        assert root is not None, "find_roots keeps the operands of loops"
        operands.append(root.value)
    scratch = Value(TensorType((max(arena_bytes, 1),), uint8), "scratch")
    return Span(Body(**equation.params), tuple(operands), equation.outputs, scratch)


def one_step(loop: Body) -> Graph:
    """Return the body as a program that updates its state in place."""
    body = loop.body
    equations = list(body.equations)
    makers = {v: e for e in equations for v in e.outputs}
    stacked = body.outputs[loop.carries :]
    taken = {_source(v, makers) for v in stacked}
    inputs = set(body.inputs)
    last = equations[-1] if equations else None
    for i, v in enumerate(stacked):  # after the equations, to be written along with others
        if v in inputs and last is not None:
            copy = Value(v.type, v.name, v.adjoint_of)
            equations.append(_copy(v, copy, last))
            stacked = (*stacked[:i], copy, *stacked[i + 1 :])
    state: list[tuple[Value, Value]] = []
    for old, new in zip(body.inputs, body.outputs[: loop.carries], strict=False):
        source = _source(new, makers)
        if source in taken and source in makers:  # written beside it, by the same kernel
            copy = Value(new.type, new.name, new.adjoint_of)
            equations.append(_copy(new, copy, makers[source]))
            new = copy
        taken.add(source)
        state.append((old, new))
    return Graph(body.name, body.inputs, tuple(equations), stacked, {}, tuple(state))


def own_state(graph: Graph) -> Graph:
    """Return `graph` with loops that begin with a copy of their state and give it to nobody.

    The copy is what the loop overwrites; a result that overwrites an input of the program is
    copied into it afterwards.
    """
    if not any(e.primitive.kind is Kind.CONTROL for e in graph.equations):
        return graph
    equations: list[Equation] = []
    last: set[Value] = set()
    for e in graph.equations:
        if e.primitive.kind is not Kind.CONTROL:
            equations.append(e)
            continue
        count = e.params["carries"]
        copies = [Value(v.type, v.name, v.adjoint_of) for v in e.inputs[:count]]
        for v, copy in zip(e.inputs, copies, strict=False):
            equations.append(_copy(v, copy, e))
        equations.append(replace(e, inputs=(*copies, *e.inputs[count:])))
        last.update(e.outputs[:count])
    updates: list[tuple[Value, Value]] = []
    makers = {v: e for e in equations for v in e.outputs}
    for old, new in graph.updates:
        if _source(new, makers) in last:
            fresh = Value(new.type, new.name, new.adjoint_of)
            equations.append(_copy(new, fresh, makers[new]))
            new = fresh
        updates.append((old, new))
    result = graph.replace_equations(tuple(equations))
    result.updates = tuple(updates)
    return result


def _copy(value: Value, to: Value, like: Equation) -> Equation:
    """Return a copy; `stop_gradient` is the elementwise identity."""
    return Equation(
        lookup("stop_gradient"), (value,), {}, (to,), like.origin, like.section, like.rule
    )


def _source(value: Value, makers: dict[Value, Equation]) -> Value:
    while value in makers and makers[value].primitive.name == "reshape":
        value = makers[value].inputs[0]
    return value


def places_in(
    span: Span, inner: dict[Value, Place], outer: dict[Value, Place]
) -> dict[Value, Place]:
    """Return where the values of a body lie, in terms of the memory around the loop.

    Args:
        span: the loop.
        inner: where the plan of the body puts each value.
        outer: where the values around the loop lie.
    """
    loop = span.loop
    count = len(loop.body.inputs)
    found: dict[Value, Place] = {}
    for value, place in inner.items():
        position = place.slot - FIRST_SLOT
        if place.slot == ARENA_SLOT:
            base, step = outer[span.scratch], 0
        elif position < loop.carries:
            base, step = outer[span.results[position]], 0
        elif position < count:
            is_sequence = position < loop.constants
            base = outer[span.operands[position]]
            step = loop.body.inputs[position].type.nbytes if is_sequence else 0
        else:
            output = loop.carries + position - count
            base, step = outer[span.results[output]], loop.body.outputs[output].type.nbytes
        found[value] = Place(base.slot, base.offset + place.offset, (*base.steps, step))
    return found
