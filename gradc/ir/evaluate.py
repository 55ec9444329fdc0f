"""Run a graph equation by equation through the NumPy meanings: the oracle for compiled code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.ir.builder import several
from gradc.ir.graph import Equation, Graph, Value

Array = np.ndarray[Any, Any]
Watch = Callable[[Equation, tuple[Array, ...], tuple[Array, ...]], None]


def evaluate(
    graph: Graph, arrays: Sequence[Array], watch: Watch | None = None
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Return (outputs, new values of the updated inputs).

    Args:
        graph: the program.
        arrays: one array per graph input; none is changed.
        watch: called after each equation with its operand and result arrays.

    Returns:
        One array per `graph.outputs`, and one per `graph.updates`.
    """
    if len(arrays) != len(graph.inputs):
        raise TypeError(f"{graph.name} takes {len(graph.inputs)} arrays, {len(arrays)} were given")
    memory: dict[Value, Array] = dict(zip(graph.inputs, arrays, strict=True))
    for equation in graph.equations:
        operands = tuple(memory[v] for v in equation.inputs)
        result = equation.primitive.meaning(*operands, **equation.params)
        results = several(result)
        memory.update(zip(equation.outputs, results, strict=True))
        if watch is not None:
            watch(equation, operands, results)
    outputs = tuple(memory[v] for v in graph.outputs)
    return outputs, tuple(memory[new] for _, new in graph.updates)
