"""The results of a compiled function on the tape: one node that runs the backward program."""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from gradc.errors import AnomalyError, UnsupportedError
from gradc.ir.builder import Builder
from gradc.ir.dtype import DType
from gradc.tensor.anomaly import has_nan
from gradc.tensor.core import brief
from gradc.tensor.edges import edge_of
from gradc.tensor.mark import mark
from gradc.tensor.node import Edge, Node, TapeOperands, check_unchanged, freed_error
from gradc.tensor.state import STATE
from gradc.tensor.storage import Storage
from gradc.tensor.tensor import Tensor

if TYPE_CHECKING:
    from gradc.schedule.plan import Plan


class Code(Protocol):
    """A compiled graph, for the processor or for a device, whose arrays it takes and gives."""

    @property
    def plan(self) -> Plan:
        """Kernels and buffers."""
        ...

    def run(self, arrays: Sequence[Any]) -> list[Any]:
        """Run on one array per input; return the outputs."""
        ...

    def kept(self, content: Any) -> Any:
        """Return a content as an array that `run` takes."""
        ...

    def seed(self, gradient: Any, shape: tuple[int, ...], dtype: DType) -> Any:
        """Return the gradient of a result as an array that `run` takes; zeros for None."""
        ...


C = TypeVar("C", bound=Code)


@dataclass(slots=True)
class Residual:
    """Where a value that the backward program reads is found after the forward program.

    Attributes:
        output: position among the outputs of the forward program, or -1.
        argument: position among the arguments, or -1.
        storage: the captured storage, where it is neither.
    """

    output: int = -1
    argument: int = -1
    storage: Storage | None = None


@dataclass(slots=True)
class BackwardProgram(Generic[C]):
    """The second half of a function whose results want gradients.

    Attributes:
        name: the function's.
        code: the compiled backward graph; inputs are residuals, then gradients of results.
        residuals: where the first inputs are found.
        differentiable: positions of the results that want gradients.
        sources: the tensors that gradients flow on to, or positions of arguments.
    """

    name: str
    code: C
    residuals: tuple[Residual, ...]
    differentiable: tuple[int, ...]
    sources: tuple[Tensor | int, ...]

    def attach(
        self, results: list[Tensor], given: Sequence[Tensor], arguments: list[Any],
        storages: list[Storage], outputs: list[Any],
    ) -> None:  # fmt: skip
        """Put the results of a call on the tape.

        Args:
            results: the new tensors.
            given: the tensors of the call.
            arguments: arrays that the program read the arguments from.
            storages: of the arguments.
            outputs: all outputs of the forward program.
        """
        saved: list[Any] = []
        guards: list[tuple[Storage, int]] = []
        for r in self.residuals:
            if r.output >= 0:
                saved.append(outputs[r.output])
                if r.output < len(results):
                    storage = results[r.output]._storage
                    guards.append((storage, storage.version))
                continue
            storage = storages[r.argument] if r.argument >= 0 else r.storage
            assert storage is not None
            array = arguments[r.argument] if r.argument >= 0 else storage.content
            saved.append(self.code.kept(array))
            guards.append((storage, storage.version))
        tensors = [given[s] if isinstance(s, int) else s for s in self.sources]
        wanting = [results[i] for i in self.differentiable]
        node = CompiledBackward(self, tuple(map(edge_of, tensors)), wanting, saved, guards)
        for slot, t in enumerate(wanting):
            t._node, t._slot = node, slot


class CompiledBackward(Node):
    """A call of a compiled function, with the arrays that its backward program reads."""

    __slots__ = ("freed", "guards", "program", "saved")

    def __init__(
        self,
        program: BackwardProgram[Any],
        edges: tuple[Edge | None, ...],
        results: list[Tensor],
        saved: list[Any],
        guards: list[tuple[Storage, int]],
    ) -> None:
        Node.__init__(self, edges, tuple(map(brief, results)), mark())
        self.program = program
        self.saved = saved
        self.guards = guards
        self.freed = False

    def pull(
        self, b: Builder, cotangents: tuple[Any, ...], needed: Sequence[bool]
    ) -> Sequence[Any | None]:
        """Run the backward program."""
        name = self.program.name
        if self.freed:
            raise freed_error(self)
        if isinstance(b, TapeOperands) or STATE.trace is not None:
            raise UnsupportedError(
                f"backward: a second derivative through the compiled function {name}",
                hint="call gradc.compile on the function that takes the derivative",
            )
        check_unchanged(self, self.guards, name)
        types = zip(cotangents, self.types, strict=True)
        code = self.program.code
        given = [*self.saved, *(code.seed(c, shape, dtype) for c, (shape, dtype) in types)]
        found = code.run(given)
        if STATE.anomaly and any(map(has_nan, found)) and not any(map(has_nan, given)):
            raise AnomalyError(
                f"backward: the compiled function {name} made a NaN from values without one",
                hint=f"call {name} without gradc.compile to find the line",
                origin=self.origin,
            )
        return found

    def push(self, b: Builder, tangents: tuple[Any, ...]) -> Sequence[Any | None]:
        """Refuse: a compiled function has no forward program for tangents."""
        raise UnsupportedError(
            f"jvp: a forward derivative through the compiled function {self.program.name}",
            hint="call gradc.compile on the function that takes the derivative",
        )

    def release(self) -> None:
        """Forget saved values."""
        self.freed, self.saved, self.guards = True, [], []
