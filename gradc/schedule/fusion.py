"""Groups -> what each kept value is computed with, and why there: for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradc.ir.graph import Value
from gradc.ir.primitive import Kind
from gradc.schedule.fragments import Fragment
from gradc.schedule.group import Group, Reason
from gradc.schedule.roots import Program


@dataclass(frozen=True, slots=True)
class Fused:
    """How a kept value comes to be where it is computed.

    Args:
        begins: whether its kernel began with it.
        reason: why it began one, or why it joined this one.
        inside: named values that are computed on the way and never reach memory.
    """

    begins: bool
    reason: Reason
    inside: tuple[Value, ...]


def fusion(
    program: Program, made: Sequence[Group], parts: Mapping[Value, Fragment]
) -> dict[Value, Fused]:
    """Return this for each value that a group computes."""
    kept = {v for group in made for v in group.values}

    def is_inside(value: Value) -> bool:
        if not value.hint or value in kept or value not in program.known:
            return False
        return program.known[value].primitive.kind in (Kind.ELEMENTWISE, Kind.RANDOM)

    found: dict[Value, Fused] = {}
    for group in made:
        for number, (value, reason) in enumerate(group.joined.items()):
            computed = dict.fromkeys(v for v, _, _ in parts[value].computed)
            inside = tuple(v for v in computed if is_inside(v))
            found[value] = Fused(number == 0, reason, inside)
    return found
