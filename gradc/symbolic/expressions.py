"""A graph -> SymPy expressions: every equation applied to arrays of symbols."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from gradc.errors import UnsupportedError
from gradc.ir.builder import Builder, several
from gradc.ir.dtype import DType, bool_, float64, from_numpy
from gradc.ir.graph import Graph, TensorType, Value
from gradc.ir.primitive import Kind, Primitive
from gradc.symbolic.algebra import sp
from gradc.symbolic.definitions import DEFINITIONS, Definition
from gradc.symbolic.lower import apply_expression
from gradc.symbolic.read import NATIVE, function, literal, read

Array = np.ndarray[Any, Any]


def _same(x: Any) -> Any:
    return x


def _trunc(x: Any) -> Any:
    return sp.sign(x) * sp.floor(sp.Abs(x))


def _floor_divide(x: Any, y: Any) -> Any:
    return sp.floor(x / y)


# What SymPy calls the primitives that definitions.py has other words for.
DIRECT: dict[str, Callable[..., Any]] = {
    **NATIVE,
    "sign": sp.sign,
    "floor": sp.floor,
    "ceil": sp.ceiling,
    "trunc": _trunc,
    "floor_divide": _floor_divide,
    "remainder": sp.Mod,
    "eq": sp.Eq,
    "ne": sp.Ne,
    "lt": sp.Lt,
    "le": sp.Le,
    "gt": sp.Gt,
    "ge": sp.Ge,
    "logical_and": sp.And,
    "logical_or": sp.Or,
    "logical_xor": sp.Xor,
    "logical_not": sp.Not,
    "stop_gradient": _same,
    "bfloat16_cotangent": _same,
    "float16_cotangent": _same,
}
FOLDS: dict[str, Callable[..., Any]] = {
    "sum": operator.add,
    "prod": operator.mul,
    "max": sp.Max,
    "min": sp.Min,
    "any": sp.Or,
    "all": sp.And,
}
# These compute on arrays of expressions as they do on numbers.
PLAIN = (Kind.MOVEMENT, Kind.CONTRACTION, Kind.SCAN, Kind.INDEXING)


def expressions(graph: Graph, arrays: Sequence[Array]) -> tuple[Array, ...]:
    """Return the outputs of a graph as arrays of SymPy expressions (or of plain numbers).

    Args:
        graph: the program.
        arrays: one per input; those of dtype object hold SymPy symbols, others numbers.

    Raises:
        UnsupportedError: for an operation on symbols that SymPy has no form for.
    """
    builder = _Symbols()
    memory: dict[Value, Array] = dict(zip(graph.inputs, arrays, strict=True))
    for equation in graph.equations:
        operands = tuple(memory[v] for v in equation.inputs)
        result = builder.apply(equation.primitive, operands, dict(equation.params))
        memory.update(zip(equation.outputs, several(result), strict=True))
    return tuple(memory[v] for v in graph.outputs)


def expression(element: Any) -> Any:
    """Return a number or expression as SymPy."""
    if isinstance(element, sp.Basic):
        return element
    kind = np.asarray(element).dtype.kind
    if kind == "b":
        return sp.true if element else sp.false
    if kind in "iu":
        return sp.Integer(int(element))
    # The shortest decimal of a float32: 0.3, not 0.300000011920929.
    number = float(str(element))
    return literal(number) if np.isfinite(number) else sp.sympify(number)


def symbolic(array: Array) -> Array:
    """Return an array as one of SymPy expressions."""
    out = np.empty(array.shape, object)
    for place in np.ndindex(array.shape):
        out[place] = expression(array[place])
    return out


class _Symbols(Builder):
    """Computes with SymPy where an operand holds symbols, and with NumPy where none does."""

    def apply(self, primitive: Primitive, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Return the result: numbers of numbers, expressions of expressions."""
        if not any(x.dtype == object for x in inputs):
            return primitive.meaning(*inputs, **params)
        if primitive.expansion:
            named = dict(zip(primitive.operands, inputs, strict=True))
            return apply_expression(self, primitive.expansion, named, self.typeof(inputs[0]))
        if primitive.kind is Kind.ELEMENTWISE:
            return _each(_scalar(primitive, params), inputs)
        if primitive.name in FOLDS:
            return _fold(FOLDS[primitive.name], primitive, inputs[0], **params)
        indices = inputs[1:2] if primitive.kind is Kind.INDEXING else ()
        if primitive.kind in PLAIN and not any(x.dtype == object for x in indices):
            values = tuple(x if i == 1 and indices else symbolic(x) for i, x in enumerate(inputs))
            return symbolic(primitive.meaning(*values, **params))
        raise UnsupportedError(f"to_sympy: {primitive.name} has no SymPy form")

    def typeof(self, operand: Any) -> TensorType:
        """Return the type of an array; expressions count as float64."""
        return TensorType(operand.shape, from_numpy(operand.dtype) or float64)


def _scalar(primitive: Primitive, params: dict[str, Any]) -> Callable[..., Any]:
    """Return an elementwise primitive as a function of SymPy expressions."""
    name = primitive.name
    if name == "cast":
        return partial(_cast, dtype=params["dtype"])
    if name in DIRECT:
        return DIRECT[name]
    if name in DEFINITIONS:
        return partial(_defined, DEFINITIONS[name])
    return function(name)


def _defined(definition: Definition, *operands: Any) -> Any:
    """Return a definition of expressions."""
    return read(definition.text, dict(zip(definition.operands, operands, strict=True)))


def _cast(x: Any, dtype: DType) -> Any:
    """Return an expression in another dtype."""
    truth = not isinstance(x, sp.Expr)
    if dtype.is_bool:
        return x if truth else sp.Ne(x, 0)
    if truth:
        return sp.Piecewise((1, x), (0, True))
    whole = dtype.is_floating_point or x.is_integer
    return x if whole else _trunc(x)


def _each(scalar: Callable[..., Any], inputs: tuple[Array, ...]) -> Array:
    """Apply a function of expressions element by element."""
    operands = np.broadcast_arrays(*map(symbolic, inputs))
    out = np.empty(operands[0].shape, object)
    for place in np.ndindex(out.shape):
        out[place] = expression(scalar(*(x[place] for x in operands)))
    return out


def _fold(
    combine: Callable[..., Any],
    primitive: Primitive,
    x: Array,
    axes: tuple[int, ...],
    keepdims: bool = False,
) -> Array:
    """Fold axes by a function of two expressions."""
    if any(x.shape[a] == 0 for a in axes):
        return primitive.meaning(np.zeros(x.shape), axes=axes, keepdims=keepdims)
    folded = symbolic(x)
    if primitive.name in ("any", "all"):
        folded = _each(partial(_cast, dtype=bool_), (folded,))
    for axis in sorted(axes, reverse=True):
        parts = [np.take(folded, i, axis) for i in range(x.shape[axis])]
        total = parts[0]
        for part in parts[1:]:
            total = _each(combine, (np.asarray(total, object), np.asarray(part, object)))
        folded = np.asarray(total, object)
    return np.expand_dims(folded, tuple(axes)) if keepdims else folded
