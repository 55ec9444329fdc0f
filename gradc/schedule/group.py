"""Roots that one loop nest computes together."""

from __future__ import annotations

from dataclasses import dataclass, field

from gradc.ir.graph import Section, Value
from gradc.schedule.loops import Index
from gradc.schedule.roots import Form, Root


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a root is where it is.

    Args:
        text: with {} where a value is named.
        value: that value.
    """

    text: str
    value: Value | None = None


@dataclass(eq=False, slots=True)
class Group:
    """Roots computed together.

    Args:
        roots: in order.
        form: ELEMENT for loop nests, else the form of the only root.
        domain: the loops.
        rows: how many outer loops row reductions stay inside; None while there are none.
        work: each computation, once.
        sources: groups that must run before.
        joined: why each root is here: why the first begins it, why the others are in it.
    """

    roots: list[Root]
    form: Form
    domain: tuple[int, ...]
    rows: int | None
    work: set[tuple[Value, Index]]
    sources: set[Group] = field(default_factory=set["Group"])
    joined: dict[Value, Reason] = field(default_factory=dict[Value, "Reason"])

    @property
    def values(self) -> set[Value]:
        """The values it computes."""
        return {r.value for r in self.roots}

    @property
    def updating(self) -> bool:
        """Whether it belongs to the update of the state."""
        return section_of(self.roots[0]) is Section.UPDATE

    def is_row_fold(self, root: Root) -> bool:
        """Return whether a reduction is complete at the end of each row."""
        split = row_split(root, self.domain)
        return root.form is Form.FOLD and split is not None and split == self.rows


def section_of(root: Root) -> Section:
    """Return the section of the equation that computes a root."""
    return root.equation.section if root.equation is not None else Section.FORWARD


def row_split(root: Root, domain: tuple[int, ...]) -> int | None:
    """Return how many outer loops a reduction over all inner loops keeps, or None."""
    count = len(root.kept)
    if root.domain != domain or root.kept != tuple(range(count)):
        return None
    return count


def depends(group: Group, on: Group) -> bool:
    """Return whether `group` needs `on` to have run."""
    seen: set[Group] = set()
    stack = [group]
    while stack:
        at = stack.pop()
        if at is on:
            return True
        if at not in seen:
            seen.add(at)
            stack.extend(at.sources)
    return False
