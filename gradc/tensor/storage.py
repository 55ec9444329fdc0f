"""The memory that a tensor and all its views share: an array, or a graph Value under a trace."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradc.ir.graph import Value
    from gradc.tensor.mark import Mark
    from gradc.tensor.trace import Trace


_NUMBERS = itertools.count()


def next_number() -> int:
    """Return a number greater than those of all storages so far."""
    return next(_NUMBERS)


class Storage:
    """Shared by a base tensor and its views; compared by identity.

    Attributes:
        content: the base ndarray, or the base's current Value.
        trace: the trace that `content` belongs to; None for an array.
        version: number of in-place changes that backward passes must know of.
        changed: where the last of them was made.
        number: storages are numbered as they are made.
    """

    __slots__ = ("__weakref__", "changed", "content", "number", "trace", "version")

    def __init__(self, content: Any, trace: Trace | None = None) -> None:
        self.content: Any = content
        self.trace = trace
        self.version = 0
        self.changed: Mark | None = None
        self.number = next(_NUMBERS)

    @property
    def value(self) -> Value:
        """The base's current Value, of a traced storage."""
        assert self.trace is not None
        return self.content
