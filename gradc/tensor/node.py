"""Operations recorded on the tape: each knows where its operands came from and its own VJP."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import ReferenceType

from gradc.autodiff.rules import jvp_rule, rule_text, vjp_rule
from gradc.devices.array import DeviceArray
from gradc.errors import GradientError, InplaceError, UnsupportedError
from gradc.ir.builder import Builder
from gradc.ir.dtype import DType
from gradc.ir.graph import TensorType, Value
from gradc.ir.primitive import Primitive
from gradc.origin import Origin
from gradc.tensor.core import Path
from gradc.tensor.kinds import is_array, is_tuple
from gradc.tensor.mark import Mark, origin_of
from gradc.tensor.paths import follow, put
from gradc.tensor.storage import Storage

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

Edge = tuple[Any, int]  # (Node, number of its output), or (leaf Tensor, 0)
Guard = tuple[Storage, int]
Brief = tuple[tuple[int, ...], DType]  # of an operand whose values are not kept

_ORDER = itertools.count()


class Node:
    """One recorded operation.

    Attributes:
        edges: where the gradient of each operand goes; None where it wants none.
        types: (shape, dtype) of each output.
        order: nodes are numbered as they are made, so operands have smaller numbers.
        where: the user's line: a mark, or an Origin under a trace.
        values: under a trace, the Values of the outputs.
        hooks: functions called with the gradient of an output, by output number.
        retained: tensors that keep the gradient of an output, by output number.
        opaque: whether its rule may read tensors that are not among the operands.
    """

    opaque: ClassVar[bool] = False

    __slots__ = ("__weakref__", "edges", "hooks", "order", "retained", "types", "values", "where")

    def __init__(
        self,
        edges: tuple[Edge | None, ...],
        types: tuple[Brief, ...],
        where: Mark | Origin | None,
    ) -> None:
        self.edges = edges
        self.types = types
        self.order = next(_ORDER)
        self.where = where
        self.values: tuple[Value, ...] = ()
        self.hooks: dict[int, dict[int, Any]] | None = None
        self.retained: dict[int, ReferenceType[Tensor]] | None = None

    @property
    def origin(self) -> Origin | None:
        """The user's line that this operation was written on."""
        return self.where if isinstance(self.where, Origin) else origin_of(self.where)

    def name(self) -> str:
        """Return the name shown by `grad_fn`."""
        return type(self).__name__

    def rule(self, needed: Sequence[bool]) -> str:
        """Return the maths of the rule, for comments in generated code."""
        return ""

    def pull(
        self, b: Builder, cotangents: tuple[Any, ...], needed: Sequence[bool]
    ) -> Sequence[Any | None]:
        """Return the gradient of each operand, given those of the outputs."""
        raise NotImplementedError

    def push(self, b: Builder, tangents: tuple[Any, ...]) -> Sequence[Any | None]:
        """Return the tangent of each output, given those of the operands (None: zero)."""
        raise UnsupportedError(
            f"{self.name()}: has no forward rule, which jvp, jacfwd, hessian and linearize need",
            hint="use gradc.func.vjp or gradc.func.jacrev",
            origin=self.origin,
        )

    def release(self) -> None:
        """Forget saved values; a second backward pass raises where they were needed."""

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes (or leaf tensors) that gradients flow to."""
        return tuple((None, 0) if e is None else e for e in self.edges)

    def __repr__(self) -> str:
        return f"<{self.name()}>"


class PrimitiveNode(Node):
    """A primitive, with the values its rule reads; (shape, dtype) stands for all others."""

    __slots__ = ("freed", "guards", "inputs", "outputs", "params", "primitive")

    def __init__(
        self,
        primitive: Primitive,
        params: dict[str, Any],
        edges: tuple[Edge | None, ...],
        types: tuple[Brief, ...],
        inputs: tuple[Any, ...],
        outputs: tuple[Any, ...],
        guards: tuple[Guard, ...],
        where: Mark | Origin | None,
    ) -> None:
        Node.__init__(self, edges, types, where)
        self.primitive = primitive
        self.params = params
        self.inputs = inputs
        self.outputs = outputs
        self.guards = guards
        self.freed = False

    def name(self) -> str:
        """Return the name shown by `grad_fn`, such as AddBackward0."""
        words = self.primitive.name.split("_")
        return "".join(w[:1].upper() + w[1:] for w in words) + "Backward0"

    def rule(self, needed: Sequence[bool]) -> str:
        """Return the maths of the rule, for comments in generated code."""
        return rule_text(self.primitive, list(needed).index(True))

    def pull(
        self, b: Builder, cotangents: tuple[Any, ...], needed: Sequence[bool]
    ) -> Sequence[Any | None]:
        """Apply the primitive's derivative fact."""
        inputs, outputs = self.saved(b)
        return vjp_rule(b, self.primitive, self.params, inputs, outputs, cotangents, needed)

    def push(self, b: Builder, tangents: tuple[Any, ...]) -> Sequence[Any | None]:
        """Apply the primitive's derivative fact, forward."""
        inputs, outputs = self.saved(b)
        return jvp_rule(b, self.primitive, self.params, inputs, outputs, tangents)

    def saved(self, b: Builder) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return the saved inputs and outputs as operands of `b`, after checks."""
        if self.freed:
            raise freed_error(self)
        check_unchanged(self, self.guards, self.name())
        if not isinstance(b, TapeOperands):
            return self.inputs, self.outputs
        inputs = tuple(
            b.operand(x, e, self.memory(x)) for x, e in zip(self.inputs, self.edges, strict=True)
        )
        outputs = tuple(b.operand(y, (self, i), self.memory(y)) for i, y in enumerate(self.outputs))
        return inputs, outputs

    def memory(self, saved: Any) -> Storage | None:
        """Return the guarded storage that a saved array belongs to."""
        if is_tuple(saved):
            return None
        for storage, _ in self.guards:
            base = storage.content
            if type(base) is DeviceArray:
                if type(saved) is DeviceArray and saved.memory is base.memory:
                    return storage
            elif not is_array(base) or not is_array(saved):
                if base is saved:
                    return storage
            elif saved is base or saved.base is base or saved.base is base.base is not None:
                return storage
        return None

    def release(self) -> None:
        """Forget saved values."""
        if self.guards or any(type(x) is not tuple for x in (*self.inputs, *self.outputs)):
            self.freed, self.inputs, self.outputs, self.guards = True, (), (), ()

    def saves_output(self) -> bool:
        """Return whether the rule reads the operation's own result."""
        return any(type(y) is not tuple for y in self.outputs)

    def guard(self, storage: Storage) -> None:
        """Refuse to run the rule when `storage` has changed by then."""
        self.guards = (*self.guards, (storage, storage.version))


