"""A trace turns what tensors do into a Graph, and leaves the user's tensors as they are.

Every concrete tensor that is met gets a stand-in (`shadow`) whose content is a graph Value.
In-place changes, gradients and random states change stand-ins only.
"""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, MutableMapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gradc.errors import TraceError
from gradc.ir.builder import GraphBuilder
from gradc.ir.dtype import float64, from_numpy
from gradc.ir.graph import Role, Section, TensorType, Value
from gradc.ir.primitive import Primitive
from gradc.origin import Origin
from gradc.tensor.captured import Cell, Hyper
from gradc.tensor.core import (
    read,
    refresh,
    resolve,
    wrap_array,
    wrap_value,
)
from gradc.tensor.device import Device
from gradc.tensor.kinds import several
from gradc.tensor.moving import move
from gradc.tensor.naming import Names
from gradc.tensor.place import Place
from gradc.tensor.program_device import ProgramDevice
from gradc.tensor.shadow import stand_in, take_history
from gradc.tensor.state import STATE
from gradc.tensor.storage import Storage
from gradc.tensor.strides import array_strides
from gradc.tensor.trace_builder import Placing, TraceBuilder

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


class Trace(Place):
    """Collects one program; `with trace:` makes it the active one of this thread.

    Attributes:
        cells: captured storages, in the order in which they were met.
        grads: `.grad` of concrete tensors that the program set.
        grad_reads: concrete tensors whose `.grad` was read before it was set, and whether it
            was there.
        hypers: hyper-parameters, in the order in which they were met.
        guards: functions that return whether what was assumed while tracing still holds.
        steady: the same, of what changes only when `epoch` counts a change.
        on_failure: functions called when tracing ends with an error.
        scope: names of the modules being called, outermost first.
        target: the device that the program is for.
        by_rules: whether gradients come from the equations' rules instead of a tape.
    """

    traces = True

    def __init__(self, name: str) -> None:
        self._builder = TraceBuilder(name)
        self.cells: dict[Storage, Cell] = {}
        self.grads: dict[Tensor, Tensor | None] = {}
        self.grad_reads: dict[Tensor, bool] = {}
        self.hypers: list[Hyper] = []
        self.guards: list[Callable[[], bool]] = []
        self.steady: list[Callable[[], bool]] = []
        self.on_failure: list[Callable[[], None]] = []
        self.scope: list[str] = []
        self._shadows: dict[Tensor, Tensor] = {}
        self._owners: dict[Tensor, Tensor] = {}
        self._by_shadow: dict[Storage, Cell] = {}
        self.target = ProgramDevice("compile")
        self._names: Names | None = None
        self._pinned: list[Origin | None] = []
        self._outer: list[Trace | None] = []

    @property
    def builder(self) -> TraceBuilder:
        """Appends the equations."""
        return self._builder

    @property
    def device(self) -> Device:
        """Where the program runs: on the device of the tensors that it has met."""
        return self.target.device

    # ---- running -----------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if STATE.trace is not None:
            raise TraceError("a trace can't begin inside another trace")
        if self._names is None:
            self._names = Names(sys._getframe(1))  # pyright: ignore[reportPrivateUsage] # no public way
        self._outer.append(STATE.trace)
        STATE.trace = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        STATE.trace = self._outer.pop()
        if error is not None:
            for undo in reversed(self.on_failure):
                undo()

    @contextmanager
    def paused(self) -> Generator[None]:
        """Leave the trace for a while, to make concrete tensors."""
        STATE.trace = None
        try:
            yield
        finally:
            STATE.trace = self

    @contextmanager
    def in_section(self, section: Section, rule: str = "") -> Generator[None]:
        """Mark the equations made meanwhile as belonging to a section, and made by a rule."""
        before, self.builder.section = self.builder.section, section
        rule, self.builder.rule = self.builder.rule, rule
        try:
            yield
        finally:
            self.builder.section, self.builder.rule = before, rule

    @contextmanager
    def at(self, origin: Origin | None, rule: str) -> Generator[None]:
        """Give the equations made meanwhile the origin of a forward operation."""
        self._pinned.append(origin)
        before, self.builder.rule, self.builder.origin = self.builder.rule, rule, origin
        try:
            yield
        finally:
            self._pinned.pop()
            self.builder.rule = before

    @contextmanager
    def in_scope(self, name: str) -> Generator[None]:
        """Enter the scope of a module that is being called."""
        self.scope.append(name)
        try:
            yield
        finally:
            self.scope.pop()

    def encloses(self, place: Place) -> bool:
        """Return whether tensors of another trace may be used here."""
        return False

    # ---- equations ---------------------------------------------------------------------------

    def emit(self, primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Append an equation for the user's line that is being executed."""
        if self._pinned:
            return self.builder.apply(primitive, values, params)
        names = self._names
        assert names is not None
        stack = names.stack()
        self.builder.origin = names.origin(stack, ".".join(self.scope))
        result = self.builder.apply(primitive, values, params)
        if self.builder.section is not Section.BACKWARD:
            names.assign(stack, several(result))
        return result

    def wrap(self, content: Value) -> Tensor:
        """Return a base tensor of a Value."""
        return wrap_value(content, self)

    def face(self, content: Value) -> Value:
        """Return the Value itself."""
        return content

    def copy(self, content: Value) -> Value:
        """Return the Value itself: Values never change."""
        return content

    def written(self, old: Value, new: Value) -> Value:
        """Return the new Value."""
        return new

    def apart(self, results: tuple[Any, ...], values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the Values themselves."""
        return results

    def run_on(self, device: Device) -> None:
        """Let the program run on a device that the user names, or raise."""
        self.target.settle(device)

    def meet(self, tensor: Tensor, name: str = "") -> None:
        """Let the program run on the device of a concrete tensor, or raise."""
        self.target.meet(tensor, name)

    def placing(self) -> GraphBuilder:
        """Return the builder, set to the user's line, for writing through views."""
        return Placing(self)

    def name_adjoint(self, adjoint: Value, primal: Value) -> None:
        """Say that a value of the backward pass is the adjoint of a primal value."""
        if adjoint not in self.builder.adjoints or adjoint.name:
            return
        known = adjoint.adjoint_of
        if (
            known is None
            or not known.hint
            or (self._is_users(primal) and not self._is_users(known))
        ):
            adjoint.adjoint_of = primal

    def _is_users(self, value: Value) -> bool:
        """Return whether the user's own program has a name for a value."""
        return self._names is not None and bool(self._names.user.name(value))

    # ---- captured state ----------------------------------------------------------------------

    def capture(self, tensor: Tensor, role: Role | None = None, name: str = "") -> Cell:
        """Make the storage of a concrete tensor an input of the program.

        Args:
            tensor: any tensor on it.
            role: what it is; by default what the tensor says, optimizer state in UPDATE.
            name: the user's name for it.
        """
        cell = self.cells.get(tensor._storage)
        if cell is not None:
            return cell
        self.meet(tensor, name)
        if role is None:
            role = tensor._role
            if role is Role.BUFFER and self.builder.section is Section.UPDATE:
                role = Role.STATE
        array = tensor._storage.content
        dtype = from_numpy(array.dtype)
        assert dtype is not None
        value = self.builder.input(TensorType(array.shape, dtype), name)
        self.builder.graph.roles[value] = role
        shadow = Storage(value, self)
        shadow.version = tensor._storage.version
        cell = Cell(tensor._storage, value, shadow, role, tensor)
        self.cells[tensor._storage] = self._by_shadow[shadow] = cell
        return cell

    def value(self, tensor: Tensor) -> Value:
        """Return the Value that a tensor has at this point of the program."""
        return read(resolve(tensor))

    def constant(self, array: Any) -> Tensor:
        """Return an array made while tracing as a tensor: an input that is always the same."""
        with self.paused():
            concrete = move(wrap_array(array), self.device)
        return wrap_value(self.capture(concrete, Role.BUFFER).value, self)

    def shadow(self, tensor: Tensor) -> Tensor:
        """Return the stand-in of a concrete tensor."""
        known = self._shadows.get(tensor)
        if known is not None:
            return known
        cell = self.capture(tensor)
        made = stand_in(tensor, cell)
        self._shadows[tensor], self._owners[made] = made, tensor
        if tensor._path:
            refresh(made, self)
        if tensor._base is not None:
            made._base = self.shadow(tensor._base)
        take_history(made, tensor)
        return made

    def captured(self) -> list[Tensor]:
        """Return the concrete tensors that were met, in order."""
        return list(self._shadows)

    def known(self, tensor: Tensor) -> Tensor:
        """Return the stand-in of a concrete tensor if it has one, else the tensor itself."""
        return self._shadows.get(tensor, tensor)

    def owner_of(self, tensor: Tensor) -> Tensor | None:
        """Return the concrete tensor that `tensor` is or stands for; None if made in the trace."""
        if not tensor._storage.traced:
            return tensor
        return self._owners.get(tensor)

    def original(self, tensor: Tensor) -> Tensor:
        """Return the user's tensor that a stand-in stands for, or the tensor itself."""
        return self._owners.get(tensor, tensor)

    def get_grad(self, owner: Tensor) -> Tensor | None:
        """Return `.grad` of a concrete tensor as the program has it now."""
        if owner not in self.grads:
            before = owner._grad
            self.grad_reads[owner] = before is not None
            self.grads[owner] = before
            if before is not None:
                self.capture(before, Role.GRADIENT)
        return self.grads[owner]

    def number_of(self, storage: Storage) -> int:
        """Return the number of a storage, or of the user's that it stands for."""
        cell = self._by_shadow.get(storage)
        return storage.number if cell is None else cell.storage.number

    def base_strides(self, storage: Storage) -> tuple[int, ...] | None:
        """Return the strides of the user's array behind a storage; None for new ones."""
        cell = self._by_shadow.get(storage)
        return None if cell is None else array_strides(cell.storage.content)

    def hyper(self, owner: MutableMapping[str, Any], key: str) -> Tensor:
        """Return the number `owner[key]`, read at each call, as a 0-d float64 tensor."""
        for known in self.hypers:
            if known.owner is owner and known.key == key:
                return known.tensor
        value = self.builder.input(TensorType((), float64), key)
        self.builder.graph.roles[value] = Role.HYPER
        known = Hyper(owner, key, wrap_value(value, self), value)
        self.hypers.append(known)
        return known.tensor


@contextmanager
def trace_section(section: Section, rule: str = "") -> Generator[None]:
    """Mark equations traced meanwhile as belonging to a section; eagerly, do nothing."""
    if STATE.trace is None:
        yield
        return
    with STATE.trace.in_section(section, rule):
        yield
