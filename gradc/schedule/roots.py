"""Graph -> its roots: the values that are kept in memory; all others are computed where used."""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, field

from gradc.ir.graph import Equation, Graph, Value
from gradc.ir.primitive import Kind
from gradc.schedule import attention, convolutions, products
from gradc.schedule.loops import ZERO, Index, axis_index
from gradc.schedule.pieces import pieces

Shape = tuple[int, ...]


class Form(enum.Enum):
    """How a kept value comes to be."""

    INPUT = "given"
    SCALAR = "scalar"  # one element, computed in the step itself
    ELEMENT = "elementwise"
    FOLD = "reduction"
    PRODUCT = "product"
    CONVOLUTION = "convolution"
    ATTENTION = "attention"
    SCATTER = "scatter"
    SCAN = "scan"
    SORT = "sort"
    LOOP = "loop"


@dataclass(frozen=True, slots=True)
class Root:
    """A value kept in memory.

    Args:
        value: the value.
        form: how it comes to be.
        equation: what computes it; None for inputs.
        domain: the loops that compute it, axes of size 1 left out.
        index: for reductions: where the operand is read, in terms of the loops.
        kept: for reductions: the loops that remain in the result.
        reason: why it is kept, for the report.
        pieces: for concatenations: how many the loops compute side by side.
    """

    value: Value
    form: Form
    equation: Equation | None = None
    domain: Shape = ()
    index: Index = ()
    kept: tuple[int, ...] = ()
    reason: str = ""
    pieces: int = 1


@dataclass(slots=True)
class Program:
    """A graph with its definitions and roots.

    Args:
        graph: the graph.
        known: the equation that defines each computed value.
        roots: the kept values, in the order they are computed in; inputs first.
    """

    graph: Graph
    known: products.Definitions
    roots: dict[Value, Root] = field(default_factory=dict[Value, Root])

    def home(self, value: Value) -> Root | None:
        """Return the root whose memory holds `value` in order: itself, or what it reshapes."""
        while value not in self.roots:
            equation = self.known[value]
            if equation.primitive.name != "reshape":
                return None
            value = equation.inputs[0]
        return self.roots[value]


def squeeze(shape: Shape) -> Shape:
    """Return a shape without its axes of size 1."""
    return tuple(n for n in shape if n != 1)


def find_roots(graph: Graph, chosen: dict[Value, str]) -> Program:
    """Return the program whose roots are the necessary ones and the `chosen` ones.

    Args:
        graph: normalised: dots fit for BLAS, every result a computed value of its own.
        chosen: further values to keep, with the reason.
    """
    known = products.definitions(graph)
    program = Program(graph, known, {v: Root(v, Form.INPUT) for v in graph.inputs})
    needed = _needed(graph, known) | chosen
    scalars = _shared_scalars(graph)
    for equation in graph.equations:
        for output in equation.outputs:
            root = _root(equation, output, needed.get(output, ""), output in scalars)
            if root is not None:
                program.roots[output] = root
    return program


def _needed(graph: Graph, known: products.Definitions) -> dict[Value, str]:
    """Return the values that must be kept whatever they cost, with the reason."""
    reasons: dict[Value, str] = {}

    def keep(value: Value, reason: str) -> None:
        while value in known and known[value].primitive.name == "reshape":
            value = known[value].inputs[0]
        reasons.setdefault(value, reason)

    for value in graph.outputs:
        keep(value, "it is returned")
    for old, new in graph.updates:
        keep(new, f"it is the new {old.hint or 'state'}")
    for equation in graph.equations:
        match equation.primitive.name:
            case "dot":
                pair = products.operands(equation, known)
                assert pair is not None, "normalise has run"
                for matrix in pair:
                    keep(matrix.value, "a matrix product reads it")
            case "conv":
                for seen in convolutions.operands(equation, known):
                    keep(seen.value, "a convolution reads it")
            case "attention" | "attention_adjoint":
                for seen in attention.operands(equation, known):
                    keep(seen.value, "attention reads it")
            case "scan":
                for value in equation.inputs:
                    keep(value, "a loop reads it")
            case "sort":
                keep(equation.inputs[0], "it is sorted")
            case "reshape" if not _only_units(equation):
                keep(equation.inputs[0], "it is reshaped")
            case _:
                pass
    return reasons


def _only_units(equation: Equation) -> bool:
    """Return whether a reshape adds or drops only axes of size 1."""
    return squeeze(equation.inputs[0].shape) == squeeze(equation.outputs[0].shape)


def _root(equation: Equation, output: Value, reason: str, shared_scalar: bool) -> Root | None:
    """Return the root for one output, or None where it is computed at its uses."""
    name, kind = equation.primitive.name, equation.primitive.kind
    shape = squeeze(output.shape)
    if name == "conv":
        return Root(output, Form.CONVOLUTION, equation, reason="it is a convolution")
    if kind is Kind.ATTENTION:
        return Root(output, Form.ATTENTION, equation, reason="attention makes it")
    if kind is Kind.CONTRACTION:
        return Root(output, Form.PRODUCT, equation, reason="it is a matrix product")
    if kind is Kind.SCAN and output.shape[equation.params["axis"]] != 1:
        return Root(output, Form.SCAN, equation, shape, reason="it is a running sum")
    if kind is Kind.CONTROL:
        return Root(output, Form.LOOP, equation, reason="a loop makes it")
    if kind is Kind.SORT:
        return Root(output, Form.SORT, equation, reason="it is sorted")
    if name in ("index_add", "scatter_add"):
        domain = squeeze(equation.inputs[2].shape)
        return Root(output, Form.SCATTER, equation, domain, reason="values are added into it")
    if kind is Kind.REDUCTION and squeeze(equation.inputs[0].shape) != shape:
        return _fold_root(equation, output)
    if name == "full" and not reason:
        return None
    if not shape and (reason or shared_scalar):
        return Root(output, Form.SCALAR, equation, reason=reason or "it is one number")
    if not reason:
        return None
    count = pieces(equation)
    if count > 1:
        shape = squeeze(equation.inputs[0].shape)
    return Root(output, Form.ELEMENT, equation, shape, reason=reason, pieces=count)


def _fold_root(equation: Equation, output: Value) -> Root:
    """Return the root of a reduction; argmax and argmin put the folded axis innermost."""
    source, params = equation.inputs[0], equation.params
    folded = params["axes"] if "axes" in params else (params["axis"],)
    order = [a for a in range(source.type.ndim) if source.shape[a] != 1]
    if "axis" in params:
        order = [a for a in order if a not in folded] + [a for a in order if a in folded]
    index = tuple(
        axis_index(order.index(a)) if a in order else ZERO for a in range(source.type.ndim)
    )
    domain = tuple(source.shape[a] for a in order)
    kept = tuple(i for i, a in enumerate(order) if a not in folded)
    return Root(output, Form.FOLD, equation, domain, index, kept, "it is a reduction")


def _shared_scalars(graph: Graph) -> set[Value]:
    """Return the values of one element that get a variable of the step.

    These are the user's named ones, those used twice, and those that arrays are computed with.
    """
    found: set[Value] = set()
    uses: Counter[Value] = Counter()
    for e in graph.equations:
        small = all(v.type.size == 1 for v in e.outputs)
        for v in e.inputs:
            uses[v] += 1 if small and e.primitive.kind is Kind.ELEMENTWISE else 2
    for e in graph.equations:
        (value, *_) = e.outputs
        if value.type.size == 1 and e.primitive.kind in (Kind.ELEMENTWISE, Kind.RANDOM):
            if value.name or uses[value] > 1:
                found.add(value)
    return found
