"""Reshapes that join windows into axes -> reshapes of what is computed from them: it fuses."""

from __future__ import annotations

from gradc.ir.graph import Equation, Graph, Value
from gradc.ir.primitive import Kind
from gradc.passes.rewrite import Rewriter, rewrite

Shape = tuple[int, ...]
Groups = tuple[Shape, ...]


def join_late(graph: Graph, joined: dict[Value, Groups]) -> Graph:
    """Return `graph` with elementwise operations and sums done before axes are joined.

    Args:
        graph: without window primitives.
        joined: reshapes that join axes, with the sizes that each of their axes is joined from.
    """
    if not joined:
        return graph
    groups = dict(joined)

    def rule(b: Rewriter, e: Equation) -> Value | None:
        source = next((v for v in e.inputs if v in groups), None)
        if source is None:
            return None
        cut = groups[source]
        if e.primitive.kind is Kind.ELEMENTWISE:
            found = [_cut(b, v, cut, groups) for v in e.inputs]
            operands = tuple(v for v in found if v is not None)
            if len(operands) < len(found):
                return None
            apart = b.apply(e.primitive, operands, dict(e.params))
            result = b.reshape(apart, e.outputs[0].shape)
            groups[result] = cut
        elif e.primitive.name == "sum" and not e.params.get("keepdims", False):
            apart = _summed(b, e, source, cut)
            result = b.reshape(apart, e.outputs[0].shape)
        else:
            return None
        (out, *_) = e.outputs
        apart.name, apart.adjoint_of = out.name, out.adjoint_of
        return result

    return rewrite(graph, rule)


def _flat(groups: Groups) -> Shape:
    return tuple(n for group in groups for n in group)


def _cut(b: Rewriter, value: Value, groups: Groups, known: dict[Value, Groups]) -> Value | None:
    """Return a value with its axes cut, or None where that would need a copy."""
    shape = _flat(groups)
    number = b.constant(value)
    if number is not None:
        type = value.type.with_shape(shape)
        return b.full(type, number)
    if known.get(value) == groups:
        return b.known[value].inputs[0]
    equation = b.known.get(value)
    if equation is None or equation.primitive.kind in (Kind.CONTRACTION, Kind.REDUCTION):
        return b.reshape(value, shape)
    match equation.primitive.name:
        case "reshape":
            below = _cut_root(b, equation.inputs[0])
            return None if below is None else b.reshape(below, shape)
        case "broadcast":
            (inner,) = equation.inputs
            sizes = (1,) * (len(groups) - inner.type.ndim) + inner.shape
            pairs = zip(sizes, groups, strict=True)
            cut = tuple(n for m, group in pairs for n in (group if m != 1 else (1,) * len(group)))
            return b.broadcast(b.reshape(inner, cut), shape)
        case _:
            pass
    if equation.primitive.kind is not Kind.ELEMENTWISE or equation.primitive.expensive:
        return None
    operands = [_cut(b, v, groups, known) for v in equation.inputs]
    found = tuple(v for v in operands if v is not None)
    if len(found) < len(operands):
        return None
    return b.apply(equation.primitive, found, dict(equation.params))


def _cut_root(b: Rewriter, value: Value) -> Value | None:
    """Return a value that lies in memory anyway, below reshapes, or None."""
    while (equation := b.known.get(value)) is not None:
        if equation.primitive.kind in (Kind.CONTRACTION, Kind.REDUCTION):
            return value
        if equation.primitive.name != "reshape":
            return None
        value = equation.inputs[0]
    return value


def _summed(b: Rewriter, e: Equation, source: Value, groups: Groups) -> Value:
    """Sum over the axes that each summed axis was joined from."""
    axes: list[int] = []
    at = 0
    for axis, group in enumerate(groups):
        if axis in e.params["axes"]:
            axes.extend(range(at, at + len(group)))
        at += len(group)
    apart = b.known[source].inputs[0]
    return b.op("sum", apart, axes=tuple(axes), keepdims=False)
