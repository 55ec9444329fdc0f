"""A graph of one example -> the same for a batch, equation by equation, loops included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from gradc.batching.batch import Batch, Flags, Operands, Params
from gradc.batching.rules import batched
from gradc.ir.builder import GraphBuilder, several
from gradc.ir.graph import Equation, Graph, Value
from gradc.ir.primitive import Kind, lookup
from gradc.primitives.loop import Body

Known = dict[Value, tuple[Any, bool]]  # what stands for a value, and whether it is batched
Around = Callable[[Equation], AbstractContextManager[object]]
Name = Callable[[Value, Any, Known], None]


def walk(
    batch: Batch,
    graph: Graph,
    operands: Sequence[Any],
    flags: Sequence[bool],
    around: Around | None = None,
    name: Name | None = None,
) -> list[tuple[Any, bool]]:
    """Run a graph of one example for a batch.

    Args:
        batch: of examples.
        graph: the program.
        operands: one per input of the graph.
        flags: which of them have the examples along axis 0.
        around: entered for each equation.
        name: called with each value, what stands for it now, and what stands for those before.

    Returns:
        For each output, what stands for it and whether it has the examples along axis 0.
    """
    known: Known = dict(zip(graph.inputs, zip(operands, flags, strict=True), strict=True))
    for e in graph.equations:
        given = tuple(known[v][0] for v in e.inputs)
        mine = tuple(known[v][1] for v in e.inputs)
        with nullcontext() if around is None else around(e):
            if e.primitive.kind is Kind.CONTROL:
                pairs = loop(batch, dict(e.params), given, mine)
            else:
                results, flag = batched(batch, e.primitive, dict(e.params), given, mine)
                pairs = [(r, flag) for r in results]
        for v, (result, flag) in zip(e.outputs, pairs, strict=True):
            if name is not None:
                name(v, result, known)
            known[v] = result, flag
    return [known[v] for v in graph.outputs]


def loop(batch: Batch, params: Params, operands: Operands, flags: Flags) -> list[tuple[Any, bool]]:
    """Return the results of a scan of each example, as one scan whose body is batched."""
    b, own = batch.builder, Body(**params)
    before, flags = flags, _settled(batch, own, flags)
    body, made = _body(batch, own, flags)
    given = list(operands)
    for i, flag in enumerate(flags):
        if flag and not before[i]:  # carried: batched from the second step on
            given[i] = batch.spread(given[i])
        if flag and own.carries <= i < own.constants:  # time runs along axis 0
            given[i] = _swapped(b, given[i])
    turned = replace(own, body=body)
    results = several(b.apply(lookup("scan"), tuple(given), turned.params))
    ends = results[: own.carries]
    stacked = [
        _swapped(b, r) if flag else r for r, flag in zip(results[own.carries :], made, strict=True)
    ]
    return list(zip((*ends, *stacked), (*flags[: own.carries], *made), strict=True))


def _settled(batch: Batch, own: Body, flags: Flags) -> Flags:
    """Return the flags of the operands, with carried values that come out batched batched."""
    while True:
        scratch = replace(batch, builder=GraphBuilder("scratch"))
        found = _walked(scratch, own, flags)
        carried = tuple(a or f for a, (_, f) in zip(flags, found[: own.carries], strict=False))
        if carried == flags[: own.carries]:
            return flags
        flags = (*carried, *flags[own.carries :])


def _walked(batch: Batch, own: Body, flags: Flags) -> list[tuple[Any, bool]]:
    """Append the body of a loop to the batch's builder; return its results."""
    b = batch.builder
    assert isinstance(b, GraphBuilder)

    def around(e: Equation) -> AbstractContextManager[object]:
        b.origin, b.section, b.rule = e.origin, e.section, e.rule
        return nullcontext()

    inputs = [
        b.input(v.type.with_shape((batch.size, *v.shape)) if flag else v.type, v.name)
        for v, flag in zip(own.body.inputs, flags, strict=True)
    ]
    return walk(batch, own.body, inputs, flags, around, name_value)


def _body(batch: Batch, own: Body, flags: Flags) -> tuple[Graph, list[bool]]:
    """Return the body of a loop for a batch, and which of what it stacks is batched."""
    b = GraphBuilder(own.body.name)
    inside = replace(batch, builder=b)
    found = _walked(inside, own, flags)
    outputs = [
        inside.spread(v) if flags[i] and i < own.carries and not flag else v
        for i, (v, flag) in enumerate(found)
    ]
    return b.finish(tuple(outputs)), [flag for _, flag in found[own.carries :]]


def _swapped(b: Any, x: Any) -> Any:
    """Return an operand with time and examples swapped."""
    return b.op("permute", x, axes=(1, 0, *range(2, b.typeof(x).ndim)))


def name_value(old: Value, new: Value, known: Known) -> None:
    """Give a value of a batched graph the name of the value of one example."""
    if new.name or new.adjoint_of is not None:
        return
    new.name = old.name
    if old.adjoint_of is not None and old.adjoint_of in known:
        new.adjoint_of = known[old.adjoint_of][0]


def draws(graph: Graph) -> Equation | None:
    """Return the first equation that draws random numbers, also inside of loops."""
    for e in graph.equations:
        if e.primitive.kind is Kind.RANDOM:
            return e
        if e.primitive.kind is Kind.CONTROL and (found := draws(Body(**e.params).body)):
            return found
    return None
