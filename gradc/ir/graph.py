"""The language: typed values, equations and graphs in static single assignment form; data only."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradc.ir.dtype import DType
from gradc.origin import Origin

if TYPE_CHECKING:
    from gradc.ir.primitive import Primitive


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape, element type and device of a value.

    Args:
        shape: static sizes, outermost first.
        dtype: element type.
        device: `cpu` or `cuda`.
    """

    shape: tuple[int, ...]
    dtype: DType
    device: str = "cpu"

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        n = 1
        for s in self.shape:
            n *= s
        return n

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.size * self.dtype.itemsize

    def with_shape(self, shape: tuple[int, ...]) -> TensorType:
        """Return this type with another shape."""
        return TensorType(tuple(shape), self.dtype, self.device)

    def with_dtype(self, dtype: DType) -> TensorType:
        """Return this type with another dtype."""
        return TensorType(self.shape, dtype, self.device)

    def __str__(self) -> str:
        on = "" if self.device == "cpu" else f" {self.device}"
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]{on}"


class Role(enum.Enum):
    """What a graph input is to the user's program."""

    ARGUMENT = "argument"
    PARAMETER = "parameter"
    BUFFER = "buffer"
    GRADIENT = "gradient"
    STATE = "optimizer state"
    RANDOM = "random state"
    HYPER = "hyper-parameter"


class Section(enum.Enum):
    """The part of a program that an equation belongs to."""

    FORWARD = "forward"
    BACKWARD = "backward"
    UPDATE = "update"


@dataclass(eq=False, slots=True)
class Value:
    """One SSA value; compared by identity.

    Args:
        type: shape, dtype, device.
        name: the user's name for it, where there is one (a hint: emission makes it unique).
        adjoint_of: the primal value whose adjoint this is, or None.
    """

    type: TensorType
    name: str = ""
    adjoint_of: Value | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Static sizes."""
        return self.type.shape

    @property
    def dtype(self) -> DType:
        """Element type."""
        return self.type.dtype

    @property
    def hint(self) -> str:
        """The best name known: the user's, or `v_bar` for the adjoint of v, or ""."""
        if self.name:
            return self.name
        if self.adjoint_of is not None:
            primal = self.adjoint_of.hint
            return f"{primal}_bar" if primal else ""
        return ""


@dataclass(eq=False, slots=True, frozen=True)
class Equation:
    """outputs = primitive(inputs; params).

    Args:
        primitive: what is applied.
        inputs: operand values.
        params: static parameters (hashable).
        outputs: the values it defines.
        origin: the user's line.
        section: forward, backward or update.
        rule: maths of the derivative rule that made it, for backward equations.
    """

    primitive: Primitive
    inputs: tuple[Value, ...]
    params: Mapping[str, Any]
    outputs: tuple[Value, ...]
    origin: Origin | None = None
    section: Section = Section.FORWARD
    rule: str = ""


@dataclass(eq=False, slots=True)
class Graph:
    """A program: equations in an order in which each value is defined before it is used.

    Args:
        name: of the function it was traced from.
        inputs: values given by the caller, arguments first, then captured state.
        equations: in execution order.
        outputs: values returned; a value may be returned twice, or be an input.
        roles: what each input is.
        updates: (old, new): after the program ran, the input `old` holds the value `new`.
    """

    name: str
    inputs: tuple[Value, ...] = ()
    equations: tuple[Equation, ...] = ()
    outputs: tuple[Value, ...] = ()
    roles: dict[Value, Role] = field(default_factory=dict)
    updates: tuple[tuple[Value, Value], ...] = ()

    def results(self) -> tuple[Value, ...]:
        """All values that must exist at the end: outputs, then updated state."""
        return (*self.outputs, *(new for _, new in self.updates))

    def replace_equations(self, equations: tuple[Equation, ...]) -> Graph:
        """Return this graph with other equations, everything else the same."""
        return Graph(
            self.name, self.inputs, equations, self.outputs, dict(self.roles), self.updates
        )
