"""A Builder applies primitives; what that means (append, compute, record) is the subclass's.

Derivative rules and expansions are written once against Builder and so run on graphs,
on arrays and on tensors.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, cast

from gradc.ir.dtype import DType, from_numpy
from gradc.ir.graph import Equation, Graph, Section, TensorType, Value
from gradc.ir.primitive import Primitive, lookup
from gradc.origin import Origin


def several(result: Any) -> tuple[Any, ...]:
    """Return the outputs of an application as a tuple, also where there is only one."""
    return cast("tuple[Any, ...]", result) if isinstance(result, tuple) else (result,)


class Builder(ABC):
    """The operand type is the subclass's own: Value, ndarray or Tensor."""

    @abstractmethod
    def apply(self, primitive: Primitive, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply `primitive`; return its output, or a tuple where it has several."""

    @abstractmethod
    def typeof(self, operand: Any) -> TensorType:
        """Return the type of an operand."""

    def op(self, name: str, *inputs: Any, **params: Any) -> Any:
        """Apply the primitive called `name`."""
        return self.apply(lookup(name), inputs, params)

    def full(self, type: TensorType, value: float | int | bool) -> Any:
        """Return a constant of the given type."""
        return self.op("full", shape=type.shape, dtype=type.dtype, value=value, device=type.device)

    def zeros_like(self, operand: Any) -> Any:
        """Return zeros of an operand's type."""
        return self.full(self.typeof(operand), 0)

    def cast(self, operand: Any, dtype: DType) -> Any:
        """Return `operand` as `dtype`; the operand itself where it is that already."""
        return (
            operand
            if self.typeof(operand).dtype is dtype
            else self.op("cast", operand, dtype=dtype)
        )

    def broadcast(self, operand: Any, shape: tuple[int, ...]) -> Any:
        """Return `operand` broadcast to `shape`; itself where it has that shape."""
        if self.typeof(operand).shape == tuple(shape):
            return operand
        return self.op("broadcast", operand, shape=tuple(shape))

    def tied(self, x: Any, others: tuple[Any, ...]) -> Any:
        """Return x, which depends on the others by steps only; a tape takes a note of that."""
        return x

    def reshape(self, operand: Any, shape: tuple[int, ...]) -> Any:
        """Return `operand` reshaped; itself where it has that shape."""
        if self.typeof(operand).shape == tuple(shape):
            return operand
        return self.op("reshape", operand, shape=tuple(shape))


class GraphBuilder(Builder):
    """Builds a Graph by appending one equation per application.

    Attributes:
        origin, section, rule: stamped on every equation appended from now on.
    """

    def __init__(self, name: str) -> None:
        self.graph = Graph(name)
        self.equations: list[Equation] = []
        self.origin: Origin | None = None
        self.section = Section.FORWARD
        self.rule = ""

    def input(self, type: TensorType, name: str = "") -> Value:
        """Add an input."""
        value = Value(type, name)
        self.graph.inputs = (*self.graph.inputs, value)
        return value

    def apply(self, primitive: Primitive, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Append an equation; return its output value or tuple of values."""
        result = primitive.typing(*(v.type for v in inputs), **params)
        types = result if isinstance(result, tuple) else (result,)
        outputs = tuple(Value(t) for t in types)
        self.equations.append(
            Equation(primitive, inputs, params, outputs, self.origin, self.section, self.rule)
        )
        return outputs if isinstance(result, tuple) else outputs[0]

    def typeof(self, operand: Value) -> TensorType:
        """Return the type of a value."""
        return operand.type

    def finish(self, outputs: tuple[Value, ...]) -> Graph:
        """Return the graph with these outputs."""
        self.graph.equations = tuple(self.equations)
        self.graph.outputs = outputs
        return self.graph


class ArrayBuilder(Builder):
    """Computes at once on NumPy arrays, through each primitive's meaning."""

    def apply(self, primitive: Primitive, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Return the array (or tuple of arrays) that the primitive means."""
        return primitive.meaning(*inputs, **params)

    def typeof(self, operand: Any) -> TensorType:
        """Return the type of an array."""
        dtype = from_numpy(operand.dtype)
        assert dtype is not None
        return TensorType(operand.shape, dtype)
