"""Kernels -> the comments above them: the user's statements, their place, the rule used."""

from __future__ import annotations

import re
from collections.abc import Callable

from gradc.emit.writer import Writer
from gradc.ir.graph import Equation, Section, Value
from gradc.schedule.convolutions import Convolution
from gradc.schedule.plan import Kernel, Plan, Product
from gradc.schedule.products import Matrix

Line = tuple[Section, str, str]  # section, the user's statement, its place


class Headers:
    """Heads each block of the step with the statements that it belongs to.

    A statement is told when its first kernel comes; fused kernels tell all theirs. Numbers
    don't tell a statement again.

    Attributes:
        told: what the block before told.
        ever: what was told at all.
        order: the place of each equation.
        forward: forward equations by line and operand.
    """

    def __init__(
        self, plan: Plan, name: Callable[[Value], str], hint: Callable[[Value], str]
    ) -> None:
        self.plan = plan
        self.name = name
        self.hint = hint
        self.told: set[Line] = set()
        self.ever: set[Line] = set()
        self.order = {e: i for i, e in enumerate(plan.program.graph.equations)}
        self.forward = {
            (e.origin, v): e
            for e in plan.program.graph.equations
            if e.section is Section.FORWARD and e.origin is not None
            for v in e.inputs
        }

    def write(self, writer: Writer, kernel: Kernel) -> None:
        """Write the header of a kernel's block, if it says anything new."""
        lines: dict[Line, Equation] = {}
        for equation in self._equations(kernel):
            origin = equation.origin
            if origin is not None and origin.statement:
                line = (equation.section, origin.statement, origin.place)
                if line not in lines or equation.outputs[0] in kernel.values:
                    lines[line] = equation
        if kernel.is_scalar and self.ever.issuperset(lines):
            return  # a number moved away from its statement, such as a random state
        self.ever.update(lines)
        new = {line: e for line, e in lines.items() if line not in self.told}
        written: set[tuple[str, str]] = set()
        for (section, statement, place), equation in lines.items():
            product = isinstance(kernel.work, Product | Convolution)
            rule = self._rule(equation, kernel) if section is Section.BACKWARD else ""
            text = f"{statement}    {rule}" if rule else statement
            if (section, statement, place) in new and (text, place) not in written:
                writer.comment(text, place)
                written.add((text, place))
            elif product and rule:
                writer.comment(f"  {rule}")
        if new:
            self.told = set(lines)

    def _equations(self, kernel: Kernel) -> list[Equation]:
        """Return what a kernel computes, inlined equations included, in the user's order."""
        known, roots = self.plan.program.known, self.plan.program.roots
        own = [r.equation for r in kernel.roots if r.equation is not None]
        found: dict[Equation, None] = {}
        stack = list(own)
        while stack:
            equation = stack.pop()
            if equation in found:
                continue
            found[equation] = None
            for v in equation.inputs:
                if v in known and v not in roots and known[v].section is equation.section:
                    stack.append(known[v])
        return sorted(found, key=lambda e: self.order[e])

    def _rule(self, equation: Equation, kernel: Kernel) -> str:
        """Return the rule of a backward equation in the user's names."""
        (value, *_) = equation.outputs
        if isinstance(kernel.work, Product):
            return self._product(kernel.work, value)
        if isinstance(kernel.work, Convolution):
            return self._convolution(kernel.work, value) if value in kernel.values else ""
        primal, origin = value.adjoint_of, equation.origin
        if not equation.rule or primal is None or origin is None or not primal.name:
            return ""
        source = self.forward.get((origin, primal))
        if source is None:
            return ""
        (out, *_) = source.outputs
        if not out.name or not source.primitive.operands:
            return ""
        names = {
            o: self.hint(v) for o, v in zip(source.primitive.operands, source.inputs, strict=True)
        }
        names["out"] = out.name
        return f"d{out.name}/d{primal.name} = {renamed(equation.rule, names)}"

    def _product(self, product: Product, value: Value) -> str:
        """Return a product as it is computed, `W_bar = z_bar.T @ x`."""
        sides = [
            f"{self._matrix(m)}{'.T' if m.transposed else ''}"
            for m in (product.left, product.right)
        ]
        return f"{self.name(value)} = {' @ '.join(sides)}"

    def _convolution(self, work: Convolution, value: Value) -> str:
        """Return a convolution as it is computed, `w_bar = conv(x, y_bar)`."""
        homes = [self.plan.program.home(seen.value) for seen in (work.left, work.right)]
        sides = ", ".join(self.name(home.value) for home in homes if home is not None)
        return f"{self.name(value)} = conv({sides})"

    def _matrix(self, matrix: Matrix) -> str:
        home = self.plan.program.home(matrix.value)
        return self.name(home.value if home is not None else matrix.value)


def renamed(text: str, names: dict[str, str]) -> str:
    """Return an expression with its identifiers replaced."""
    return re.sub(r"[A-Za-z_]\w*", lambda m: names.get(m[0], m[0]), text)
