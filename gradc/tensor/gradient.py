"""What a tensor knows of gradients: requires_grad, grad_fn, hooks, backward."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gradc.errors import (
    ArgumentError,
    ArgumentTypeError,
    GradientError,
    ShapeError,
    TraceError,
    UnsupportedError,
)
from gradc.ir.primitive import lookup
from gradc.tensor import epoch
from gradc.tensor.accumulate import check_device_fits, check_fits, set_grad
from gradc.tensor.core import home, is_tensor, resolve, shape_of, type_text
from gradc.tensor.dispatch import apply
from gradc.tensor.edges import edge_of
from gradc.tensor.movement import size_of
from gradc.tensor.node import Edge, Node
from gradc.tensor.state import STATE
from gradc.tensor.tape import BackwardRun

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def peek(x: Tensor) -> Tensor:
    """Return the stand-in of a concrete tensor if the trace has one, without making one."""
    trace = STATE.trace
    return x if trace is None else trace.known(x)


def requires_grad(x: Tensor) -> bool:
    """Return whether gradients flow to the tensor."""
    return edge_of(peek(x)) is not None


def set_requires_grad(x: Tensor, value: bool = True) -> Tensor:
    """Set whether a leaf wants a gradient; return it."""
    of = peek(x)
    if requires_grad(of) == value:
        return x
    if (of._storage.place if of._storage.traced else None) is not STATE.trace or (
        STATE.trace is not None and STATE.trace.owner_of(of) is not None
    ):
        raise TraceError(
            "requires_grad of a tensor made outside of the compiled function can't be changed "
            "inside",
            hint="set it before the call, or change x.detach().clone()",
        )
    if not is_leaf(of):
        raise GradientError(
            "you can only change requires_grad flags of leaf variables. If you want to use a "
            "computed variable in a subgraph that doesn't require differentiation use "
            "var_no_grad = var.detach()."
        )
    if value and not of._dtype.is_floating_point:
        raise GradientError(
            f"only Tensors of floating point dtype can require gradients, got {type_text(of)}",
            hint=".float()",
        )
    of._leaf = value
    epoch.bump()
    return x


def is_leaf(x: Tensor) -> bool:
    """Return whether the tensor was not made by a recorded operation."""
    edge = edge_of(peek(x))
    return edge is None or not isinstance(edge[0], Node)


def grad_fn(x: Tensor) -> Node | None:
    """Return the recorded operation that made the tensor."""
    edge = edge_of(peek(x))
    return edge[0] if edge is not None and isinstance(edge[0], Node) else None


def assign_grad(x: Tensor, value: Tensor | None) -> None:
    """Set `.grad`, after checks."""
    if value is not None:
        if not is_tensor(value):  # pyright: ignore[reportUnnecessaryIsInstance] # users pass anything
            raise ArgumentTypeError(
                f"assigned grad expected to be a Tensor or None but got {type(value).__name__}"
            )
        if value is x:
            raise GradientError("can't assign Variable as its own grad")
        check_fits(x, value)
    set_grad(x, value)


def detach_(x: Tensor) -> Tensor:
    """Leave the tape: the tensor becomes a leaf that wants no gradient."""
    of = resolve(x)
    if of._base is not None:
        raise GradientError("Can't detach views in-place. Use detach() instead.", hint="x.detach()")
    of._node, of._slot, of._leaf = None, 0, False
    epoch.bump()
    return x


def initial_gradient(output: Tensor, gradient: Tensor | None, name: str) -> Tensor:
    """Return the gradient that a backward pass starts with: the given one, or 1."""
    of = resolve(output)
    if gradient is None:
        if size_of(shape_of(of)) != 1:
            raise GradientError(
                f"{name}: grad can be implicitly created only for scalar outputs, got "
                f"{type_text(of)}",
                hint="loss.sum().backward(), or give the gradient",
            )
        return apply(
            lookup("full"), shape=shape_of(of), dtype=of._dtype, value=1.0, device=home(of)
        )
    if not is_tensor(gradient):  # pyright: ignore[reportUnnecessaryIsInstance] # users pass anything
        raise ArgumentTypeError(
            f"{name}: gradients can be either Tensors or None, but got {type(gradient).__name__}"
        )
    if shape_of(gradient) != shape_of(of):
        raise ShapeError(
            f"{name}: Mismatch in shape: the gradient has a shape of {list(shape_of(gradient))} "
            f"and the output has a shape of {list(shape_of(of))}."
        )
    check_device_fits(name, of, gradient)
    return gradient


def _roots(
    outputs: Sequence[Tensor], gradients: Sequence[Tensor | None], name: str
) -> list[tuple[Edge, Tensor]]:
    roots: list[tuple[Edge, Tensor]] = []
    for output, gradient in zip(outputs, gradients, strict=True):
        edge = edge_of(resolve(output))
        if edge is None:
            raise GradientError(
                f"{name}: element 0 of tensors does not require grad and does not have a grad_fn",
                hint="check that a parameter that requires grad is used, outside of no_grad()",
            )
        roots.append((edge, initial_gradient(output, gradient, name)))
    return roots


def _sequence(given: Any) -> list[Any]:
    return [given] if is_tensor(given) else list(given)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of tensors to the `.grad` of the leaves they depend on.

    Args:
        tensors: a tensor or several.
        grad_tensors: dL/d(tensor) for each; None stands for 1, of one-element tensors.
        retain_graph: keep what the pass needs for another; as create_graph where not given.
        create_graph: record the pass itself, for higher derivatives.
        inputs: where given, only these tensors get gradients.

    Raises:
        GradientError: a tensor without gradient, or a graph that is freed already.
        InplaceError: a value that the pass needs was changed in place.
    """
    if STATE.scopes:
        raise GradientError(
            f"backward: called inside a function under gradc.func.{STATE.scopes[-1].name}",
            hint="gradc.func.grad or gradc.autograd.grad inside, or backward() outside of it",
        )
    outputs = _sequence(tensors)
    given = [None] * len(outputs) if grad_tensors is None else _sequence_or_none(grad_tensors)
    if len(given) != len(outputs):
        raise ArgumentError(f"backward: got {len(outputs)} tensors and {len(given)} gradients")
    keep = create_graph if retain_graph is None else retain_graph
    run = BackwardRun(create_graph=create_graph, retain_graph=keep)
    with run.backward_section():
        roots = _roots(outputs, given, "backward")
    if inputs is not None:
        chosen = [_input_edge(t, "backward") for t in _sequence(inputs)]
        run.restrict([edge for edge, _ in roots], chosen)
    for edge, gradient in roots:
        run.seed(edge, gradient)
    run.run()
    if inputs is not None:
        run.accumulate_into([resolve(t) for t in _sequence(inputs)])


