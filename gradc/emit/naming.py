"""A plan -> the name of every value in its step, and of every argument of its kernels."""

from __future__ import annotations

import re
from functools import cache

from gradc.emit.namer import Namer, Values
from gradc.ir.graph import Role, Value
from gradc.ir.primitive import Kind
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Panels, Plan
from gradc.schedule.roots import squeeze

Dims = tuple[int, ...]
ROLE_NAMES = {Role.PARAMETER: "p", Role.GRADIENT: "p_bar", Role.BUFFER: "buffer"}


class Naming:
    """Names in one generated file.

    Attributes:
        values: hints.
        namer: names taken in the step; kernels are named by it too.
        used: imported functions and constants that the text needs.
        views: name of the view of each value with each shape.
        scalars: values of one element that live in variables of the step.
    """

    def __init__(self, plan: Plan, around: Naming | None = None, *, numbers: bool = True) -> None:
        """Name what a plan needs.

        Args:
            plan: whose values.
            around: the naming of the plan that its loop is in.
            numbers: whether values of one element live in variables of the step.
        """
        self.numbers = numbers
        self.plan = plan
        self.values = Values(plan.program.graph)
        self.namer = Namer() if around is None else around.namer
        self.step = self.namer(plan.name)
        self.names: dict[Value, str] = {}
        self.views: dict[tuple[Value, Dims], str] = {}
        self.used: set[str] = {"step"} if around is None else around.used
        self.scalars: set[Value] = set()
        self.inputs = set(plan.program.graph.inputs)
        self.replaced = {new: old for old, new in plan.program.graph.updates}
        self._name_values()

    def _name_values(self) -> None:
        """Name inputs, then the user's values; others get what is left when they are met."""
        program = self.plan.program
        for value in program.graph.inputs:
            self.names[value] = self.namer(self.values.hint(value))
        self._name_unordered()
        computed = [v for e in program.graph.equations for v in e.outputs]
        for value in computed:
            if value.name and value in program.roots:
                self.names[value] = self.namer(value.name)
        for kernel in self.plan.kernels:
            if isinstance(kernel.work, Nest):
                self.scalars.update(kernel.work.arguments)
                for row, of in kernel.work.scratch.items():
                    self.values.hints[row] = f"{self.values.hint(of)}_row" if of else "row"
            if isinstance(kernel.work, Panels):
                hint = self.values.hint(kernel.work.home)
                self.values.hints[kernel.work.panels] = f"{hint}_panels"
            for value, parts in kernel.own.items():
                self.values.hints[parts] = f"{self.values.hint(value)}_parts"

    def _name_unordered(self) -> None:
        """Let convolutions whose results are named once in another order have that name too."""
        known, meant = self.plan.program.known, dict[Value, str]()
        for e in reversed(self.plan.program.graph.equations):
            name = e.outputs[0].hint or meant.get(e.outputs[0], "")
            if not name or e.primitive.kind is not Kind.MOVEMENT or e.inputs[0].hint:
                continue
            meant[e.inputs[0]] = name
            made = known.get(e.inputs[0])
            if made is not None and made.primitive.name == "conv":
                self.values.hints[e.inputs[0]] = name

    def name(self, value: Value) -> str:
        """Return the name of a value in the step."""
        if value not in self.names:
            if value.adjoint_of is not None:
                self.names[value] = self.namer(f"{self.values.hint(value.adjoint_of)}_bar")
            else:
                self.names[value] = self.namer(self.values.hint(value))
        return self.names[value]

    def view(self, value: Value, dims: Dims) -> str:
        """Return the name of the view of a value with a shape, made at the first call."""
        key = (value, dims)
        if key not in self.views:
            name = self.name(self.replaced.get(value, value))
            single = value in self.scalars or (not dims and value.type.size == 1)
            if single and self.numbers:
                name = self.namer(f"{name}_at")
            elif not single and dims != squeeze(value.shape):
                kinds = {1: "flat", 2: "rows"}
                name = self.namer(f"{name}_{kinds.get(len(dims), 'blocks')}")
            self.views[key] = name
        return self.views[key]

    def array_name(self, values: tuple[Value, ...]) -> str:
        """Return the name that stands for all values of one buffer: an input's, the user's."""
        inputs = [v for v in values if v in self.inputs]
        named = [v for v in reversed(values) if v.name]
        hinted = [v for v in reversed(values) if v.adjoint_of is not None]
        return self.name([*inputs, *named, *hinted, values[-1]][0])

    def shown(self, values: tuple[Value, ...]) -> Value:
        """Return the value under whose name a shared buffer is passed."""
        inputs = [v for v in values if v in self.inputs]
        return [*inputs, *reversed(values)][0]

    def role(self, values: tuple[Value, ...]) -> str:
        """Return a name for what the calls of a shared kernel name differently."""
        roles = self.plan.program.graph.roles
        for v in values:
            if roles.get(v) in ROLE_NAMES:
                return ROLE_NAMES[roles[v]]
            primal = v.adjoint_of
            if primal is not None and roles.get(primal) is Role.PARAMETER:
                return "p_bar"
        return self.values.hint(values[0])


def shared(options: list[str], fallback: str) -> str:
    """Return the name that all options are but for numbers, or end or begin with."""
    distinct = list(dict.fromkeys(options))
    if len(distinct) == 1:
        return distinct[0]
    same = {plain(name) for name in distinct}
    if len(same) == 1:
        return same.pop()
    words = [name.split("_") for name in distinct]
    ending = "_".join(reversed(_common([w[::-1] for w in words])))
    if ending and not ending[0].isdigit() and ending != "bar":
        return ending
    return "_".join(_common(words)) or fallback


def _common(words: list[list[str]]) -> list[str]:
    """Return the words that all lists begin with."""
    found: list[str] = []
    for column in zip(*words, strict=False):
        if len(set(column)) > 1:
            break
        found.append(column[0])
    return found


@cache
def plain(name: str) -> str:
    """Return a name without the numbers that tell layers apart."""
    return re.sub(r"_*\d+", "", name).strip("_") or name
