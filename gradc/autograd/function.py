"""Operations with a backward pass of the user's own: subclasses of Function."""

# The fields of a tensor are private to the packages that make tensors.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from gradc.errors import ArgumentError, GradientError, InplaceError
from gradc.ir.builder import Builder
from gradc.ir.primitive import lookup
from gradc.tensor.body import BodyTrace
from gradc.tensor.copying import detach
from gradc.tensor.core import brief, home, is_tensor, read, resolve
from gradc.tensor.dispatch import apply, position
from gradc.tensor.edges import edge_of
from gradc.tensor.kinds import several
from gradc.tensor.modes import GradMode
from gradc.tensor.node import Edge, Node, TapeOperands, freed_error
from gradc.tensor.on_device import tensor_of
from gradc.tensor.state import STATE
from gradc.tensor.tensor import Tensor


class Context:
    """What forward leaves for backward.

    Attributes:
        needs_input_grad: which arguments of `apply` want a gradient.
    """

    def __init__(self) -> None:
        self.needs_input_grad: tuple[bool, ...] = ()
        self.saved: tuple[Tensor | None, ...] | None = ()
        self.versions: tuple[int, ...] = ()
        self.materialize = True
        self.not_differentiable: tuple[Tensor, ...] = ()
        self.dirty: tuple[Tensor, ...] = ()

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for backward, which refuses them if they are changed in place."""
        self.saved = tensors
        self.versions = tuple([0 if t is None else resolve(t)._storage.version for t in tensors])

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors that were saved."""
        if self.saved is None:
            raise GradientError(
                "Trying to backward through the graph a second time: the saved tensors are freed",
                hint="backward(retain_graph=True) the first time",
            )
        for t, version in zip(self.saved, self.versions, strict=True):
            if t is not None and resolve(t)._storage.version != version:
                raise InplaceError(
                    "one of the variables needed for gradient computation has been modified by an "
                    "inplace operation: it was saved by save_for_backward",
                    hint="change a .clone() instead",
                )
        return self.saved

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say that no gradient flows to some outputs."""
        self.not_differentiable = tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say that forward changed some of its arguments in place."""
        self.dirty = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Set whether backward gets zeros (the default) or None for unused outputs."""
        self.materialize = value


class Function:
    """Base of operations with their own backward pass.

    A subclass gives static methods `forward(ctx, *args)` and `backward(ctx, *grad_outputs)`, or
    `forward(*args)`, `setup_context(ctx, inputs, output)` and `backward`; it is called as
    `Subclass.apply(*args)`. backward returns one gradient per argument of forward, None for those
    without.

    Example:
        >>> import gradc
        >>> class Double(gradc.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return x * 2
        ...     @staticmethod
        ...     def backward(ctx, grad_output):
        ...         return grad_output * 2
        >>> x = gradc.tensor(3.0, requires_grad=True)
        >>> Double.apply(x).backward()
        >>> x.grad
        tensor(2.)
    """

    setup_context: ClassVar[Any] = None

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; for subclasses."""
        raise NotImplementedError("You must implement the forward function for custom Function.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Return the gradient of each argument; for subclasses."""
        raise NotImplementedError("You must implement the backward function for custom Function.")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward, and record that backward belongs to it."""
        if isinstance(STATE.trace, BodyTrace):
            STATE.trace.meet_own_backward(cls.__name__)
        ctx = Context()
        edges = tuple([edge_of(resolve(a)) if is_tensor(a) else None for a in args])
        recorded = STATE.grad and any(edges)
        ctx.needs_input_grad = tuple([recorded and e is not None for e in edges])
        with GradMode(False):
            if cls.setup_context is None:
                result = cls.forward(ctx, *args, **kwargs)
            else:
                result = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, result)
        if not recorded:
            return result
        return _recorded(cls, ctx, args, edges, result)


class FunctionNode(Node):
    """One call of a Function."""

    __slots__ = ("ctx", "function", "home")
    opaque = True

    def __init__(
        self,
        function: type[Function],
        ctx: Context,
        edges: tuple[Edge | None, ...],
        outputs: tuple[Tensor, ...],
    ) -> None:
        Node.__init__(self, edges, tuple([brief(t) for t in outputs]), position())
        self.function = function
        self.ctx = ctx
        self.home = home(outputs[0]) if outputs else "cpu"

    def name(self) -> str:
        """Return the name shown by `grad_fn`."""
        return f"{self.function.__name__}Backward"

    def pull(
        self, b: Builder, cotangents: tuple[Any, ...], needed: Sequence[bool]
    ) -> Sequence[Any | None]:
        """Call the user's backward on tensors."""
        if self.ctx.saved is None:
            raise freed_error(self)
        on_tape = isinstance(b, TapeOperands)
        given = [self._tensor(c, i, on_tape) for i, c in enumerate(cotangents)]
        found = several(self.function.backward(self.ctx, *given))
        if len(found) != len(self.edges):
            raise ArgumentError(
                f"function {self.name()} returned an incorrect number of gradients (expected "
                f"{len(self.edges)}, got {len(found)})",
                origin=self.origin,
            )
        return [
            _operand(g, on_tape) if want else None for g, want in zip(found, needed, strict=True)
        ]

    def _tensor(self, cotangent: Any, slot: int, on_tape: bool) -> Tensor | None:
        """Return an incoming gradient as a tensor, zeros where there is none."""
        if cotangent is not None:
            return cotangent if on_tape else tensor_of(cotangent)
        if not self.ctx.materialize:
            return None
        shape, dtype = self.types[slot]
        return apply(lookup("full"), shape=shape, dtype=dtype, value=0, device=self.home)

    def release(self) -> None:
        """Forget saved tensors."""
        if self.ctx.saved:
            self.ctx.saved = None


def _operand(gradient: Any, on_tape: bool) -> Any:
    """Return a gradient that backward gave as an operand of the builder that asked."""
    if gradient is None or on_tape:
        return gradient
    return read(resolve(gradient))


def _recorded(
    cls: type[Function],
    ctx: Context,
    args: tuple[Any, ...],
    edges: tuple[Edge | None, ...],
    result: Any,
) -> Any:
    """Hang the outputs of forward on a node."""
    outputs = several(result)
    tensors = [t for t in outputs if is_tensor(t)]
    node = FunctionNode(cls, ctx, edges, tuple([resolve(t) for t in tensors]))
    arguments = {id(a) for a in args}
    dirty = {id(t) for t in ctx.dirty}
    fixed = {id(t) for t in ctx.not_differentiable}
    given: list[Any] = []
    slot = 0
    for t in outputs:
        if not is_tensor(t):
            given.append(t)
            continue
        if id(t) in arguments and id(t) not in dirty:
            t = detach(t)
        of = resolve(t)
        if of._dtype.is_floating_point and id(t) not in fixed:
            of._base, of._leaf = None, False
            of._node, of._slot = node, slot
        slot += 1
        given.append(t)
    if STATE.trace is not None:
        node.values = tuple([read(resolve(t)) for t in given if is_tensor(t)])
    return tuple(given) if isinstance(result, tuple) else given[0]
