"""A concatenation of equal pieces -> one loop over a piece, with a store for each of them."""

from __future__ import annotations

from gradc.ir.graph import Equation, Value
from gradc.schedule.loops import ZERO, Index, axis_index

MOST = 8  # pieces that one loop computes; more are told apart by their position


def pieces(equation: Equation) -> int:
    """Return how many equal pieces a concatenation has; 1 for anything else."""
    if equation.primitive.name != "concatenate":
        return 1
    shapes = {v.shape for v in equation.inputs}
    return len(equation.inputs) if len(shapes) == 1 and len(equation.inputs) <= MOST else 1


def piece_index(whole: Value, axis: int, length: int, number: int) -> Index:
    """Return where the loops over one piece stand in the whole, axes of size 1 left out.

    Args:
        whole: the concatenation.
        axis: along which.
        length: of a piece.
        number: of the piece.
    """
    count = 0
    found: Index = ()
    for a, n in enumerate(whole.shape):
        size = length if a == axis else n
        place = ZERO if size == 1 else axis_index(count)
        count += size != 1
        if n != 1:
            found = (*found, place.scaled(1, number * length if a == axis else 0))
    return found
