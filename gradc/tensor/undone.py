"""What a traced program changes -> what it changes unless a condition holds when it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradc.ir.graph import Section
from gradc.ir.primitive import lookup
from gradc.tensor.core import read, resolve
from gradc.tensor.trace import Trace

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def unless(condition: Tensor, trace: Trace, change: Callable[[], Any], rule: str) -> Any:
    """Trace `change`, and let state that it changes stay as it was where a condition holds.

    Args:
        condition: 0-d bool, of the trace.
        trace: the running one.
        change: called once.
        rule: what makes the change, for comments.

    Returns:
        What `change` returns.
    """
    before = {cell: cell.value for cell in trace.cells.values()}
    result = change()
    skips = read(resolve(condition))
    skips.name = skips.name or "skip"
    with trace.in_section(Section.UPDATE, rule):
        for cell in trace.cells.values():
            old, new = before.get(cell, cell.input), cell.value
            if new is old:
                continue
            skip = skips
            if old.shape:
                skip = trace.emit(lookup("broadcast"), (skips,), {"shape": old.shape})
            cell.shadow.content = trace.emit(lookup("where"), (skip, old, new), {})
    return result
