"""A function of tensors, traced and run on symbols -> the SymPy expression that it computes."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from gradc.errors import ArgumentTypeError, UnsupportedError
from gradc.ir.graph import Role
from gradc.symbolic.algebra import sp
from gradc.symbolic.expressions import expression, expressions
from gradc.tensor.core import elements, is_tensor, wrap_array
from gradc.tensor.kinds import is_array
from gradc.tensor.promotion import is_number
from gradc.tensor.tensor import Tensor
from gradc.tensor.trace import Trace

Array = np.ndarray[Any, Any]


def to_sympy(function: Callable[..., Any], *examples: Any) -> Any:
    """Return what a function of tensors computes as a SymPy expression.

    The function is traced once, and its graph is run on symbols in place of numbers. Tensors
    that it reads from outside count with the values that they have now.

    Args:
        function: takes and returns tensors.
        examples: one per argument of `function`:
            a name or SymPy symbol: a scalar, float64;
            a floating Tensor: one symbol for each element, `x` for a 0-d argument x of the
            function, `x_0`, `x_1` ... for its elements otherwise;
            an integer or bool Tensor, or a number: itself.
            Without examples every argument is a scalar of its own name. Symbols made here are
            real: `sympy.Symbol("x", real=True)`.

    Returns:
        An expression for a 0-d result, a `sympy.Array` for one with axes, a tuple for several.

    Raises:
        ArgumentTypeError: for an example of another kind, or a result that is no tensor.
        UnsupportedError: for operations without SymPy form (sort, argmax, random numbers) and
            functions that change tensors from outside.

    Example:
        >>> import gradc
        >>> gradc.to_sympy(lambda w, b: gradc.sigmoid(2 * w + b))
        1/(exp(-b - 2*w) + 1)
        >>> gradc.to_sympy(lambda x: (x * x).sum(), gradc.ones(3))
        x_0**2 + x_1**2 + x_2**2
    """
    names = _parameter_names(function, examples)
    given = examples or names
    arguments: list[Any] = []
    stand_ins: dict[int, Array] = {}
    for name, example in zip(names, given, strict=True):
        argument, holds = _argument(name, example)
        arguments.append(argument)
        if holds is not None:
            stand_ins[id(argument._storage)] = holds
    trace = Trace("to_sympy")
    with trace:
        for argument in arguments:
            if is_tensor(argument):
                trace.capture(argument, Role.ARGUMENT)
        returned = function(*arguments)
        results = cast("tuple[Any, ...]", returned if _is_sequence(returned) else (returned,))
        values = tuple(trace.value(_checked(r)) for r in results)
    if trace.hypers or any(c.changed and id(s) not in stand_ins for s, c in trace.cells.items()):
        raise UnsupportedError(
            "to_sympy: the function changes tensors from outside (a random state counts)",
            hint="a function of its arguments alone",
        )
    graph = trace.builder.finish(values)
    inputs: list[Any] = [stand_ins.get(id(s), s.content) for s in trace.cells]
    outputs = tuple(_result(a) for a in expressions(graph, inputs))
    return outputs if _is_sequence(returned) else outputs[0]


def _parameter_names(function: Callable[..., Any], examples: tuple[Any, ...]) -> tuple[str, ...]:
    """Return a name for each argument: the function's own where they can be told."""
    if examples and all(isinstance(e, str | sp.Symbol) for e in examples):
        return tuple(str(e) for e in examples)
    try:
        called = getattr(function, "forward", function)
        parameters = list(inspect.signature(called).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    own = [p for p in parameters if p.kind in kinds]
    if not examples:
        names = tuple(p.name for p in own if p.default is inspect.Parameter.empty)
        if not names:
            raise ArgumentTypeError(
                "to_sympy: can't tell the arguments of the function",
                hint='their names: to_sympy(f, "x", "y")',
            )
        return names
    return tuple(own[i].name if i < len(own) else f"x{i}" for i in range(len(examples)))


def _argument(name: str, example: Any) -> tuple[Any, Array | None]:
    """Return what to call the function with, and the symbols that stand for it."""
    if isinstance(example, str | sp.Symbol):
        symbol = sp.Symbol(example, real=True) if isinstance(example, str) else example
        return wrap_array(np.zeros((), np.float64)), np.array(symbol, object)
    if is_tensor(example) or is_array(example):
        array = np.array(elements(example) if is_tensor(example) else example)
        tensor = wrap_array(array)
        return tensor, _symbols(name, array.shape) if array.dtype.kind == "f" else None
    if is_number(example):
        return example, None
    raise ArgumentTypeError(
        f"to_sympy: {name} must be a name, a symbol, a Tensor or a number, got "
        f"{type(example).__name__}"
    )


def _symbols(name: str, shape: tuple[int, ...]) -> Array:
    """Return an array of symbols, `x` or `x_0`, `x_1` ..."""
    out = np.empty(shape, object)
    for place in np.ndindex(shape):
        out[place] = sp.Symbol("_".join((name, *map(str, place))), real=True)
    return out


def _is_sequence(value: Any) -> bool:
    return isinstance(value, tuple | list)


def _checked(result: Any) -> Tensor:
    """Return a result that is a tensor, or raise."""
    if is_tensor(result):
        return result
    raise ArgumentTypeError(
        f"to_sympy: the function must return a Tensor or a tuple of them, got "
        f"{type(result).__name__}"
    )


def _result(array: Array) -> Any:
    """Return an expression for a 0-d array, a sympy.Array for others."""
    if array.shape == ():
        return expression(array[()])
    flat = [expression(array[place]) for place in np.ndindex(array.shape)]
    return sp.ImmutableDenseNDimArray(flat, array.shape)
