"""A Python function and example arguments -> a graph, and where its inputs and results live."""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradc.compiler.tree import Spec, flatten, unflatten
from gradc.errors import UnsupportedError
from gradc.ir.graph import Graph, Role, Value
from gradc.nn.call import touched_modules
from gradc.optim.tracing import touched_optimizers
from gradc.tensor.core import wrap_array
from gradc.tensor.edges import wants_grad
from gradc.tensor.tensor import Tensor
from gradc.tensor.trace import Cell, Hyper, Trace


@dataclass(frozen=True, slots=True)
class Captured:
    """One traced program.

    Attributes:
        graph: inputs are arguments, then captured state, in the order of `cells` and `hypers`.
        arguments: number of inputs that are arguments.
        cells: captured storages by graph input.
        hypers: hyper-parameters by graph input.
        result: the shape of what the function returned.
        passed: for each returned tensor, the user's own tensor it is, or None.
        gradients: tensors whose `.grad` the program sets: to the output at a position after the
            returned tensors, to a captured tensor, or to None.
        guards: what must hold for the program to be the right one.
    """

    graph: Graph
    arguments: int
    cells: dict[Value, Cell]
    hypers: dict[Value, Hyper]
    result: Spec
    passed: tuple[Tensor | None, ...]
    gradients: tuple[tuple[Tensor, int | Tensor | None], ...]
    guards: tuple[Callable[[], bool], ...]


def capture(
    function: Callable[..., Any], name: str, call: Spec, leaves: list[Tensor], names: list[str]
) -> Captured:
    """Trace `function` on stand-ins for `leaves`.

    Args:
        function: the user's.
        name: of the program.
        call: what (args, kwargs) look like around the leaves.
        leaves: the argument tensors; views become tensors of their own.
        names: what the user calls each leaf.

    Raises:
        TraceError: the function does what a program can't.
        UnsupportedError: a result still wants a gradient.
    """
    leaves = [detached_view(t) for t in leaves]
    trace = Trace(name)
    with trace:
        inputs = [trace.capture(t, Role.ARGUMENT, n) for t, n in zip(leaves, names, strict=True)]
        args, kwargs = unflatten(call, leaves)
        returned = function(*args, **kwargs)
        results, result = flatten(returned, "the result")
        passed = tuple(t if t._storage.trace is None else None for t in results)
        for t in results:
            if t._storage.trace is not None and wants_grad(t) and not released(t):
                raise UnsupportedError(
                    f"compile: a result of {name} still wants a gradient, which only eager code "
                    "and whole compiled steps can give it",
                    hint="call .backward() inside the compiled function, or return "
                    "result.detach(), or compile it under gradc.no_grad()",
                )
        outputs = [trace.value(t) for t, own in zip(results, passed, strict=True) if own is None]
        gradients: list[tuple[Tensor, int | Tensor | None]] = []
        for owner, gradient in trace.grads.items():
            if gradient is owner._grad:
                continue
            if gradient is None or gradient._storage.trace is None:
                gradients.append((owner, gradient))
            else:
                gradients.append((owner, len(outputs)))
                outputs.append(trace.value(gradient))
    name_inputs(trace)
    cells = {cell.input: cell for cell in trace.cells.values()}
    updates = tuple((c.input, c.value) for c in cells.values() if c.changed)
    graph = trace.builder.finish(tuple(outputs))
    graph.updates = updates
    guards = [*trace.guards, *grad_guards(trace)]
    for cell, leaf in zip(inputs, leaves, strict=True):
        assert cell.tensor._storage is leaf._storage
    hypers = {h.input: h for h in trace.hypers}
    return Captured(
        graph, len(leaves), cells, hypers, result, passed, tuple(gradients), tuple(guards)
    )


def detached_view(tensor: Tensor) -> Tensor:
    """Return an argument as a base tensor, so that a batch doesn't capture its whole data set."""
    if not tensor._path:
        return tensor
    if tensor.requires_grad:
        raise UnsupportedError(
            "compile: an argument that is a view and requires grad",
            hint="pass a leaf tensor, or x.detach()",
        )
    return wrap_array(tensor._data)


def released(tensor: Tensor) -> bool:
    """Return whether a backward pass has run through a result already."""
    return bool(getattr(tensor._node, "freed", False)) or tensor._node is None


def grad_guards(trace: Trace) -> list[Callable[[], bool]]:
    """Return checks that `.grad` is there, or not, as it was when the program read it."""

    def check(owner: Tensor, there: bool) -> Callable[[], bool]:
        before = owner._grad
        return lambda: (owner._grad is not None) == there and (not there or owner._grad is before)

    return [check(owner, there) for owner, there in trace.grad_reads.items()]


def name_inputs(trace: Trace) -> None:
    """Give captured state the names that modules and optimizers have for it."""
    names: dict[int, str] = {}
    for module, prefix in touched_modules(trace).items():
        for key, tensor in [
            *module.named_parameters(recurse=False),
            *module.named_buffers(recurse=False),
        ]:
            dotted = f"{prefix}.{key}" if prefix else key
            names.setdefault(id(tensor._storage), dotted.replace(".", "_"))
    for optimizer in touched_optimizers(trace):
        for p, state in optimizer.state.items():
            for key, value in state.items():
                if isinstance(value, Tensor):
                    of = names.get(id(p._storage), "p")
                    names.setdefault(id(value._storage), f"{key}_{of}")
    for cell in trace.cells.values():
        if not cell.input.name:
            cell.input.name = names.get(id(cell.storage), "")
