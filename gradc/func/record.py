"""A function run once on fresh inputs -> products with its Jacobian, backward and forward."""

# The fields of a tensor are shared between the rooms that make tensors.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from gradc.errors import TraceError
from gradc.func.arguments import outputs_of, split_aux
from gradc.ir.graph import TensorType
from gradc.tensor.body import BodyTrace
from gradc.tensor.copying import clone, copy_without_tape, detach
from gradc.tensor.core import home, is_tensor, resolve, shape_of
from gradc.tensor.dispatch import OuterTape, tape_builder
from gradc.tensor.edges import edge_of
from gradc.tensor.entry import Scope, enter, leads_out, may_lead_out
from gradc.tensor.forward import ForwardRun, between
from gradc.tensor.kinds import is_array
from gradc.tensor.modes import inference_mode
from gradc.tensor.node import Node, reachable
from gradc.tensor.state import STATE
from gradc.tensor.tape import BackwardRun
from gradc.tensor.tensor import Tensor
from gradc.tensor.tree import unflatten


class Recording:
    """The tape of one run of a function, from its inputs to its outputs.

    Args:
        name: of the transform.
        call: the function, of a list of tensors.
        primals: the tensors that it is differentiated by.
        has_aux: whether it returns (output, aux).
        floating: whether integer outputs are refused.

    Attributes:
        primals: tensors on the same memory as those given.
        outputs: the tensors that the function returned, on the tape.
        spec: what they were inside of.
        aux: the second result, off this tape.
    """

    def __init__(
        self,
        name: str,
        call: Callable[[list[Tensor]], Any],
        primals: Sequence[Tensor],
        *,
        has_aux: bool = False,
        floating: bool = True,
    ) -> None:
        self.name = name
        self.trace = STATE.trace
        scope = Scope(name)
        entered = [enter(t, scope) for t in primals]
        self.primals = [t for t, _ in entered]
        self.entries = [entry for _, entry in entered]
        with scope, inference_mode(False):
            result = call([t for t, _ in entered])
        output, aux = split_aux(name, result, has_aux)
        self.outputs, self.spec = outputs_of(name, output, floating=floating)
        self.edges = [edge_of(resolve(t)) for t in self.outputs]
        self.aux = each_tensor(aux, off_tape)
        self._linked: bool | None = None
        self._useful: tuple[Any, Any] | None = None
        self._way: list[Node] | None = None

    def result(self) -> Any:
        """Return what the function returned, off this tape."""
        return unflatten(self.spec, [off_tape(t) for t in self.outputs])

    def pull(self, cotangents: Sequence[Tensor | None]) -> list[Tensor]:
        """Return x_bar = J^T y_bar for each input.

        Args:
            cotangents: one per output, None for zero.
        """
        create = self._records(cotangents)
        run = BackwardRun(create_graph=create, retain_graph=True)
        if self.trace is not STATE.trace:
            run.builder = OuterTape(self.trace, linked=self._leads_out())
        if self._useful is None:
            roots = [e for e in self.edges if e is not None]
            run.restrict(roots, [(entry, 0) for entry in self.entries])
            self._useful = run.useful, run.wanted
        run.useful, run.wanted = self._useful
        for edge, cotangent in zip(self.edges, cotangents, strict=True):
            if edge is not None and cotangent is not None:
                run.seed(edge, resolve(cotangent))
        run.run()
        found = [run.found((entry, 0)) for entry in self.entries]
        return _results(found, self.primals, cotangents)

    def push(self, tangents: Sequence[Tensor | None]) -> list[Tensor]:
        """Return y_dot = J x_dot for each output.

        Args:
            tangents: one per input, None for zero.
        """
        run = ForwardRun(create_graph=self._records(tangents))
        if self.trace is not STATE.trace:
            run.builder = OuterTape(self.trace, linked=self._leads_out())
        if self._way is None:
            self._way = between(self.edges, self.entries)
        for entry, tangent in zip(self.entries, tangents, strict=True):
            if tangent is not None:
                run.seed(entry, resolve(tangent))
        run.run(self._way)
        found = [None if edge is None else run.found(edge) for edge in self.edges]
        return _results(found, self.outputs, tangents)

    def depends(self) -> list[bool]:
        """Return for each output whether the tape leads from an input to it."""
        if self._way is None:
            self._way = between(self.edges, self.entries)
        reached = {*self._way, *self.entries}
        return [edge is not None and edge[0] in reached for edge in self.edges]

    def opaque(self) -> bool:
        """Return whether the user's own code, a hook or a backward, runs in a pass."""
        nodes = reachable([e for e in self.edges if e is not None])
        return any(n.hooks is not None or n.opaque for n in nodes)

    def _records(self, given: Sequence[Tensor | None]) -> bool:
        """Return whether a product must be recorded for transforms or tapes around this one."""
        trace = STATE.trace
        if isinstance(trace, BodyTrace) and trace.surrounded_by(self.trace):
            return True
        if self.trace is not trace:
            raise TraceError(
                f"{self.name}: the function it returned was called on the other side of a compiled "
                "function's border",
                hint=f"call gradc.func.{self.name} and what it returns both inside, or both "
                "outside",
            )
        if not STATE.grad:
            return False
        return self._leads_out() or leads_out([edge_of(resolve(t)) for t in given if t is not None])

    def _leads_out(self) -> bool:
        """Return whether gradients of the products flow to something around this tape."""
        if self._linked is None:
            self._linked = may_lead_out(self.edges)
        return self._linked


def off_tape(tensor: Tensor) -> Tensor:
    """Return a tensor without the tape of a run that has ended, if it leads nowhere else."""
    of = resolve(tensor)
    edge = edge_of(of)
    if edge is None or not isinstance(edge[0], Node) or (STATE.grad and leads_out([edge])):
        return tensor
    return detach(of) if STATE.trace is None else copy_without_tape(of)


def each_tensor(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return a tree with each tensor in its tuples, lists and dicts changed."""
    if is_tensor(tree):
        return change(tree)
    kind = cast("Any", type(tree))
    if isinstance(tree, dict):
        table = cast("dict[Any, Any]", tree)
        return kind((k, each_tensor(v, change)) for k, v in table.items())
    if isinstance(tree, tuple | list):
        items = [each_tensor(v, change) for v in cast("list[Any]", tree)]
        return kind(*items) if hasattr(kind, "_fields") else kind(items)
    return tree


def _results(
    found: Sequence[Tensor | None], like: Sequence[Tensor], given: Sequence[Tensor | None]
) -> list[Tensor]:
    """Return products as tensors with memory of their own, zeros where there are none."""
    seen = {id(t._data) for t in given if t is not None}
    results: list[Tensor] = []
    for tensor, of in zip(found, like, strict=True):
        if tensor is None:
            results.append(tape_builder(home(of)).full(TensorType(shape_of(of), of._dtype), 0))
            continue
        result = off_tape(tensor)
        if STATE.trace is None and (id(result._data) in seen or not _owned(result)):
            linked = edge_of(result) is not None
            result = clone(result) if linked else copy_without_tape(result)
        seen.add(id(result._data))
        results.append(result)
    return results


def _owned(tensor: Tensor) -> bool:
    """Return whether nobody else has the memory of a tensor; not to be told on a device."""
    array = tensor._data
    return is_array(array) and array.base is None and array.flags.writeable