def _sequence_or_none(given: Any) -> list[Any]:
    return [given] if given is None or is_tensor(given) else list(given)


def _input_edge(tensor: Tensor, name: str) -> Edge:
    edge = edge_of(resolve(tensor))
    if edge is None:
        raise GradientError(
            f"{name}: One of the differentiated Tensors does not require grad: {type_text(tensor)}",
            hint="x.requires_grad_() before it is used",
        )
    return edge


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """Return the gradients of outputs by inputs; `.grad` is not touched.

    Args:
        outputs: a tensor or several.
        inputs: a tensor or several, leaves or not.
        grad_outputs: dL/d(output) for each; None stands for 1, of one-element outputs.
        retain_graph: keep what the pass needs for another; as create_graph where not given.
        create_graph: record the pass itself, for higher derivatives.
        allow_unused: give None for inputs that the outputs don't depend on, instead of an error.
        is_grads_batched: must be False.
        materialize_grads: give zeros instead of None.

    Returns:
        One gradient per input.

    Example:
        >>> import gradc
        >>> x = gradc.tensor(3.0, requires_grad=True)
        >>> gradc.autograd.grad(x * x, x)
        (tensor(6.),)
    """
    if is_grads_batched:
        raise UnsupportedError("grad: is_grads_batched=True is not supported")
    outs, ins = _sequence(outputs), _sequence(inputs)
    given = [None] * len(outs) if grad_outputs is None else _sequence_or_none(grad_outputs)
    if len(given) != len(outs):
        raise ArgumentError(f"grad: got {len(outs)} outputs and {len(given)} grad_outputs")
    keep = create_graph if retain_graph is None else retain_graph
    run = BackwardRun(create_graph=create_graph, retain_graph=keep)
    with run.backward_section():
        roots = _roots(outs, given, "grad")
    wanted = [_input_edge(t, "grad") for t in ins]
    run.restrict([edge for edge, _ in roots], wanted)
    for edge, gradient in roots:
        run.seed(edge, gradient)
    run.run()
    found: list[Tensor | None] = []
    for tensor, edge in zip(ins, wanted, strict=True):
        gradient = run.found(edge)
        if gradient is None and materialize_grads:
            of = resolve(tensor)
            gradient = apply(
                lookup("full"), shape=shape_of(of), dtype=of._dtype, value=0.0, device=home(of)
            )
        if gradient is None and not allow_unused:
            raise GradientError(
                "grad: One of the differentiated Tensors appears to not have been used in the "
                f"graph: {type_text(tensor)}",
                hint="allow_unused=True if this is the desired behavior",
            )
        found.append(gradient)
    return tuple(found)
