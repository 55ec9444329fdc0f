"""Products of rounded operands -> products that round their operands themselves, as a GPU's do."""

from __future__ import annotations

from dataclasses import replace

from gradc.ir.graph import Equation, Graph, Value
from gradc.ir.primitive import Kind
from gradc.passes.dead import dead
from gradc.primitives.loop import Body
from gradc.primitives.sixteen_bits import ROUNDS
from gradc.schedule.products import Definitions, definitions


def absorb_rounding(graph: Graph) -> Graph:
    """Return `graph` with dots and convolutions that round both operands where they read them.

    What is rounded before a loop, for products in it, is rounded in the loop: its products then
    read the numbers as they are, too. What a loop stacks rounded is read as it is: rounding again
    changes nothing.
    """
    if not any(e.primitive.name in ROUNDS for e in graph.equations):
        return graph
    return dead(_Absorber(graph).graph())


def _base(value: Value, known: Definitions) -> Value:
    """Return what a value is made of by movements, which rounding commutes with."""
    while (e := known.get(value)) is not None and _moves(e):
        value = e.inputs[0]
    return value


def _moves(e: Equation) -> bool:
    """Return whether an equation moves one value's elements; zeros among them stay zeros."""
    alone = e.primitive.kind is Kind.MOVEMENT and len(e.inputs) == 1
    return alone and not e.params.get("value", 0)


def _rounding(value: Value, known: Definitions) -> str:
    """Return the primitive that has rounded a value, here or at each step of a loop, or ""."""
    base = _base(value, known)
    e = known.get(base)
    if e is None:
        return ""
    if e.primitive.kind is Kind.CONTROL:
        loop, place = Body(**e.params), e.outputs.index(base)
        if place < loop.carries:
            return ""
        return _rounding(loop.body.outputs[place], definitions(loop.body))
    return e.primitive.name if e.primitive.name in ROUNDS else ""


class _Absorber:
    """Writes the equations anew."""

    def __init__(self, old: Graph) -> None:
        self.old = old
        self.known = definitions(old)
        self.equations: list[Equation] = []
        self.plain: dict[Value, Value] = {}

    def graph(self) -> Graph:
        """Return the new graph."""
        for e in self.old.equations:
            new = e
            if e.primitive.name in ("dot", "conv"):
                new = self._product(e)
            elif e.primitive.kind is Kind.CONTROL:
                new = self._loop(e)
            self.equations.append(new)
        return self.old.replace_equations(tuple(self.equations))

    def _product(self, e: Equation) -> Equation:
        """Return a product that rounds, where both operands are rounded alike."""
        left, right = (_rounding(v, self.known) for v in e.inputs)
        if not left or left != right:
            return e
        inputs = tuple(map(self._plain, e.inputs))
        about = {**e.params, "rounds": ROUNDS[left].name}, e.outputs, e.origin, e.section, e.rule
        return Equation(e.primitive, inputs, *about)

    def _plain(self, value: Value) -> Value:
        """Return a value as it would be without the rounding here that it comes from."""
        made = self.known.get(_base(value, self.known))
        if made is None or made.primitive.name not in ROUNDS:
            return value
        if value not in self.plain:
            e = self.known[value]
            self.plain[value] = e.inputs[0] if e is made else self._moved(e)
        return self.plain[value]

    def _moved(self, e: Equation) -> Value:
        """Append a movement of what is not rounded."""
        (old,) = e.outputs
        new = Value(old.type)
        self.equations.append(_on(e, self._plain(e.inputs[0]), new))
        return new

    def _loop(self, e: Equation) -> Equation:
        """Return a loop that rounds constants of its products itself."""
        loop = Body(**e.params)
        operands, inputs = list(e.inputs), list(loop.body.inputs)
        first: list[Equation] = []
        for i in range(loop.constants, len(operands)):
            made = self.known.get(_base(operands[i], self.known))
            if made is None or made.primitive.name not in ROUNDS:
                continue
            inner = inputs[i]
            if not _only_multiplied(inner, loop.body):
                continue
            inputs[i] = Value(inner.type, inner.name)
            first.append(_on(made, inputs[i], inner))
            operands[i] = self._plain(operands[i])
        if not first:
            return e
        equations = (*first, *loop.body.equations)
        outputs, roles = loop.body.outputs, dict(loop.body.roles)
        body = Graph(loop.body.name, tuple(inputs), equations, outputs, roles)
        about = replace(loop, body=body).params, e.outputs, e.origin, e.section, e.rule
        return Equation(e.primitive, tuple(operands), *about)


def _on(e: Equation, operand: Value, result: Value) -> Equation:
    """Return an equation with another operand and result."""
    return Equation(e.primitive, (operand,), e.params, (result,), e.origin, e.section, e.rule)


def _only_multiplied(value: Value, body: Graph) -> bool:
    """Return whether a body has a value for its products only, moved perhaps."""
    if value in body.outputs:
        return False
    users = [e for e in body.equations if value in e.inputs]
    return all(
        e.primitive.name == "dot" or (_moves(e) and _only_multiplied(e.outputs[0], body))
        for e in users
    )
