"""dot equations -> forms that a BLAS takes: [batch] of matrices, transposes as flags, no copies."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from gradc.ir.builder import Builder, GraphBuilder
from gradc.ir.graph import Equation, Graph, Value
from gradc.ir.primitive import Primitive
from gradc.primitives.contraction import free_axes

Axes = tuple[int, ...]
Definitions = dict[Value, Equation]


@dataclass(frozen=True, slots=True)
class Matrix:
    """An operand of a product, as it lies in memory.

    Args:
        value: the materialised value.
        batch, rows, columns: sizes of the (batch of) C-contiguous matrices it is seen as.
        transposed: whether the product uses the transpose of that matrix.
    """

    value: Value
    batch: int
    rows: int
    columns: int
    transposed: bool


def definitions(graph: Graph) -> Definitions:
    """Return the equation that defines each computed value."""
    return {v: e for e in graph.equations for v in e.outputs}


def operands(equation: Equation, known: Definitions) -> tuple[Matrix, Matrix] | None:
    """Return both operands of a dot as matrices, or None where that needs a copy."""
    x, y = equation.inputs
    contract, batch = equation.params["contract"], equation.params.get("batch", ((), ()))
    x_free = free_axes(x.type.ndim, contract[0], batch[0])
    y_free = free_axes(y.type.ndim, contract[1], batch[1])
    for summed in _orders(x, contract, known):
        left = _matrix(x, batch[0], x_free, summed[0], known)
        right = _matrix(y, batch[1], summed[1], y_free, known)
        if left is not None and right is not None:
            return left, right
    return None


def _orders(x: Value, contract: tuple[Axes, Axes], known: Definitions) -> list[tuple[Axes, Axes]]:
    """Return the pairs of summed axes in the orders worth trying: as given, and as in memory."""
    _, axes = look_through(x, known)
    pairs = list(zip(*contract, strict=True))
    in_memory = sorted(pairs, key=lambda p: axes[p[0]])
    as_declared = sorted(pairs, key=lambda p: p[0])
    found = [tuple(zip(*p, strict=True)) or ((), ()) for p in (pairs, in_memory, as_declared)]
    return [(tuple(a), tuple(b)) for a, b in found]


def look_through(value: Value, known: Definitions) -> tuple[Value, Axes]:
    """Return the value below all permutes, and for each axis of `value` the axis there."""
    axes = tuple(range(value.type.ndim))
    while value in known and known[value].primitive.name == "permute":
        equation = known[value]
        axes = tuple(equation.params["axes"][a] for a in axes)
        value = equation.inputs[0]
    return value, axes


def _matrix(
    value: Value, batch: Axes, first: Axes, second: Axes, known: Definitions
) -> Matrix | None:
    """Return `value` as [batch, first, second] of some materialised value's memory."""
    sizes = tuple(_size(value, group) for group in (batch, first, second))
    base, axes = look_through(value, known)
    for source, where in ((base, axes), (value, tuple(range(value.type.ndim)))):
        order = [a for a in range(source.type.ndim) if source.shape[a] != 1]
        there = [[where[a] for a in g if value.shape[a] != 1] for g in (batch, first, second)]
        if order == there[0] + there[1] + there[2]:
            return Matrix(source, sizes[0], sizes[1], sizes[2], transposed=False)
        if order == there[0] + there[2] + there[1]:
            return Matrix(source, sizes[0], sizes[2], sizes[1], transposed=True)
    return None


def _size(value: Value, axes: Axes) -> int:
    n = 1
    for a in axes:
        n *= value.shape[a]
    return n


def normalise(graph: Graph) -> Graph:
    """Return `graph` with each dot either fit for BLAS or written as multiply and sum.

    Sums of one term become a multiplication, inner products of vectors a multiplication and a
    sum (both fuse with their surroundings); operands that no stride expresses are copied once.
    """
    graph = _swap(graph)
    known = definitions(graph)
    equations: list[Equation] = []
    for equation in graph.equations:
        if equation.primitive.name != "dot":
            equations.append(equation)
            continue
        b = GraphBuilder(graph.name)
        b.origin, b.section, b.rule = equation.origin, equation.section, equation.rule
        result = _rewrite(b, equation, known)
        if result is None:
            equations.append(equation)
            continue
        new = b.equations
        last = new[-1]
        new[-1] = Equation(
            last.primitive, last.inputs, last.params, equation.outputs, last.origin,
            last.section, last.rule,
        )  # fmt: skip
        equations.extend(new)
        known.update({v: e for e in new for v in e.outputs})
    return graph.replace_equations(tuple(equations))


