"""Apply a primitive to tensors: compute or trace the result, and record it on the tape."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.autodiff.rules import differentiable
from gradc.autodiff.saved import kept
from gradc.devices.array import DeviceArray
from gradc.errors import GradientError
from gradc.ir.builder import ArrayBuilder
from gradc.ir.dtype import DType
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, Primitive, lookup
from gradc.origin import Origin
from gradc.tensor.anomaly import check_forward
from gradc.tensor.core import (
    Path,
    brief,
    read,
    resolve,
    shape_of,
    wrap,
    wrap_array,
    wrap_view,
)
from gradc.tensor.edges import edge_of
from gradc.tensor.kinds import is_tuple, several
from gradc.tensor.link import linked
from gradc.tensor.mark import Mark, mark
from gradc.tensor.moving import gathered
from gradc.tensor.node import CloneBackward0, Edge, Node, PrimitiveNode, TapeOperands
from gradc.tensor.on_device import RESHAPE, device_named, holder, place_named
from gradc.tensor.place import Place
from gradc.tensor.state import STATE
from gradc.tensor.storage import Storage

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor
    from gradc.tensor.trace import Trace


def apply(primitive: Primitive, *tensors: Tensor, **params: Any) -> Any:
    """Return primitive(*tensors; **params), a tensor or a tuple of tensors."""
    place: Place | None = STATE.trace
    if place is None:
        for t in tensors:
            if t._storage.place is not None:
                tensors = gathered(primitive.name, tensors)
                place = tensors[0]._storage.place
                break
        else:
            if not tensors and params["device"] != "cpu":
                place = place_named(params["device"])
    elif not tensors and params.get("device", "cpu") != "cpu":
        params["device"] = "cpu"  # a graph is for one device, which its trace knows
    if place is None:
        operands, contents = tensors, tuple([t._data for t in tensors])
        result = primitive.meaning(*contents, **params)
        results = several(result)
        if primitive.kind is Kind.MOVEMENT:  # NumPy may give views, which are apply_view's task
            results = tuple([np.array(r, order="C") for r in results])
        outputs = tuple([wrap_array(r) for r in results])
    else:
        operands = tuple([resolve(t) for t in tensors])
        contents = tuple([read(t) for t in operands])
        result = place.emit(primitive, contents, params)
        results = several(result)
        if primitive.kind is Kind.MOVEMENT:
            results = place.apart(results, contents)
        outputs = tuple([place.wrap(r) for r in results])
    if STATE.grad:
        edges = tuple([edge_of(t) for t in operands])
        if any(edges) and differentiable(primitive):
            record(primitive, params, operands, contents, edges, outputs, results)
    if STATE.anomaly and STATE.trace is None:
        check_forward(primitive, contents, results)
    if STATE.inference:
        for t in outputs:
            t._inference = True
    return outputs if type(result) is tuple else outputs[0]


def record(
    primitive: Primitive,
    params: dict[str, Any],
    operands: tuple[Tensor, ...],
    contents: tuple[Any, ...],
    edges: tuple[Edge | None, ...],
    outputs: tuple[Tensor, ...],
    contents_out: tuple[Any, ...],
) -> None:
    """Make a node and hang the floating outputs on it."""
    needed = tuple([e is not None for e in edges])
    read_inputs, read_outputs = kept(primitive, params, needed, len(outputs))
    inputs = tuple(
        [
            x if i in read_inputs else (x.shape, t._dtype)
            for i, (t, x) in enumerate(zip(operands, contents, strict=True))
        ]
    )
    types = tuple([(t._data.shape, t._dtype) for t in outputs])
    results = types
    if read_outputs:
        made = enumerate(contents_out)
        results = tuple([y if i in read_outputs else types[i] for i, y in made])
    saved = [operands[i] for i in read_inputs] + [outputs[i] for i in read_outputs]
    if any([t._inference for t in saved]):
        raise GradientError(
            "Inference tensors cannot be saved for backward.",
            hint="make a clone() outside of inference_mode() and use that",
        )
    guards = tuple([(t._storage, t._storage.version) for t in saved if not t._untracked])
    node = PrimitiveNode(primitive, params, edges, types, inputs, results, guards, position())
    floating = False
    for i, t in enumerate(outputs):
        if t._dtype.is_floating_point:
            t._node, t._slot, floating = node, i, True
    if floating and STATE.trace is not None:
        node.values = tuple([t._data for t in outputs])


def position() -> Mark | Origin | None:
    """Return a note of the user's line; under a trace, the Origin of the last equation."""
    trace = STATE.trace
    return mark() if trace is None else trace.builder.origin


