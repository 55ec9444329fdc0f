"""Graph -> text: one line per equation, with types and the user's lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gradc.ir.dtype import DType
from gradc.ir.graph import Equation, Graph, Value

WIDTH = 100


class Names:
    """Gives each value one readable name, unique within a graph.

    Constants without a name of their own are shown as numbers.
    """

    def __init__(self) -> None:
        self._of: dict[Value, str] = {}
        self._numbers: set[Value] = set()
        self._used: set[str] = set()
        self._counter = 0

    def constants(self, graph: Graph) -> None:
        """Show the nameless constants of a graph as numbers where they are used."""
        kept = graph.results()
        for e in graph.equations:
            value = e.outputs[0]
            if e.primitive.name == "full" and not value.name and value not in kept:
                self._of[value] = repr(e.params["value"])
                self._numbers.add(value)

    def __call__(self, value: Value) -> str:
        """Return the name of `value`, choosing one at the first call."""
        if value not in self._of:
            self._of[value] = self._fresh(value.hint.replace(".", "_"))
        return self._of[value]

    def is_number(self, value: Value) -> bool:
        """Return whether `value` is a constant that is shown as a number."""
        return value in self._numbers

    def _fresh(self, hint: str) -> str:
        if not hint:
            self._counter += 1
            hint = f"v{self._counter}"
        name, n = hint, 0
        while name in self._used:
            n += 1
            name = f"{hint}_{n}"
        self._used.add(name)
        return name


def show(graph: Graph) -> str:
    """Return a listing of `graph`.

    Example:
        >>> from gradc.ir.builder import GraphBuilder
        >>> from gradc.ir.dtype import float32
        >>> from gradc.ir.graph import TensorType
        >>> import gradc.primitives
        >>> b = GraphBuilder("twice")
        >>> x = b.input(TensorType((3,), float32), "x")
        >>> print(show(b.finish((b.op("add", x, x),))))
        twice(x: float32[3]):
            v1: float32[3] = add x x
            return v1
    """
    names = Names()
    names.constants(graph)
    lines = _head(graph, names)
    section, place = None, ""
    told = [e for e in graph.equations if not names.is_number(e.outputs[0])]
    body = [(_equation(e, names), e) for e in told]
    width = min(max((len(text) for text, _ in body), default=0), 72)
    for text, equation in body:
        if equation.section is not section:
            section = equation.section
            if section.value != "forward" or place:
                lines.append(f"    # {section.value}")
        origin = equation.origin
        here = f"{origin.place}  {origin.statement}" if origin else ""
        lines.append(f"    {text:{width}}  # {here}" if here and here != place else f"    {text}")
        place = here
    lines += [f"    {names(old)} <- {names(new)}" for old, new in graph.updates]
    lines.append(f"    return {', '.join(map(names, graph.outputs))}".rstrip())
    return "\n".join(lines)


def _head(graph: Graph, names: Names) -> list[str]:
    """Return the first line; long ones are broken, an input on each."""
    inputs = [f"{names(v)}: {v.type}" for v in graph.inputs]
    whole = f"{graph.name}({', '.join(inputs)}):"
    if len(whole) <= WIDTH:
        return [whole]
    return [f"{graph.name}(", *(f"        {text}," for text in inputs), "    ):"]


def _equation(equation: Equation, names: Names) -> str:
    inputs = "".join(f" {names(v)}" for v in equation.inputs)
    outputs = ", ".join(f"{names(v)}: {v.type}" for v in equation.outputs)
    return f"{outputs} = {equation.primitive.name}{_params(equation.params.items())}{inputs}"


def _params(items: Iterable[tuple[str, Any]]) -> str:
    told = ((k, v) for k, v in items if (k, v) != ("device", "cpu"))
    text = ", ".join(f"{k}={v if isinstance(v, DType) else repr(v)}" for k, v in told)
    return f"[{text}]" if text else ""
