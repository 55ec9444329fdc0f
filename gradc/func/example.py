"""A function and the tensors of a batch -> the graph of one example, which vmap runs for all."""

# The fields of a tensor are shared between the rooms that make tensors.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

import numpy as np

from gradc.batching.batch import Batch
from gradc.batching.walk import Known, draws, name_value, walk
from gradc.errors import TraceError, UnsupportedError
from gradc.functional.scan import run_loop
from gradc.ir.graph import Equation, TensorType, Value
from gradc.ir.primitive import Kind, Primitive
from gradc.passes.dead import dead
from gradc.primitives.loop import Body
from gradc.tensor.body import BodyTrace
from gradc.tensor.copying import clone
from gradc.tensor.core import read, resolve, type_text, typeof
from gradc.tensor.dispatch import TapeTensors, apply_view
from gradc.tensor.edges import wants_grad
from gradc.tensor.state import STATE
from gradc.tensor.tensor import Tensor
from gradc.tensor.tree import Constant, flatten, places


class ExampleTrace(BodyTrace):
    """Collects what a function does with one example.

    Attributes:
        own_backward: names of Functions whose backward the graph doesn't know of.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, "vmap")
        self.own_backward: list[str] = []

    def meet_own_backward(self, name: str) -> None:
        """Note a Function: gradients may flow through it inside, but not out of vmap."""
        self.own_backward.append(name)


class Example:
    """One run of a function on stand-ins for the tensors of one example.

    Args:
        name: of the function.
        call: the function, of a list of tensors.
        given: the tensors that it is called with.
        axes: for each, the axis along which the examples lie, None where it is every example's.

    Attributes:
        spec: what the results were inside of.
        count: how many tensors they have.
        outside: the tensors that the function uses besides its arguments.
    """

    def __init__(
        self,
        name: str,
        call: Callable[[list[Tensor]], Any],
        given: Sequence[Tensor],
        axes: Sequence[int | None],
    ) -> None:
        trace = ExampleTrace(name)
        self.mapped = [i for i, axis in enumerate(axes) if axis is not None]
        with trace:
            inner = list(given)
            for i in self.mapped:
                if trace.around is None:
                    trace.meet(given[i])
                inner[i] = trace.operand(_one(given[i], axes[i]), _hint(given[i]))
            results, self.spec = flatten(call(inner), "the result")
            values: list[Value] = [read(resolve(t)) for t in results]
            self.count = len(values)
            self.outside = list(trace.outside)
            self.changed = trace.changed()
            values += [read(trace.inside[i]) for i in self.changed]
            fresh: list[Value] = [inner[i]._storage.content for i in self.mapped]
        self.device = str(trace.device)
        inputs = trace.builder.graph.inputs
        self.rewritten = [
            k for k, (new, old) in enumerate(zip(fresh, inputs, strict=False)) if new is not old
        ]
        values += [fresh[k] for k in self.rewritten]
        self.graph = dead(trace.builder.finish(tuple(values)))
        self.drawn = draws(trace.builder.graph)
        self._check(trace, [given[i] for i in self.mapped])

    def _check(self, trace: ExampleTrace, mapped: list[Tensor]) -> None:
        """Refuse what the graph of one example can't say."""
        wanted = STATE.grad and any(wants_grad(resolve(t)) for t in (*mapped, *self.outside))
        if trace.own_backward and wanted:
            raise UnsupportedError(
                f"vmap: {trace.own_backward[0]} has a backward of its own, through which gradients "
                "can't flow out of vmap",
                hint="take the gradient inside: vmap(grad(f)); or write it with operations that "
                "have derivatives",
            )
        for i in self.changed:
            of = resolve(self.outside[i])
            if (STATE.grad and wants_grad(of)) or of._path:
                raise _outside_error(of)

    def run(
        self, operands: Sequence[Tensor], state: Sequence[Tensor], size: int, *, different: bool
    ) -> tuple[list[tuple[Tensor, bool]], list[Tensor], list[Tensor]]:
        """Run all examples.

        Args:
            operands: the mapped tensors, examples along axis 0.
            state: what the tensors from outside that the function changes hold before.
            size: number of examples.
            different: whether each example draws its own random numbers.

        Returns:
            (each result, and whether it has the examples along axis 0; the new state; the new
            values of the mapped tensors that the function changes).
        """
        outside = list(self.outside)
        for i, t in zip(self.changed, state, strict=True):
            outside[i] = t
        batch = Batch(ReplayBuilder(self.device), size, different)
        flags = [True] * len(operands) + [False] * len(outside)
        traced = STATE.trace is not None
        found = walk(
            batch,
            self.graph,
            (*operands, *outside),
            flags,
            _placed,
            _named if traced else None,
        )
        split = self.count + len(self.changed)
        for (_, flag), i in zip(found[self.count : split], self.changed, strict=True):
            if flag:
                raise _outside_error(self.outside[i])
        rewritten = batch.all_spread([t for t, _ in found[split:]], [f for _, f in found[split:]])
        mine = {id(t._storage) for t in (*operands, *outside)}
        own = [(clone(t) if id(t._storage) in mine else t, flag) for t, flag in found[: self.count]]
        return own, [t for t, _ in found[self.count : split]], list(rewritten)

    def constants(self) -> list[tuple[str, Constant]]:
        """Return what the function returned beside tensors."""
        parts = places(self.spec, "the result")
        return [(where, part) for where, part in parts if isinstance(part, Constant)]


class ReplayBuilder(TapeTensors):
    """Applies primitives to tensors: movements give views, loops save what gradients need."""

    def apply(self, primitive: Primitive, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply the primitive to tensors."""
        if primitive.kind is Kind.CONTROL:
            loop = Body(**params)
            return tuple(run_loop(loop, list(inputs))[: len(loop.body.outputs)])
        if primitive.kind is Kind.MOVEMENT and len(inputs) == 1 and STATE.trace is None:
            of: Tensor = inputs[0]
            if of._storage.place is None:
                data = primitive.meaning(of._data, **params)
                if np.may_share_memory(data, of._data):
                    return apply_view(primitive, of, data, params)
        return TapeTensors.apply(self, primitive, inputs, params)


def _one(t: Tensor, axis: int | None) -> TensorType:
    whole = typeof(t)
    return whole.with_shape(tuple(n for i, n in enumerate(whole.shape) if i != axis))


def _hint(t: Tensor) -> str:
    """Return the name that a traced tensor has so far."""
    return t._data.hint if t._storage.traced else ""


def _placed(e: Equation) -> AbstractContextManager[object]:
    """Give what an equation becomes its line, section and rule in the trace that is running."""
    trace = STATE.trace
    if trace is None:
        return nullcontext()
    stack = ExitStack()
    stack.enter_context(trace.in_section(e.section))
    stack.enter_context(trace.at(e.origin, e.rule))
    return stack


def _named(old: Value, new: Tensor, known: Known) -> None:
    """Give the Value of a tensor the name of the value of one example."""
    primal = known.get(old.adjoint_of) if old.adjoint_of is not None else None
    values: Known = {}
    if primal is not None and old.adjoint_of is not None:
        values[old.adjoint_of] = read(resolve(primal[0])), primal[1]
    name_value(old, read(resolve(new)), values)


def _outside_error(t: Tensor) -> TraceError:
    return TraceError(
        f"vmap: the function changes a tensor {type_text(t)} from outside in place, which all "
        "examples share",
        hint="return the new value, or pass the tensor as an argument that in_dims maps over",
    )
