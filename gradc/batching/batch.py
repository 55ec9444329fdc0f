"""What the rules know about a batch: how many examples, and what applies the primitives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gradc.ir.builder import Builder
from gradc.ir.primitive import Primitive

Operands = tuple[Any, ...]
Flags = tuple[bool, ...]  # for each operand: whether it has the examples along axis 0
Params = dict[str, Any]
Rule = Callable[["Batch", Primitive, Params, Operands, Flags], Operands]


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch.

    Args:
        builder: applies the primitives; Values, arrays or tensors are its operands.
        size: number of examples.
        different: whether each example draws random numbers of its own.
    """

    builder: Builder
    size: int
    different: bool = False

    def spread(self, x: Any) -> Any:
        """Return an operand of every example repeated for each of them."""
        return self.builder.broadcast(x, (self.size, *self.builder.typeof(x).shape))

    def all_spread(self, operands: Sequence[Any], flags: Sequence[bool]) -> Operands:
        """Return all operands with the examples along axis 0."""
        pairs = zip(operands, flags, strict=True)
        return tuple(x if flag else self.spread(x) for x, flag in pairs)

    def shape(self, x: Any, flag: bool) -> tuple[int, ...]:
        """Return the shape that one example of an operand has."""
        shape = self.builder.typeof(x).shape
        return shape[1:] if flag else shape

    def to_front(self, x: Any, axis: int) -> Any:
        """Return a result with the examples moved from an axis to the front."""
        if axis == 0:
            return x
        rest = (a for a in range(self.builder.typeof(x).ndim) if a != axis)
        return self.builder.op("permute", x, axes=(axis, *rest))
