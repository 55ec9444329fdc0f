"""The body of a loop -> its adjoint equations, and the forward values that these read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradc.autodiff.rules import rule_text, vjp_rule
from gradc.autodiff.saved import kept
from gradc.autodiff.transform import accumulate, active_values
from gradc.ir.builder import GraphBuilder
from gradc.ir.graph import Graph, Section, Value
from gradc.ir.primitive import Kind, lookup
from gradc.primitives.loop import Body

Recall = Callable[[Value], Value]


def activity(loop: Body, needed: Sequence[bool]) -> tuple[set[int], set[Value]]:
    """Return the inputs of the body that adjoints reach, and all such values.

    A carried value that depends on anything needed is needed itself, one step later.
    """
    body = loop.body
    active = {i for i, want in enumerate(needed) if want and body.inputs[i].dtype.is_floating_point}
    while True:
        values = active_values(body, sorted(active))
        more = {i for i in range(loop.carries) if body.outputs[i] in values} - active
        if not more:
            return active, values
        active |= more


def walk_back(
    b: GraphBuilder, body: Graph, bars: dict[Value, Value], active: set[Value], recall: Recall
) -> None:
    """Append the adjoint equations of one step, adding to the adjoints in `bars`.

    Args:
        b: takes the equations.
        body: the forward step.
        bars: adjoint of each of its values, those of the outputs to begin with.
        active: values that adjoints flow through.
        recall: returns what stands for a forward value in the adjoint step.
    """
    b.section = Section.BACKWARD
    for e in reversed(body.equations):
        cotangents = tuple(bars.get(v) for v in e.outputs)
        needed = tuple(v in active for v in e.inputs)
        if not any(needed) or all(c is None for c in cotangents):
            continue
        params = dict(e.params)
        inputs_read, outputs_read = kept(e.primitive, params, needed, len(e.outputs))
        # what a rule doesn't read it is given for its type only
        inputs = tuple(recall(v) if i in inputs_read else v for i, v in enumerate(e.inputs))
        outputs = tuple(recall(v) if i in outputs_read else v for i, v in enumerate(e.outputs))
        b.origin, b.rule = e.origin, rule_text(e.primitive, needed.index(True))
        adjoints = vjp_rule(b, e.primitive, params, inputs, outputs, cotangents, needed)
        for v, adjoint in zip(e.inputs, adjoints, strict=True):
            if adjoint is not None:
                accumulate(b, bars, v, adjoint)
                if bars[v].adjoint_of is None and not bars[v].name:
                    bars[v].adjoint_of = v


def with_residuals(loop: Body, needed: Sequence[bool]) -> Body:
    """Return the loop with what its adjoint reads among the results.

    Costly values and products are saved; what follows from them by cheap elementwise steps is
    computed again.
    """
    body = loop.body
    _, values = activity(loop, needed)
    b = GraphBuilder(body.name)
    reads: dict[Value, None] = {}

    def note(value: Value) -> Value:
        reads[value] = None
        return value

    bars = {
        v: b.op("full", shape=v.shape, dtype=v.dtype, value=0, device=v.type.device)
        for v in body.outputs
        if v in values
    }
    walk_back(b, body, bars, values, note)
    kept = _worth_saving(loop, set(reads))
    outputs = (*body.outputs, *kept)
    graph = Graph(body.name, body.inputs, body.equations, outputs, dict(body.roles))
    return Body(
        graph, loop.length, loop.reverse, loop.carries, loop.sequences, loop.saved + len(kept)
    )


def _worth_saving(loop: Body, reads: set[Value]) -> list[Value]:
    """Return the values to save: those read that can't be had from others cheaply."""
    free = set(loop.body.inputs[loop.carries :])
    kept = [v for v in loop.body.inputs[: loop.carries] if v in reads]
    ready = free | set(kept)
    cheap: set[Value] = set()  # values that follow from what is ready
    for e in loop.body.equations:
        follows = is_cheap(e.primitive.name) and all(v in ready or v in cheap for v in e.inputs)
        if follows:
            cheap.update(e.outputs)
            continue
        kept += [v for v in e.outputs if v in reads]
        ready.update(v for v in e.outputs if v in reads)
    return kept


def is_cheap(name: str) -> bool:
    """Return whether applying a primitive again costs less than keeping its result."""
    primitive = lookup(name)
    kinds = (Kind.ELEMENTWISE, Kind.MOVEMENT, Kind.CREATION)
    return primitive.kind in kinds and not primitive.expensive
