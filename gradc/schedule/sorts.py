"""A sort on a GPU -> how it is done: ranks of short rows, runs in shared memory, merging passes."""

from __future__ import annotations

from gradc.ir.dtype import int64
from gradc.ir.graph import TensorType, Value

FEW = 32  # columns, each of which can look at all others
SHARED = 2048  # elements of a run, at most; 1024 where they have eight bytes
BYTES = 8192  # of a run


def run_of(columns: int, itemsize: int) -> int:
    """Return how many neighbours a block sorts in shared memory; 0 for a short row."""
    if columns <= FEW:
        return 0
    run = FEW
    while run < min(columns, SHARED, BYTES // itemsize):
        run *= 2
    return run


def merges(columns: int, run: int) -> tuple[int, ...]:
    """Return the lengths of the runs that are merged, pass by pass."""
    found: list[int] = []
    while run and run < columns:
        found.append(run)
        run *= 2
    return tuple(found)


def scratch_of(values: Value, rows: int, columns: int) -> tuple[Value, ...]:
    """Return room for what a pass reads while it writes the results, where there are passes."""
    if not merges(columns, run_of(columns, values.dtype.itemsize)):
        return ()
    shape = rows, columns
    return (
        Value(TensorType(shape, values.dtype), "merged"),
        Value(TensorType(shape, int64), "places"),
    )
