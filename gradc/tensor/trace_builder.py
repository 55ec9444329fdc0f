"""The builder of a trace: it knows which values the backward pass made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradc.ir.builder import GraphBuilder
from gradc.ir.graph import Section, TensorType, Value
from gradc.ir.primitive import Primitive
from gradc.tensor.kinds import is_tuple, several

if TYPE_CHECKING:
    from gradc.tensor.trace import Trace


class TraceBuilder(GraphBuilder):
    """Appends equations, and remembers which values the backward pass made."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.adjoints: set[Value] = set()

    def apply(self, primitive: Primitive, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Append an equation; return its output value or tuple of values."""
        result = super().apply(primitive, inputs, params)
        if self.section is Section.BACKWARD:
            self.adjoints.update(several(result))
        return result

    def typeof(self, operand: Any) -> TensorType:
        """Return the type of a value, or of (shape, dtype)."""
        return TensorType(*operand) if is_tuple(operand) else operand.type


class Placing(TraceBuilder):
    """Appends equations to a trace at the user's line."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def apply(self, primitive: Primitive, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Append an equation to the trace."""
        return self.trace.emit(primitive, inputs, params)
