"""A function of tensors -> the graph of one step of a loop, or of one example of a batch."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Self

from gradc.errors import TraceError, UnsupportedError
from gradc.ir.graph import Role, TensorType, Value
from gradc.ir.primitive import Primitive, lookup
from gradc.tensor.captured import Cell
from gradc.tensor.core import type_text, typeof, wrap_array, wrap_value
from gradc.tensor.device import Device
from gradc.tensor.kinds import several
from gradc.tensor.moving import move
from gradc.tensor.naming import Names
from gradc.tensor.place import Place
from gradc.tensor.program_device import ProgramDevice
from gradc.tensor.state import STATE
from gradc.tensor.trace import Trace

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


class BodyTrace(Trace):
    """Collects the body of a loop or of vmap, alone or inside another trace.

    Gradients come from the rules of the body's equations, not from a tape; so what runs without
    gradients inside the body is cut off by an equation.

    Args:
        name: of the function.
        caller: what traces it, for messages.

    Attributes:
        around: the trace around this one.
        outside: tensors met from outside, in the order of their inputs.
    """

    by_rules = True

    def __init__(self, name: str, caller: str) -> None:
        super().__init__(name)
        self.caller = caller
        self.target = ProgramDevice(caller)
        self.during = f"{caller} runs its function on stand-ins"
        self.running = f"the function under {caller}"
        self.outside: list[Tensor] = []
        self.inside: list[Tensor] = []
        self.recording = STATE.grad
        outer = STATE.trace
        self.around = outer
        if outer is not None:  # what the body assumes, the program around it assumes
            self.guards, self.steady = outer.guards, outer.steady
            self.scope, self._names = outer.scope, outer._names

    def __enter__(self) -> Self:
        if self._names is None:
            self._names = Names(sys._getframe(1))  # pyright: ignore[reportPrivateUsage] # no public way
        self._outer.append(STATE.trace)
        STATE.trace = self
        return self

    def encloses(self, place: Place) -> bool:
        """Return whether tensors of a trace may be used here: it is around this one."""
        around = self.around
        return around is not None and (around is place or around.encloses(place))

    @property
    def device(self) -> Device:
        """That of the tensors around the loop."""
        return self.target.device if self.around is None else self.around.device

    def surrounded_by(self, trace: Trace | None) -> bool:
        """Return whether this body, or one around it, was begun under `trace` (None: eagerly)."""
        around = self.around
        return around is trace or (isinstance(around, BodyTrace) and around.surrounded_by(trace))

    def operand(self, type: TensorType, name: str = "") -> Tensor:
        """Add an input of the body; return its tensor."""
        return wrap_value(self.builder.input(type, name), self)

    def emit(self, primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Append an equation, and cut gradients off where none are recorded."""
        result = super().emit(primitive, values, params)
        if STATE.grad or not self.recording:
            return result
        cut = tuple(
            super(BodyTrace, self).emit(lookup("stop_gradient"), (v,), {})
            if v.dtype.is_floating_point
            else v
            for v in several(result)
        )
        return cut if isinstance(result, tuple) else cut[0]

    def shadow(self, tensor: Tensor) -> Tensor:
        """Return the stand-in of a tensor from outside: a constant of the loop."""
        known = self._shadows.get(tensor)
        if known is not None:
            return known
        if self.around is None:
            self.meet(tensor)
        stand_in = self.operand(typeof(tensor))
        self._shadows[tensor], self._owners[stand_in] = stand_in, tensor
        self.outside.append(tensor)
        self.inside.append(stand_in)
        return stand_in

    def constant(self, array: Any) -> Tensor:
        """Return an array made while tracing as a tensor."""
        with self.paused():
            concrete = move(wrap_array(array), self.device)
        return self.shadow(concrete)

    def changed(self) -> list[int]:
        """Return which tensors from outside the body changed in place."""
        inputs = self.builder.graph.inputs
        first = len(inputs) - len(self.outside)
        values: list[Value] = [t._storage.content for t in self.inside]
        return [i for i, v in enumerate(values) if v is not inputs[first + i]]

    def meet_own_backward(self, name: str) -> None:
        """Refuse a Function whose backward is the user's own: the rules would not know of it."""
        raise UnsupportedError(
            f"{name}: a Function with a backward of its own can't run inside the body of "
            f"gradc.{self.caller}",
            hint="write the body with operations that have derivatives, or use a Python loop",
        )

    def capture(self, tensor: Tensor, role: Role | None = None, name: str = "") -> Cell:
        """Refuse state that is bound by name."""
        raise TraceError(
            f"{self.caller}: the body reads the gradient of a tensor {type_text(tensor)} from "
            "outside",
            hint=f"read x.grad before {self.caller}",
        )

    def hyper(self, owner: MutableMapping[str, Any], key: str) -> Tensor:
        """Refuse optimizers."""
        raise TraceError(
            f"{self.caller}: the body steps an optimizer ({key})",
            hint=f"call optimizer.step() after {self.caller}",
        )
