"""A Python function and example arguments -> a graph, and where its inputs and results live."""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gradc.compiler.arguments import stand_ins
from gradc.compiler.checks import RARE, Guard, rewritten
from gradc.compiler.closure import name_inputs, outside_names
from gradc.compiler.constants import check_constant
from gradc.compiler.guards import (
    Steady,
    device_guards,
    dtype_guard,
    grad_guards,
    moving,
    tensor_guards,
)
from gradc.compiler.outside import content_guards, variable_guards
from gradc.errors import TraceError, UnsupportedError
from gradc.ir.graph import Graph, Role, Value
from gradc.nn.call import touched_modules
from gradc.optim.tracing import touched_optimizers
from gradc.tensor.captured import Cell, Hyper
from gradc.tensor.core import type_text, wrap_value
from gradc.tensor.device import Device
from gradc.tensor.edges import edge_of
from gradc.tensor.node import Edge, Node, PrimitiveNode, reachable
from gradc.tensor.tape import BackwardRun
from gradc.tensor.tensor import Tensor
from gradc.tensor.trace import Trace
from gradc.tensor.tree import Spec, flatten, unflatten

Source = Tensor | int  # a captured tensor, or the position of an argument


@dataclass(frozen=True, slots=True)
class Captured:
    """One traced program.

    Attributes:
        graph: inputs are arguments, then captured state, in the order in which they were met,
            then the gradients of results; outputs are results, then new `.grad`s, then the
            gradients that flow on to `sources`.
        ahead: the same without the backward pass that begins at the results.
        positions: for each input that is an argument, its place among the tensors of a call.
        updated_arguments: places among `positions` of arguments that the program updates.
        cells: captured storages by graph input, arguments included.
        grads_of: for inputs that are the `.grad` of a tensor: that tensor.
        grads_seen: whether arguments must have a `.grad`, where the program reads it.
        hypers: hyper-parameters by graph input.
        result: the shape of what the function returned.
        returned: how many outputs are results.
        passed: for each returned tensor: where it comes from if it isn't new, or None.
        gradients: whose `.grad` each of the next outputs is.
        passed_gradients: (owner, what its `.grad` becomes) where that isn't new.
        read: tensors whose `.grad` was read before it was set.
        seeds: the inputs that are gradients of results.
        differentiable: for each seed, the position of the result among the outputs.
        sources: where the gradients of the last outputs go.
        guards: what must hold for the program to be the right one.
        steady: the same, where nothing can have changed while the count of changes stands still.
        rewritten: names of what tracing itself has changed: if any, the program is for one call.
        device: where it runs.
    """

    graph: Graph
    ahead: Graph
    positions: tuple[int, ...]
    updated_arguments: tuple[int, ...]
    cells: dict[Value, Cell]
    grads_of: dict[Value, Source]
    grads_seen: tuple[tuple[int, bool], ...]
    hypers: dict[Value, Hyper]
    result: Spec
    returned: int
    passed: tuple[Source | None, ...]
    gradients: tuple[Source, ...]
    passed_gradients: tuple[tuple[Source, Source | None], ...]
    read: frozenset[Source]
    seeds: tuple[Value, ...]
    differentiable: tuple[int, ...]
    sources: tuple[Source, ...]
    guards: tuple[Guard, ...]
    steady: tuple[Guard, ...]
    rewritten: tuple[str, ...]
    device: Device


def capture(
    function: Callable[..., Any], name: str, call: Spec, given: Sequence[Tensor], names: list[str]
) -> Captured:
    """Trace `function` on stand-ins for the tensors of a call.

    Args:
        function: the user's.
        name: of the program.
        call: what (args, kwargs) look like around the leaves.
        given: the argument tensors.
        names: what the user calls each leaf.

    Raises:
        TraceError: the function does what a program can't.
        UnsupportedError: an argument that requires grad is changed in place.
    """
    leaves = stand_ins(given)
    position = {t: i for i, t in reversed(list(enumerate(leaves)))}

    def source(tensor: Tensor) -> Source:
        return position.get(tensor, tensor)

    args, kwargs = unflatten(call, leaves)
    guards = variable_guards(function)
    around = [*guards, *content_guards(function, [args, kwargs])]
    trace = Trace(name)
    trace.target.name_of = lambda t: outside_names(trace, function).get(id(t._storage), "")
    with trace:
        for t, n in zip(leaves, names, strict=True):
            trace.capture(t, Role.ARGUMENT, n)
        returned = function(*args, **kwargs)
        results, result = flatten(returned, f"{name}: the result", check_constant)
        passed = tuple(source(t) if not t._storage.traced else None for t in results)
        new = [t for t, own in zip(results, passed, strict=True) if own is None]
        outputs = [trace.value(t) for t in new]
        gradients: list[Source] = []
        kept: list[tuple[Source, Source | None]] = []
        for owner, gradient in trace.grads.items():
            if gradient is owner._grad:
                continue
            if gradient is None or not gradient._storage.traced:
                kept.append((source(owner), None if gradient is None else source(gradient)))
            else:
                gradients.append(source(owner))
                outputs.append(trace.value(gradient))
        ahead = len(trace.builder.equations)
        flow = _Flow(trace, name, new)
        outputs += flow.adjoints
    name_inputs(trace, function)
    cells = {cell.input: cell for cell in trace.cells.values()}
    graph = trace.builder.finish(tuple(outputs))
    graph.updates = tuple((c.input, c.value) for c in cells.values() if c.changed)
    _check_updates(trace, name)
    own = set(leaves)
    guards += [*trace.guards, *device_guards(trace)]
    checks = [dtype_guard(), *grad_guards(trace, own), *tensor_guards(trace, own)]
    _check_steady(name, [*trace.guards, *trace.steady, *checks])
    changed = dict.fromkeys(n for guard in around for n in rewritten(guard))
    modules = touched_modules(trace)
    watched = [*modules, *touched_optimizers(trace), *_arrays(trace)]
    # After the check, because tracing may leave notes in a list.
    contents = content_guards(function, [*modules, args, kwargs], watched)
    guards += [guard for guard in contents if not isinstance(guard, RARE)]
    checks += [guard for guard in contents if isinstance(guard, RARE)]
    grads = {t._grad._storage: source(t) for t in moving(trace) if t._grad is not None}
    first = {id(t): i for i, t in reversed(list(enumerate(given)))}
    positions = tuple(sorted(first.values()))
    updated = {old for old, _ in graph.updates}
    return Captured(
        graph=graph,
        ahead=Graph(
            name,
            tuple(v for v in graph.inputs if v not in flow.seeds),
            graph.equations[:ahead],
            (),
            dict(graph.roles),
        ),
        positions=positions,
        updated_arguments=tuple(i for i in range(len(positions)) if graph.inputs[i] in updated),
        cells=cells,
        grads_of={v: grads[c.storage] for v, c in cells.items() if c.storage in grads},
        grads_seen=tuple((position[t], there) for t, there in trace.grad_reads.items() if t in own),
        hypers={h.input: h for h in trace.hypers},
        result=result,
        returned=len(new),
        passed=passed,
        gradients=tuple(gradients),
        passed_gradients=tuple(kept),
        read=frozenset(source(t) for t, there in trace.grad_reads.items() if there),
        seeds=tuple(flow.seeds),
        differentiable=tuple(flow.positions),
        sources=tuple(source(t) for t in flow.ends),
        guards=tuple(guards),
        steady=(*trace.steady, Steady(checks)),
        rewritten=tuple(changed),
        device=trace.device,
    )