def _swap(graph: Graph) -> Graph:
    """Return `graph` with each transposed product as the product of the swapped operands."""
    known = definitions(graph)
    uses = Counter(v for e in graph.equations for v in e.inputs)
    uses.update(graph.results())
    swapped: dict[Equation, Equation] = {}
    for e in graph.equations:
        inner = known.get(e.inputs[0]) if e.primitive.name == "permute" else None
        if inner is None or inner.primitive.name != "dot" or uses[e.inputs[0]] > 1:
            continue
        (x, y), contract = inner.inputs, inner.params["contract"]
        batch = inner.params.get("batch", ((), ()))
        shared, x_free = len(batch[0]), x.type.ndim - len(contract[0]) - len(batch[0])
        total = e.outputs[0].type.ndim
        turned = (*range(shared), *range(shared + x_free, total), *range(shared, shared + x_free))
        if e.params["axes"] != turned:
            continue
        params = {"contract": contract[::-1], "batch": batch[::-1]}
        about = (inner.origin, inner.section, inner.rule)
        swapped[e] = Equation(inner.primitive, (y, x), params, e.outputs, *about)
        swapped[inner] = swapped[e]
    kept = [swapped.get(e, e) for e in graph.equations]
    inner_dots = {e for e in swapped if e.primitive.name == "dot"}
    pairs = zip(graph.equations, kept, strict=True)
    return graph.replace_equations(tuple(new for old, new in pairs if old not in inner_dots))


def _rewrite(b: GraphBuilder, equation: Equation, known: Definitions) -> Value | None:
    """Append what replaces a dot; None where it may stay."""
    x, y = equation.inputs
    contract, batch = equation.params["contract"], equation.params.get("batch", ((), ()))
    x_free = free_axes(x.type.ndim, contract[0], batch[0])
    y_free = free_axes(y.type.ndim, contract[1], batch[1])
    terms, rows, columns = _size(x, contract[0]), _size(x, x_free), _size(y, y_free)
    if terms == 1 or rows == columns == 1:
        return _multiplied(b, equation, x_free, y_free)
    if operands(equation, known) is not None:
        return None
    return _copied(b, equation, x_free, y_free, known)


def _multiplied(b: Builder, equation: Equation, x_free: Axes, y_free: Axes) -> Value:
    """Sum over k of x y, by broadcasting both to [batch, x free, y free, k]."""
    x, y = equation.inputs
    contract: tuple[Axes, Axes] = equation.params["contract"]
    batch: tuple[Axes, Axes] = equation.params.get("batch", ((), ()))
    shape = equation.outputs[0].shape
    summed = tuple(x.shape[a] for a in contract[0])
    b_sizes = tuple(x.shape[a] for a in batch[0])
    full = (*shape, *summed)

    def spread(value: Value, order: Axes, dims: Axes) -> Any:
        if order != tuple(range(len(order))):
            value = b.op("permute", value, axes=order)
        return b.broadcast(b.reshape(value, dims), full)

    x_sizes, y_sizes = tuple(x.shape[a] for a in x_free), tuple(y.shape[a] for a in y_free)
    x_dims = (*b_sizes, *x_sizes, *(1,) * len(y_free), *summed)
    y_dims = (*b_sizes, *(1,) * len(x_free), *y_sizes, *summed)
    left = spread(x, (*batch[0], *x_free, *contract[0]), x_dims)
    right = spread(y, (*batch[1], *y_free, *contract[1]), y_dims)
    product = b.op("mul", left, right)
    if all(n == 1 for n in summed):
        return b.reshape(product, shape)
    return b.op("sum", product, axes=tuple(range(len(shape), len(full))), keepdims=False)


def _copied(
    b: GraphBuilder, equation: Equation, x_free: Axes, y_free: Axes, known: Definitions
) -> Value:
    """Put the operands that don't fit into the order [batch, free, summed]."""
    dot: Primitive = equation.primitive
    contract: tuple[Axes, Axes] = equation.params["contract"]
    batch: tuple[Axes, Axes] = equation.params.get("batch", ((), ()))
    inputs: list[Value] = []
    new_contract: list[Axes] = []
    new_batch: list[Axes] = []
    for side, free in ((0, x_free), (1, y_free)):
        value = equation.inputs[side]
        if _matrix(value, batch[side], free, contract[side], known) is None:
            order = (*batch[side], *free, *contract[side])
            inputs.append(b.op("permute", value, axes=order))
            new_batch.append(tuple(range(len(batch[side]))))
            new_contract.append(tuple(range(len(order) - len(contract[side]), len(order))))
        else:
            inputs.append(value)
            new_batch.append(batch[side])
            new_contract.append(contract[side])
    params = {"contract": tuple(new_contract), "batch": tuple(new_batch)}
    return b.apply(dot, tuple(inputs), params)
