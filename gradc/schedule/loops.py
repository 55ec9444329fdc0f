"""The language of loop nests: indices, scalar expressions and statements; data only."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gradc.ir.dtype import DType, int64
from gradc.ir.graph import Value
from gradc.ir.primitive import Primitive


@dataclass(frozen=True, slots=True)
class Affine:
    """A whole number: sum of coefficient * atom, plus an offset.

    Args:
        terms: (atom, coefficient); an atom is a loop axis by number, or a Node of integer dtype.
        offset: the constant.
    """

    terms: tuple[tuple[int | Node, int], ...]
    offset: int = 0

    def scaled(self, factor: int, offset: int = 0) -> Affine:
        """Return factor * self + offset."""
        terms = tuple((a, c * factor) for a, c in self.terms) if factor else ()
        return Affine(terms, self.offset * factor + offset)

    def __add__(self, other: Affine) -> Affine:
        total: dict[int | Node, int] = {}
        for atom, c in (*self.terms, *other.terms):
            total[atom] = total.get(atom, 0) + c
        return Affine(tuple((a, c) for a, c in total.items() if c), self.offset + other.offset)

    @property
    def axes(self) -> tuple[int, ...]:
        """The loop axes that occur."""
        return tuple(a for a, _ in self.terms if isinstance(a, int))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that occur."""
        return tuple(a for a, _ in self.terms if not isinstance(a, int))

    @property
    def depth(self) -> int:
        """How many loops must be open to know it."""
        opened = (a + 1 if isinstance(a, int) else a.depth for a, _ in self.terms)
        return max(opened, default=0)

    @property
    def axis(self) -> int | None:
        """The loop axis that it is, if it is nothing else."""
        if len(self.terms) != 1 or self.offset or self.terms[0][1] != 1:
            return None
        atom = self.terms[0][0]
        return atom if isinstance(atom, int) else None


Index = tuple[Affine, ...]


ZERO = Affine(())


def axis_index(axis: int) -> Affine:
    """Return the index that is one loop axis."""
    return Affine(((axis, 1),))


def identity(count: int) -> Index:
    """Return the index of the element that the first `count` loops stand at."""
    return tuple(axis_index(a) for a in range(count))


@dataclass(frozen=True, slots=True)
class Test:
    """low <= place < high, and place divisible by `divisor`; None and 1 mean untested."""

    place: Affine
    low: int | None = None
    high: int | None = None
    divisor: int = 1


@dataclass(eq=False, repr=False, slots=True, kw_only=True)
class Node:
    """A scalar expression inside a loop nest; compared by identity.

    Args:
        dtype: its element type.
        depth: how many loops must be open.
        level: how many sweeps over the row must be over.
        operands: nodes it is computed from.
        value: the graph value that it is an element of, for its name.
    """

    dtype: DType
    depth: int = 0
    level: int = 0
    operands: tuple[Node, ...] = ()
    value: Value | None = None


@dataclass(eq=False, repr=False, slots=True, kw_only=True)
class Number(Node):
    """A constant."""

    number: float | int | bool


@dataclass(eq=False, repr=False, slots=True, kw_only=True)
class Argument(Node):
    """A value of one element, held in a variable of the step and passed in."""

    root: Value


@dataclass(eq=False, repr=False, slots=True, kw_only=True)
class Read(Node):
    """One element of a materialised value seen with shape `dims` (no axes of size 1)."""

    root: Value
    dims: tuple[int, ...]
    index: Index


@dataclass(eq=False, repr=False, slots=True, kw_only=True)
class Position(Node):
    """An index as an int64 number, divided by `divisor` and rounded down."""

    place: Affine
    divisor: int = 1


@dataclass(eq=False, repr=False, slots=True, kw_only=True)
class Compute(Node):
    """An elementwise primitive (or random_bits) applied to the operands."""

    primitive: Primitive
    params: dict[str, Any]


@dataclass(eq=False, repr=False, slots=True, kw_only=True)
class Choose(Node):
    """operands[0] where all tests hold, else operands[1]; the other one is not evaluated."""

    tests: tuple[Test, ...]


@dataclass(eq=False, repr=False, slots=True, kw_only=True)
class Result(Node):
    """The result of a fold over a row."""

    fold: Fold


class Scope(enum.Enum):
    """Where in a nest something is done."""

    INNER = "for each element"
    ROW = "once per row"
    END = "after all loops"


@dataclass(eq=False, slots=True)
class Fold:
    """A reduction held in a local variable.

    Args:
        root: the value it gives.
        name: sum prod max min any all argmax argmin.
        operand: what is folded.
        sweep: in which sweep over the row (or, for row values, before which).
        scope: ROW: complete at the end of each row; END: complete after all loops.
        source: where the operand is met: INNER, or ROW for a fold over row values.
        place: for argmax and argmin: position along the folded axis.
    """

    root: Value
    name: str
    operand: Node
    sweep: int
    scope: Scope = Scope.ROW
    source: Scope = Scope.INNER
    place: Affine | None = None


@dataclass(eq=False, slots=True)
class Let:
    """A local variable holds `node` from here on."""

    node: Node


@dataclass(eq=False, slots=True)
class Store:
    """root[index] = node, or with `fold` one step of an accumulator array.

    Args:
        root: the value stored.
        dims: shape it is seen with.
        index: where.
        node: what.
        sweep: in which sweep over the row (or, for row values, before which).
        scope: how deep in the nest.
        fold: name of the reduction that accumulates; "" for a plain store.
        clear: whether an accumulator gets its first values before the loops.
        tests: the store happens only where all hold.
    """

    root: Value
    dims: tuple[int, ...]
    index: Index
    node: Node
    sweep: int = 0
    scope: Scope = Scope.INNER
    fold: str = ""
    clear: bool = False
    tests: tuple[Test, ...] = ()


@dataclass(eq=False, slots=True)
class Start:
    """A fold's local variable gets its first value."""

    fold: Fold


@dataclass(eq=False, slots=True)
class Step:
    """A fold takes in one element."""

    fold: Fold


@dataclass(eq=False, slots=True)
class Clear:
    """An accumulator array gets its first values."""

    store: Store


@dataclass(eq=False, slots=True)
class Join:
    """A total takes in the sum of one run of the innermost loop."""

    total: Fold
    part: Fold


@dataclass(eq=False, slots=True)
class Loop:
    """Statements for each position along an axis."""

    axis: int
    body: list[Statement] = field(default_factory=list["Statement"])


Statement = Let | Store | Start | Step | Join | Clear | Loop


def places_of(store: Store) -> tuple[Affine, ...]:
    """Return every index in a store."""
    return (*store.index, *(t.place for t in store.tests))


def parts(node: Node) -> tuple[Node, ...]:
    """Return every node that `node` is made of directly, those inside indices included."""
    match node:
        case Read():
            return tuple(n for place in node.index for n in place.nodes)
        case Position():
            return node.place.nodes
        case Choose():
            return (*(n for t in node.tests for n in t.place.nodes), *node.operands)
        case _:
            return node.operands


def walk(node: Node, seen: set[Node]) -> Iterator[Node]:
    """Yield the nodes below and including `node` that are not in `seen`, operands first."""
    stack: list[tuple[Node, bool]] = [(node, False)]
    while stack:
        at, done = stack.pop()
        if done:
            yield at
        elif at not in seen:
            seen.add(at)
            stack.append((at, True))
            stack.extend((n, False) for n in reversed(parts(at)))


def position(place: Affine) -> Node:
    """Return an index as a number."""
    level = max((n.level for n in place.nodes), default=0)
    return Position(dtype=int64, depth=place.depth, level=level, place=place)
