"""Permutations of convolutions' results -> permutations of what is computed from them.

Most of them meet their inverse and cancel, so that everything between two convolutions has its
channels last, as the kernels want them.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradc.ir.graph import Equation, Graph, Value
from gradc.ir.primitive import Kind
from gradc.passes.rewrite import Rewriter, rewrite

Axes = tuple[int, ...]
PER_AXIS = frozenset("low high interior start stop step window stride dilation shape".split())
MOVED = ("pad", "slice", "window_argmax", "window_pick", "window_put")


def channels_last(graph: Graph) -> Graph:
    """Return `graph` with permutations of convolutions' results as late as they can be."""
    if not any(e.primitive.name == "conv" for e in graph.equations):
        return graph
    native: set[Value] = set()

    def rule(b: Rewriter, e: Equation) -> Value | None:
        if e.primitive.name == "conv" or (e.primitive.name == "reshape" and e.inputs[0] in native):
            native.add(e.outputs[0])
            return None
        found = _permuted(b, e.inputs, native)
        if found is None:
            return None
        result = _moved(b, e, *found)
        if result is None:
            return None
        inner, axes = result
        native.add(inner)
        (out, *_) = e.outputs
        inner.name, inner.adjoint_of = inner.name or out.name, inner.adjoint_of or out.adjoint_of
        return _permute(b, inner, axes)

    return rewrite(graph, rule)


def _permuted(
    b: Rewriter, inputs: Sequence[Value], native: set[Value]
) -> tuple[Value, Axes] | None:
    """Return the first operand that is a permutation, below it, and its axes."""
    for value in inputs:
        equation = b.definition(value, "permute")
        if equation is not None and equation.inputs[0] in native:
            return equation.inputs[0], equation.params["axes"]
    return None


def _moved(b: Rewriter, e: Equation, source: Value, axes: Axes) -> tuple[Value, Axes] | None:
    """Return an equation's result before the permutation, and the permutation; None if none."""
    name, params = e.primitive.name, dict(e.params)
    if e.primitive.kind is Kind.ELEMENTWISE:
        operands = tuple(_turned(b, v, axes) for v in e.inputs)
        return b.apply(e.primitive, operands, params), axes
    if name in MOVED:
        order = _inverse(axes)
        turned = {k: tuple(v[i] for i in order) if k in PER_AXIS else v for k, v in params.items()}
        operands = tuple(_turned(b, v, axes) for v in e.inputs)
        return b.apply(e.primitive, operands, turned), axes
    if name == "flip":
        flipped: Axes = params["axes"]
        return b.op("flip", source, axes=tuple(sorted(axes[a] for a in flipped))), axes
    if name == "broadcast" and len(params["shape"]) == len(axes):
        shape = tuple(params["shape"][i] for i in _inverse(axes))
        return b.broadcast(source, shape), axes
    if name == "permute":
        outer: Axes = params["axes"]
        return source, tuple(axes[a] for a in outer)
    if name == "concatenate":
        operands = tuple(_turned(b, v, axes) for v in e.inputs)
        return b.apply(e.primitive, operands, {"axis": axes[params["axis"]]}), axes
    if e.primitive.kind is Kind.REDUCTION and "axes" in params:
        return _folded(b, e, source, axes)
    return _cut(b, e, source, axes) if name == "reshape" else None


def _inverse(axes: Axes) -> Axes:
    """Return the permutation that undoes another."""
    return tuple(axes.index(i) for i in range(len(axes)))


def _turned(b: Rewriter, value: Value, axes: Axes) -> Value:
    """Return a value whose permutation by `axes` is `value`."""
    equation = b.definition(value, "permute")
    if equation is not None and equation.params["axes"] == axes:
        return equation.inputs[0]
    return _permute(b, value, _inverse(axes))


def _permute(b: Rewriter, value: Value, axes: Axes) -> Value:
    """Return a value permuted; what is broadcast is so after the permutation."""
    if axes == tuple(range(len(axes))):
        return value
    spread = b.definition(value, "broadcast")
    if spread is None:
        return b.op("permute", value, axes=axes)
    (inner,) = spread.inputs
    sizes = (1,) * (len(axes) - inner.type.ndim) + inner.shape
    inner = b.reshape(inner, sizes)
    turned = tuple(sizes[a] for a in axes)
    moved = [a for a in axes if sizes[a] != 1]
    only_units = moved == sorted(moved)
    inner = b.reshape(inner, turned) if only_units else b.op("permute", inner, axes=axes)
    return b.broadcast(inner, tuple(value.shape[a] for a in axes))


def _folded(b: Rewriter, e: Equation, source: Value, axes: Axes) -> tuple[Value, Axes]:
    """Fold the same axes where they are before the permutation."""
    given: Axes = e.params["axes"]
    folded = tuple(sorted(axes[a] for a in given))
    result = b.apply(e.primitive, (source,), {**e.params, "axes": folded})
    if e.params.get("keepdims", False):
        return result, axes
    there = [a for a in range(len(axes)) if a not in folded]
    return result, tuple(there.index(a) for a in axes if a not in folded)


def _cut(b: Rewriter, e: Equation, source: Value, axes: Axes) -> tuple[Value, Axes] | None:
    """Cut axes before the permutation, where a reshape does no more than that."""
    groups = _groups(tuple(source.shape[a] for a in axes), e.params["shape"])
    if groups is None:
        return None
    new, starts = list[int](), dict[int, int]()
    for a in range(len(axes)):
        starts[a] = len(new)
        new.extend(groups[axes.index(a)])
    order: list[int] = []
    for a, group in zip(axes, groups, strict=True):
        order.extend(range(starts[a], starts[a] + len(group)))
    return b.reshape(source, tuple(new)), tuple(order)


def _groups(old: Axes, new: Axes) -> list[Axes] | None:
    """Return the sizes that each old axis is cut into, or None where axes are merged."""
    groups: list[Axes] = []
    at = 0
    for n in old:
        size, first = 1, at
        while at < len(new) and (size < n or (size == n and at == first)):
            if size == n and new[at] != 1:
                break
            size, at = size * new[at], at + 1
        if size != n:
            return None
        groups.append(new[first:at])
    if any(n != 1 for n in new[at:]) or not groups:
        return None
    groups[-1] = (*groups[-1], *new[at:])
    return groups
