"""Run a captured program equation by equation, and name the first that makes a NaN."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.errors import AnomalyError
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import Equation, Graph, Section
from gradc.tensor.anomaly import NOT_FINITE, forward_error, has_nan, types_text

Array = np.ndarray[Any, Any]


def search(graph: Graph, arrays: list[Array]) -> None:
    """Raise if an equation makes a NaN from operands without one; nothing is changed.

    Args:
        graph: as it was traced, before any pass.
        arrays: one per input.

    Raises:
        AnomalyError: names the operation and the user's line.
    """
    with np.errstate(all="ignore"):
        evaluate(graph, arrays, watch=_watch)


def _watch(e: Equation, operands: tuple[Array, ...], results: tuple[Array, ...]) -> None:
    if not any(map(has_nan, results)) or any(map(has_nan, operands)) or not operands:
        return
    if e.section is Section.BACKWARD:
        raise AnomalyError(
            f"backward: {e.primitive.name} made a NaN from operands without one "
            f"({types_text(operands)})" + (f", in the rule {e.rule}" if e.rule else ""),
            hint=NOT_FINITE,
            origin=e.origin,
        )
    raise forward_error(e.primitive, operands, e.origin)