class TapeOperands(Builder):
    """A builder whose operands are tensors on the tape (create_graph)."""

    def operand(self, saved: Any, edge: Edge | None, memory: Storage | None = None) -> Any:
        """Return a saved array or Value as a tensor whose gradient goes to `edge`.

        Changes of `memory` count as changes of the tensor.
        """
        raise NotImplementedError


class CloneBackward0(Node):
    """The identity."""

    __slots__ = ()

    def pull(
        self, b: Builder, cotangents: tuple[Any, ...], needed: Sequence[bool]
    ) -> Sequence[Any | None]:
        """Pass the gradient on."""
        return [cotangents[0]]

    def push(self, b: Builder, tangents: tuple[Any, ...]) -> Sequence[Any | None]:
        """Pass the tangent on."""
        return tangents


class CopySlices(Node):
    """A write through a view: operands are the old base and the view's new value."""

    __slots__ = ("path", "type")

    def __init__(
        self,
        path: Path,
        edges: tuple[Edge | None, Edge | None],
        base: Brief,
        type: TensorType,
        where: Mark | Origin | None,
    ) -> None:
        Node.__init__(self, edges, (base,), where)
        self.path, self.type = path, type

    def pull(
        self, b: Builder, cotangents: tuple[Any, ...], needed: Sequence[bool]
    ) -> Sequence[Any | None]:
        """The old base gets zeros where it was overwritten; the new value gets the rest."""
        ct = cotangents[0]
        if ct is None:
            return [None, None]
        old = put(b, self.path, ct, b.full(self.type, 0)) if needed[0] else None
        return [old, follow(b, self.path, ct) if needed[1] else None]

    def push(self, b: Builder, tangents: tuple[Any, ...]) -> Sequence[Any | None]:
        """The tangent of the new value replaces that of what it overwrote."""
        old, new = tangents
        old = b.full(TensorType(*self.types[0]), 0) if old is None else old
        return [put(b, self.path, old, b.full(self.type, 0) if new is None else new)]


def reachable(roots: Iterable[Edge]) -> set[Node]:
    """Return all nodes behind the roots."""
    todo = [target for target, _ in roots if isinstance(target, Node)]
    seen = set(todo)
    while todo:
        for edge in todo.pop().edges:
            if edge is not None and isinstance(edge[0], Node) and edge[0] not in seen:
                seen.add(edge[0])
                todo.append(edge[0])
    return seen


def freed_error(node: Node) -> GradientError:
    """Return the error for a second backward pass through a freed graph."""
    return GradientError(
        "backward: trying to backward through the graph a second time: the values saved by "
        f"{node.name()} have been freed\n  its operation: {node.origin}",
        hint="backward(retain_graph=True) the first time",
    )


def check_unchanged(node: Node, guards: Sequence[Guard], name: str) -> None:
    """Raise where memory that the rule of a node reads was changed in place.

    Args:
        node: what saved the values.
        guards: storages, with their versions when they were saved.
        name: what the message calls the node.
    """
    for storage, version in guards:
        if storage.version != version:
            raise InplaceError(
                "backward: one of the variables needed for gradient computation has been modified "
                f"by an inplace operation: {name} needs version {version}, found version "
                f"{storage.version}\n  saved at {node.origin}\n  changed at "
                f"{origin_of(storage.changed)}",
                hint="change a .clone() instead, or use the out-of-place operation",
            )
