"""What programs for the processor and for a device have in common, past their memory."""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradc.compiler.capture import Captured, Source
from gradc.compiler.checks import name_of
from gradc.compiler.guards import updatable
from gradc.errors import TraceError
from gradc.ir.graph import Graph
from gradc.tensor import epoch
from gradc.tensor.tensor import Tensor
from gradc.tensor.tree import unflatten

if TYPE_CHECKING:
    from gradc.schedule.plan import Plan


class BoundProgram(ABC):
    """A compiled graph that is bound to the user's tensors.

    Attributes:
        captured: the trace.
        calls: how often it has run.
    """

    __slots__ = ()

    captured: Captured
    calls: int

    @property
    def graph(self) -> Graph:
        """The program as it was traced."""
        return self.captured.graph

    @property
    @abstractmethod
    def plan(self) -> Plan:
        """Kernels and buffers of the whole step, or of the forward half."""

    @property
    @abstractmethod
    def source(self) -> str:
        """The text of the generated file."""

    @property
    @abstractmethod
    def path(self) -> Path:
        """The generated file."""

    @abstractmethod
    def __call__(self, given: Sequence[Tensor]) -> Any:
        """Run on the tensors of a call; return what the function returns."""

    def valid(self, given: Sequence[Tensor]) -> bool:
        """Return whether all that was assumed while tracing holds for the tensors of a call."""
        return self.grads_fit(given) and all(
            guard() for guard in (*self.captured.guards, *self.captured.steady)
        )

    def broken_by(self, given: Sequence[Tensor]) -> str:
        """Return the name of what makes it invalid for the tensors of a call, or ""."""
        for guard in (*self.captured.guards, *self.captured.steady):
            if not guard():
                return name_of(guard)
        return "" if self.grads_fit(given) else "the .grad of an argument"

    def grads_fit(self, given: Sequence[Tensor]) -> bool:
        """Return whether the `.grad` of arguments is there where it was read while tracing."""
        for position, there in self.captured.grads_seen:
            owner = given[position]
            if not (updatable(owner) if there else owner._grad is None):
                return False
        return True

    def _tensor(self, source: Source, given: Sequence[Tensor]) -> Tensor:
        return given[source] if isinstance(source, int) else source

    def _pass_gradients(self, given: Sequence[Tensor]) -> None:
        """Set the `.grad`s that are tensors which were there before, or None."""
        for owner, source in self.captured.passed_gradients:
            tensor = self._tensor(owner, given)
            new = None if source is None else self._tensor(source, given)
            if tensor._grad is not new:
                tensor._grad = new
                epoch.bump()

    def _returned(self, results: Sequence[Tensor], given: Sequence[Tensor]) -> Any:
        """Return what the function returns: new tensors, and those that it was given."""
        made = iter(results)
        returned = [
            next(made) if own is None else self._tensor(own, given) for own in self.captured.passed
        ]
        return unflatten(self.captured.result, returned)

    def _shares_state(self, argument: int) -> TraceError:
        """Return the error for an argument in memory that the program reads or changes."""
        name = self.graph.inputs[argument].hint
        return TraceError(
            f"compile: {self.graph.name}: argument {name} shares memory with a tensor that "
            "the function reads from around it, and one of them is changed",
            hint=f"pass {name}.clone()",
        )

    def _share_memory(self, one: int, other: int) -> TraceError:
        """Return the error for two arguments of which one is changed."""
        first, second = (self.graph.inputs[k].hint for k in sorted((one, other)))
        return TraceError(
            f"compile: {self.graph.name}: arguments {first} and {second} share memory, "
            "and one of them is changed",
            hint=f"pass {second}.clone()",
        )
