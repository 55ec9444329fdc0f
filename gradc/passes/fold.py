"""Equations on constants, or without elements -> constants."""

from __future__ import annotations

import numpy as np

from gradc.ir.graph import Equation, Graph, Value
from gradc.ir.primitive import Kind
from gradc.passes.rewrite import Rewriter, full, rewrite


def fold(graph: Graph) -> Graph:
    """Return `graph` with everything computed that is known now.

    Values without elements become constants too, so that later stages never meet an empty
    loop; a reduction over nothing is the constant that it starts from.
    """
    return rewrite(graph, _fold)


def _fold(b: Rewriter, e: Equation) -> Value | None:
    if e.primitive.name == "full":
        return None
    if e.primitive.kind is Kind.CONTROL:
        return _no_steps(b, e) if e.params["length"] == 0 else None
    if all(v.type.size == 0 for v in e.outputs):
        for value in e.outputs:
            b.replace(value, full(b, value, 0))
        return None
    if e.primitive.kind is Kind.ELEMENTWISE:
        return _elementwise(b, e)
    if any(v.type.size == 0 for v in e.inputs):
        return _of_nothing(b, e)
    return None


def _no_steps(b: Rewriter, e: Equation) -> None:
    """A loop that never runs gives its state back, and nothing else."""
    count = e.params["carries"]
    for old, new in zip(e.outputs, e.inputs[:count], strict=False):
        b.replace(old, new)
    for old in e.outputs[count:]:
        b.replace(old, full(b, old, 0))


def _elementwise(b: Rewriter, e: Equation) -> Value | None:
    numbers = [b.constant(v) for v in e.inputs]
    if any(n is None for n in numbers):
        return None
    operands = [np.asarray(n, v.dtype.numpy) for n, v in zip(numbers, e.inputs, strict=True)]
    return full(b, e.outputs[0], e.primitive.meaning(*operands, **e.params).item())


def _of_nothing(b: Rewriter, e: Equation) -> Value | None:
    """An operand has no elements but the result has some."""
    out = e.outputs[0]
    match e.primitive.kind:
        case Kind.REDUCTION:
            nothing = np.zeros(e.inputs[0].shape, e.inputs[0].dtype.numpy)
            return full(b, out, e.primitive.meaning(nothing, **e.params).flat[0].item())
        case Kind.CONTRACTION:
            return full(b, out, 0)
        case Kind.INDEXING if e.primitive.name in ("index_add", "scatter_add"):
            return e.inputs[0]
        case Kind.MOVEMENT if e.primitive.name == "pad":
            return full(b, out, e.params["value"])
        case _:
            return None