def apply_view(primitive: Primitive, tensor: Tensor, data: Any, params: dict[str, Any]) -> Tensor:
    """Return a view made by one movement; `data` is its ndarray, None for other contents."""
    of = resolve(tensor)
    place = of._storage.place
    if place is not None:
        data = place.view(primitive, read(of), params)
    path: Path = (*of._path, (primitive, params))
    view = wrap_view(of, data, path)
    base = of if of._base is None else of._base
    view._base, view._seen = base, base._node
    if not STATE.grad:
        view._frozen_view, view._inference = not STATE.inference, STATE.inference
        return view
    if of._frozen_view:
        view._frozen_view = True
    edge = edge_of(of)
    if edge is not None and differentiable(primitive):
        view._seen = base._node
        record(primitive, params, (of,), (read(of),), (edge,), (view,), (data,))
    return view


class TapeArrays(ArrayBuilder):
    """Runs rules on arrays; operands that were not saved are (shape, dtype)."""

    def typeof(self, operand: Any) -> TensorType:
        """Return the type of an array, or of (shape, dtype)."""
        if is_tuple(operand):
            return TensorType(operand[0], operand[1])
        return ArrayBuilder.typeof(self, operand)


class TapeTensors(TapeOperands):
    """Runs rules on tensors, so that the backward pass is on the tape itself (create_graph).

    Args:
        device: where new tensors are made.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.device = device

    def apply(self, primitive: Primitive, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply the primitive to tensors."""
        if not inputs:
            params = {**params, "device": self.device}
        return apply(primitive, *inputs, **params)

    def typeof(self, operand: Any) -> TensorType:
        """Return the type of a tensor, or of (shape, dtype)."""
        if is_tuple(operand):
            return TensorType(operand[0], operand[1])
        return TensorType(shape_of(operand), operand._dtype)

    def tied(self, x: Any, others: tuple[Any, ...]) -> Any:
        """Return a tensor whose derivatives by the others are zero, not absent."""
        return linked(x, [edge_of(resolve(t)) for t in others])

    def tape(self) -> Trace | None:
        """Return the trace that saved Values belong to, None for arrays."""
        return STATE.trace

    def operand(self, saved: Any, edge: Edge | None, memory: Storage | None = None) -> Any:
        """Return a saved array or Value as a tensor whose gradient goes to `edge`."""
        if is_tuple(saved):
            return saved
        trace = self.tape()
        tensor = wrap(saved, holder(saved) if trace is None else trace)
        if memory is not None:
            tensor._storage = memory
            if type(saved) is DeviceArray and saved.shape != memory.content.shape:
                # a reshaped array lies in the memory of its base
                tensor._path = ((RESHAPE, {"shape": saved.shape}),)
                tensor._data, tensor._of = saved, memory.content
        return tensor if edge is None else attach(tensor, edge)


class OuterTape(TapeTensors):
    """Runs rules of a tape that was made outside of the function that is being traced.

    Args:
        trace: the trace that the tape was made under.
        linked: whether gradients of the results flow on to what the tape was recorded from.
    """

    def __init__(self, trace: Trace | None, *, linked: bool) -> None:
        TapeTensors.__init__(self)
        self.trace = trace
        self.linked = linked

    def apply(self, primitive: Primitive, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply the primitive; numbers, of which an eager tape keeps one element, are spread."""
        if primitive.kind is Kind.ELEMENTWISE and len(inputs) > 1:
            shape = max([shape_of(x) for x in inputs], key=len)
            inputs = tuple([x if shape_of(x) else self.broadcast(x, shape) for x in inputs])
        return TapeTensors.apply(self, primitive, inputs, params)

    def operand(self, saved: Any, edge: Edge | None, memory: Storage | None = None) -> Any:
        """Return a saved array or Value as a tensor from outside."""
        return TapeTensors.operand(self, saved, edge if self.linked else None, memory)

    def tape(self) -> Trace | None:
        """Return the trace that saved Values belong to."""
        return self.trace


def attach(tensor: Tensor, edge: Edge) -> Tensor:
    """Make the gradient of a fresh tensor flow to `edge`."""
    target, slot = edge
    if isinstance(target, Node):
        tensor._node, tensor._slot = target, slot
    else:
        tensor._node = CloneBackward0((edge,), (brief(tensor),), position())
    return tensor


def constant(value: Any, dtype: DType, shape: tuple[int, ...] = (), device: str = "cpu") -> Tensor:
    """Return a tensor holding one number; of NumPy's a 0-d one, which broadcasts by itself."""
    if STATE.trace is not None:
        return apply(lookup("full"), shape=shape, dtype=dtype, value=value, device=device)
    if device != "cpu":
        place = device_named(device)
        return place.wrap(place.number(value, dtype, shape))
    return wrap_array(np.array(value, dtype.numpy))


@cache
def tape_builder(device: str) -> TapeTensors:
    """Return the builder that records what it does with tensors on a device."""
    return TENSORS if device == "cpu" else TapeTensors(device)


ARRAYS = TapeArrays()
TENSORS = TapeTensors()