def _arrays(trace: Trace) -> list[Any]:
    """Return the arrays that the program reads where they lie, and those that these show."""
    contents = [c.storage.content for c in trace.cells.values() if c.storage.place is None]
    return [*contents, *(a.base for a in contents if a.base is not None)]


def _check_updates(trace: Trace, name: str) -> None:
    """Raise where a program on a device would change a number on the CPU."""
    for cell in trace.cells.values():
        here = cell.tensor.device
        if cell.changed and here != trace.device:
            called = cell.input.hint or "a tensor from outside"
            raise UnsupportedError(
                f"compile: {name} runs on {trace.device} and changes {called} "
                f"{type_text(cell.tensor)}, which is on {here}",
                hint=f'make it on the device: device="{trace.device}"',
            )


def _check_steady(name: str, guards: list[Guard]) -> None:
    """Raise where tracing itself has changed what the program depends on."""
    if not all(guard() for guard in guards):
        raise TraceError(
            f"compile: {name} changes what it depends on while it runs: the structure of a module "
            "or of an optimizer, or where a tensor lies",
            hint="change it outside of the compiled function",
        )


class _Flow:
    """The backward pass from results that still want gradients to tensors around the program.

    Attributes:
        seeds: inputs for the gradients of results.
        positions: of these results among the new ones.
        ends: concrete tensors that gradients flow on to.
        adjoints: their gradients.
    """

    def __init__(self, trace: Trace, name: str, results: list[Tensor]) -> None:
        self.seeds: list[Value] = []
        self.positions: list[int] = []
        self.ends: list[Tensor] = []
        self.adjoints: list[Value] = []
        edges = [edge_of(t) for t in results]
        roots = [e for e in edges if e is not None]
        nodes = reachable(roots)
        if not roots or any(isinstance(n, PrimitiveNode) and n.freed for n in nodes):
            return  # a backward pass ran through it inside: a second one would be refused too
        leaves = {e[0]: None for n in sorted(nodes, key=lambda n: n.order) for e in n.edges if e}
        leaves |= {target: None for target, _ in roots}
        stand_in = {t: trace.owner_of(t) for t in leaves if not isinstance(t, Node)}
        ends = {t: owner for t, owner in stand_in.items() if owner is not None}
        _refuse_changed(trace, name)
        if not ends:
            return
        run = BackwardRun(create_graph=False, retain_graph=True)
        run.owners_hooks = False
        wanted: list[Edge] = [(t, 0) for t in ends]
        run.restrict(roots, wanted)
        for i, (t, edge) in enumerate(zip(results, edges, strict=True)):
            if edge is None:
                continue
            primal = trace.value(t)
            seed = trace.builder.input(primal.type)
            seed.adjoint_of = primal
            trace.builder.graph.roles[seed] = Role.GRADIENT
            self.seeds.append(seed)
            self.positions.append(i)
            run.seed(edge, wrap_value(seed, trace))
        run.run()
        for t, owner in ends.items():
            found = run.found((t, 0))
            if found is not None:
                self.ends.append(owner)
                self.adjoints.append(trace.value(found))


def _refuse_changed(trace: Trace, name: str) -> None:
    """Raise where a tensor from outside would have a gradient history afterwards."""
    for tensor in trace.captured():
        if edge_of(tensor) is None and edge_of(trace.known(tensor)) is not None:
            raise UnsupportedError(
                f"compile: {name}: a tensor from outside ({type_text(tensor)}) is changed to a "
                "value that wants a gradient, and so does a result",
                hint="assign value.detach(), or return it as another result",
            )
