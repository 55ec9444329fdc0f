"""A rule for one equation -> a pass over a graph; results keep their names, origins and rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradc.ir.builder import GraphBuilder
from gradc.ir.graph import Equation, Graph, Section, Value
from gradc.ir.primitive import lookup

Rule = Callable[["Rewriter", Equation], Value | None]


class Rewriter(GraphBuilder):
    """Builds the new graph; knows what defines each of its values.

    Attributes:
        known: the equation that defines each computed value.
        replaced: what became of the old graph's values that changed.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph.name)
        self.known: dict[Value, Equation] = {}
        self.replaced: dict[Value, Value] = {}

    def apply(self, primitive: Any, inputs: tuple[Value, ...], params: dict[str, Any]) -> Any:
        """Append an equation and note what it defines."""
        result = super().apply(primitive, inputs, params)
        self._note(self.equations[-1])
        return result

    def keep(self, equation: Equation) -> None:
        """Append an equation as it is."""
        self.equations.append(equation)
        self._note(equation)

    def _note(self, equation: Equation) -> None:
        self.known.update(dict.fromkeys(equation.outputs, equation))

    def current(self, value: Value) -> Value:
        """Return what an old value is now."""
        return self.replaced.get(value, value)

    def definition(self, value: Value, name: str) -> Equation | None:
        """Return the equation that defines `value` if it applies the primitive `name`."""
        equation = self.known.get(value)
        return equation if equation is not None and equation.primitive.name == name else None

    def constant(self, value: Value) -> float | int | bool | None:
        """Return the number that every element of `value` is, if it is a constant."""
        while (spread := self.definition(value, "broadcast")) is not None:
            (value,) = spread.inputs
        full = self.definition(value, "full")
        return None if full is None else full.params["value"]

    def replace(self, old: Value, new: Value) -> None:
        """Let `new` stand for `old` from here on; it takes over a name that it lacks."""
        self.replaced[old] = new
        if new in self.known:
            new.name = new.name or old.name
            # an adjoint that turns out to be a forward value stays what that value is
            if self.known[new].section is not Section.FORWARD:
                new.adjoint_of = new.adjoint_of or old.adjoint_of


def rewrite(graph: Graph, rule: Rule) -> Graph:
    """Return `graph` with each equation replaced by what `rule` gives for it.

    The rule gets the equation on current values and returns what its (first) output becomes,
    or None to leave it alone; equations with several outputs are replaced by the rule itself.
    """
    b = Rewriter(graph)
    for old in graph.equations:
        inputs = tuple(map(b.current, old.inputs))
        equation = old
        if inputs != old.inputs:
            equation = Equation(
                old.primitive, inputs, old.params, old.outputs, old.origin, old.section, old.rule
            )
        b.origin, b.section, b.rule = old.origin, old.section, old.rule
        new = rule(b, equation)
        if new is None and not any(v in b.replaced for v in equation.outputs):
            b.keep(equation)
        elif new is not None:
            b.replace(equation.outputs[0], new)
    result = graph.replace_equations(tuple(b.equations))
    result.outputs = tuple(map(b.current, graph.outputs))
    result.updates = tuple((old, b.current(new)) for old, new in graph.updates)
    return result


def full(b: Rewriter, like: Value, number: float | int | bool) -> Value:
    """Return a constant of the type of `like`."""
    type = like.type
    params = {"shape": type.shape, "dtype": type.dtype, "value": number, "device": type.device}
    return b.apply(lookup("full"), (), params)
