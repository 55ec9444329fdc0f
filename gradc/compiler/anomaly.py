"""Run a captured program equation by equation, and name the first that makes a NaN."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.errors import AnomalyError
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import Equation, Graph, Section

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
    if not any(map(_has_nan, results)) or any(map(_has_nan, operands)) or not operands:
        return
    shapes = ", ".join(f"{x.dtype}{list(x.shape)}" for x in operands)
    if e.section is Section.BACKWARD:
        raise AnomalyError(
            f"backward: {e.primitive.name} made a NaN from operands without one ({shapes})"
            + (f", in the rule {e.rule}" if e.rule else ""),
            hint="the derivative of this line is not finite there: sqrt at 0, 0 * inf",
            origin=e.origin,
        )
    raise AnomalyError(
        f"{e.primitive.name}: made a NaN from operands without one ({shapes})",
        hint="look at the operands of this line: 0 / 0, log of a negative, inf - inf",
        origin=e.origin,
    )


def _has_nan(array: Array) -> bool:
    return array.dtype.kind == "f" and bool(np.isnan(array).any())
