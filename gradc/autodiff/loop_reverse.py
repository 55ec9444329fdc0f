"""A loop with saved values -> the loop that runs its adjoint backwards over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gradc.autodiff.loop_sums import Sum, postponed
from gradc.autodiff.loop_walk import activity, walk_back, with_residuals
from gradc.autodiff.transform import accumulate
from gradc.ir.builder import Builder, GraphBuilder, several
from gradc.ir.graph import Section, Value
from gradc.ir.primitive import lookup
from gradc.primitives.loop import Body

Source = tuple[str, int]  # ("input" | "output" | "bar", position): an operand of the reverse loop


@dataclass(slots=True)
class Reverse:
    """The adjoint step under construction, and then the adjoint loop.

    Args:
        loop: the forward loop; its body's outputs include what was saved.
        b: takes the equations of the adjoint step.
        known: what stands for each forward value.
        sequences, constants: operands of the adjoint loop, by where they come from.
        carried: positions of the carried values that have adjoints.
        made: values of the adjoint step that are stacked.
        given: positions of the sequences with adjoints, and their places among `made`.
        sums: for each constant, what is added up after the loop, and whether something is
            added up inside it.
        added: positions of the constants whose adjoint is (also) carried.
    """

    loop: Body
    b: GraphBuilder
    known: dict[Value, Value] = field(default_factory=dict[Value, Value])
    sequences: dict[Source, Value] = field(default_factory=dict[Source, Value])
    constants: dict[Source, Value] = field(default_factory=dict[Source, Value])
    carried: list[int] = field(default_factory=list[int])
    made: list[Value] = field(default_factory=list[Value])
    given: dict[int, int] = field(default_factory=dict[int, int])
    sums: dict[int, list[Sum]] = field(default_factory=dict[int, list[Sum]])
    added: list[int] = field(default_factory=list[int])
    reversed: Body | None = None

    def recall(self, value: Value) -> Value:
        """Return what stands for a forward value: an operand, or the value computed again."""
        if value in self.known:
            return self.known[value]
        loop, body = self.loop, self.loop.body
        saved = body.outputs[loop.plain_outputs :]
        if value in saved:
            position = loop.plain_outputs + saved.index(value)
            new = self.sequence(("output", position), value)
        elif value in body.inputs:
            position = body.inputs.index(value)
            assert position >= loop.carries, "carried values that are read have been saved"
            source = ("input", position)
            new = self.sequence(source, value)
            if position >= loop.constants:
                del self.sequences[source]
                self.constants[source] = new
        else:
            (equation,) = (e for e in body.equations if value in e.outputs)
            before = self.b.origin, self.b.rule
            operands = tuple(self.recall(v) for v in equation.inputs)
            self.b.origin, self.b.rule = equation.origin, ""
            result = self.b.apply(equation.primitive, operands, dict(equation.params))
            self.b.origin, self.b.rule = before
            for old, made in zip(equation.outputs, several(result), strict=True):
                made.name, self.known[old] = old.name, made
            return self.known[value]
        self.known[value] = new
        return new

    def sequence(self, source: Source, like: Value) -> Value:
        """Return a new operand of the adjoint step."""
        new = Value(like.type, like.name)
        if source[0] == "bar":
            new = Value(like.type, f"{like.name}_bar" if like.name else "")
        self.sequences[source] = new
        return new

    def stacked_at(self, value: Value) -> Source:
        """Return where a value of the adjoint step is found for all steps at once."""
        for source, operand in self.sequences.items():
            if operand is value:
                return source
        if value not in self.made:
            self.made.append(value)
        return ("made", self.made.index(value))


def reverse(loop: Body, needed: Sequence[bool], given: Sequence[bool]) -> Reverse:
    """Return the adjoint of a loop.

    Args:
        loop: with everything saved that its adjoint reads.
        needed: which operands want an adjoint.
        given: which results have one.
    """
    body = loop.body
    active, values = activity(loop, needed)
    r = Reverse(loop, GraphBuilder(f"{body.name}_reverse"))
    r.b.section = Section.BACKWARD
    bars: dict[Value, Value] = {}
    r.carried = [i for i in sorted(active) if i < loop.carries]
    carries = [Value(body.inputs[i].type, _bar(body.inputs[i])) for i in r.carried]
    for i, value in zip(r.carried, carries, strict=True):
        accumulate(r.b, bars, body.outputs[i], value)
    for i, v in enumerate(body.outputs[loop.carries :], loop.carries):
        if given[i] and v in values:
            accumulate(r.b, bars, v, r.sequence(("bar", i), v))
    walk_back(r.b, body, bars, values, r.recall)
    outputs = [bars[v] if (v := body.inputs[i]) in bars else r.b.full(v.type, 0) for i in r.carried]
    for i in range(loop.carries, loop.constants):
        if needed[i] and body.inputs[i] in bars:
            r.given[i] = len(r.made)
            r.made.append(bars[body.inputs[i]])
    wanted = [
        i for i in range(loop.constants, len(body.inputs)) if needed[i] and body.inputs[i] in bars
    ]
    for i in sorted(wanted, key=lambda i: -body.inputs[i].type.size):
        sums, rest = postponed(r.b, bars[body.inputs[i]], r.constants.values(), _stacked(r))
        r.sums[i] = sums
        for s in sums:
            for operand in s.operands:
                r.stacked_at(operand)
        if rest is not None:
            before = Value(rest.type, _bar(body.inputs[i]))
            r.added.append(i)
            carries.append(before)
            outputs.append(r.b.op("add", before, rest))
    graph = r.b.graph
    graph.inputs = (*carries, *r.sequences.values(), *r.constants.values())
    r.b.finish((*outputs, *r.made))
    r.reversed = Body(graph, loop.length, not loop.reverse, len(carries), len(r.sequences))
    return r


def _bar(value: Value) -> str:
    return f"{value.name}_bar" if value.name else ""


def _stacked(r: Reverse) -> set[Value]:
    return {*r.sequences.values(), *r.made}


def loop_vjp(
    b: Builder,
    params: dict[str, Any],
    inputs: tuple[Any, ...],
    outputs: tuple[Any, ...],
    cotangents: tuple[Any, ...],
    needed: Sequence[bool],
) -> list[Any | None]:
    """Return the adjoint of each operand of a scan; see `autodiff.rules.vjp_rule`.

    Where nothing was saved, or the saved values have adjoints of their own (second order), the
    loop is run again with more results.
    """
    loop = Body(**params)
    if not loop.saved or any(c is not None for c in cotangents[loop.plain_outputs :]):
        plain = Body(loop.body, loop.length, loop.reverse, loop.carries, loop.sequences)
        loop = with_residuals(plain, needed)
        if loop.saved:
            outputs = several(b.apply(lookup("scan"), inputs, loop.params))
            cotangents = (*cotangents, *[None] * loop.saved)
    r = reverse(loop, needed, [c is not None for c in cotangents])
    assert r.reversed is not None
    found = {"input": inputs, "output": outputs, "bar": cotangents}
    operands: list[Any] = []
    for i in r.carried:
        bar = cotangents[i]
        operands.append(b.full(loop.body.outputs[i].type, 0) if bar is None else bar)
    operands += [b.full(loop.body.inputs[i].type, 0) for i in r.added]
    operands += [found[kind][i] for kind, i in (*r.sequences, *r.constants)]
    results = several(b.apply(lookup("scan"), tuple(operands), r.reversed.params))
    found["made"] = results[r.reversed.carries :]
    adjoints: list[Any | None] = [None] * len(inputs)
    for place, i in enumerate(r.carried):
        adjoints[i] = results[place]
    for i, place in r.given.items():
        adjoints[i] = found["made"][place]
    for place, i in enumerate(r.added, len(r.carried)):
        adjoints[i] = results[place]
    for i, sums in r.sums.items():
        for s in sums:
            stacks = [found[kind][k] for kind, k in map(r.stacked_at, s.operands)]
            total = s.over_time(b, stacks)
            adjoints[i] = total if adjoints[i] is None else b.op("add", adjoints[i], total)
    return [a if want else None for a, want in zip(adjoints, needed, strict=True)]
