"""A value at an index -> a scalar expression: each primitive's operands at the indices it reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from gradc.ir.dtype import int64
from gradc.ir.graph import Equation, Value
from gradc.ir.primitive import Kind, lookup
from gradc.schedule.loops import (
    ZERO,
    Affine,
    Argument,
    Choose,
    Compute,
    Fold,
    Index,
    Node,
    Number,
    Position,
    Read,
    Result,
    Test,
    axis_index,
    identity,
    position,
)
from gradc.schedule.roots import Program, Root, squeeze


@dataclass(slots=True)
class Lowering:
    """The expressions of one kernel; equal (value, index) pairs share one node.

    Args:
        program: definitions and roots.
        rows: how many outer loops a row reduction stays inside.
        members: roots that this kernel computes, by value.
        stored: node that each elementwise member stores.
        folds: fold of each row reduction member.
        indices: the index that each node was made at, to spot recomputation.
    """

    program: Program
    rows: int = 0
    members: dict[Value, Root] = field(default_factory=dict[Value, Root])
    stored: dict[Value, Node] = field(default_factory=dict[Value, Node])
    folds: dict[Value, Fold] = field(default_factory=dict[Value, Fold])
    nodes: dict[tuple[Value, Index], Node] = field(default_factory=dict[tuple[Value, Index], Node])

    def pull(self, value: Value, index: Index) -> Node:
        """Return the node of `value` at `index` (one entry per axis)."""
        key = (value, index)
        node = self.nodes.get(key)
        if node is None:
            node = self.nodes[key] = self._pull(value, index)
        return node

    def _pull(self, value: Value, index: Index) -> Node:
        root = self.program.home(value)
        if root is not None:
            return self._read(root, value, index)
        return self.define(self.program.known[value], value, index)

    def _read(self, root: Root, value: Value, index: Index) -> Node:
        """Return an element of a root, seen as `value`."""
        places = tuple(p for p, n in zip(index, value.shape, strict=True) if n != 1)
        level, member = 0, root.value in self.members
        if root.value in self.folds and places == identity(self.rows):
            fold = self.folds[root.value]
            return Result(
                dtype=value.dtype,
                depth=self.rows,
                level=fold.sweep + 1,
                value=root.value,
                fold=fold,
            )
        if member and root.value in self.stored:
            node = self.stored[root.value]
            if places == identity(len(places)):
                return node
            level = node.level + 1
        if not places:
            return Argument(dtype=value.dtype, value=root.value, root=root.value)
        atoms = [a for p in places for a in p.nodes]
        return Read(
            dtype=value.dtype,
            depth=max(p.depth for p in places),
            level=max([level, *(a.level for a in atoms)]),
            value=root.value,
            root=root.value,
            dims=squeeze(value.shape),
            index=places,
        )

    def define(self, equation: Equation, value: Value, index: Index) -> Node:
        """Return the node that computes one element of an equation's output."""
        match equation.primitive.kind:
            case Kind.ELEMENTWISE:
                operands = tuple(self.pull(v, index) for v in equation.inputs)
                return self._compute(equation, value, operands)
            case Kind.CREATION:
                return self._create(equation, value, index)
            case Kind.MOVEMENT:
                return self._move(equation, index)
            case Kind.INDEXING:
                return self._look_up(equation, value, index)
            case Kind.RANDOM:
                return self._random(equation, value, index)
            case Kind.SCAN:  # along an axis of size 1
                return self.pull(equation.inputs[0], index)
            case Kind.REDUCTION:
                return self._fold_of_one(equation, value, index)
            case kind:
                raise AssertionError(f"{kind} is computed by a kernel of its own")

    def _compute(self, equation: Equation, value: Value, operands: tuple[Node, ...]) -> Node:
        operands = _signs(equation, operands)
        return Compute(
            dtype=value.dtype,
            depth=max((n.depth for n in operands), default=0),
            level=max((n.level for n in operands), default=0),
            operands=operands,
            value=value,
            primitive=equation.primitive,
            params=dict(equation.params),
        )

    def _create(self, equation: Equation, value: Value, index: Index) -> Node:
        if equation.primitive.name == "full":
            return Number(dtype=value.dtype, number=equation.params["value"])
        axis: int = equation.params["axis"]
        node = position(index[axis])
        return self.converted(node, value)

    def converted(self, node: Node, value: Value) -> Node:
        """Return `node` in `value`'s dtype."""
        if node.dtype is value.dtype:
            return node
        return Compute(
            dtype=value.dtype, depth=node.depth, level=node.level, operands=(node,), value=value,
            primitive=lookup("cast"), params={"dtype": value.dtype},
        )  # fmt: skip

    def _random(self, equation: Equation, value: Value, index: Index) -> Node:
        """Each element has its own counter: its place in row-major order."""
        place = ZERO
        for p, n in zip(index, value.shape, strict=True):
            place = place.scaled(n) + p
        operands = (*(self.pull(v, ()) for v in equation.inputs), position(place))
        return self._compute(equation, value, operands)

    def _fold_of_one(self, equation: Equation, value: Value, index: Index) -> Node:
        """A reduction over axes of size 1 is its operand, or position 0."""
        if equation.primitive.name in ("argmax", "argmin"):
            return Number(dtype=value.dtype, number=0)
        return self.pull(equation.inputs[0], regrouped(index, value, equation.inputs[0]))

    def _move(self, equation: Equation, index: Index) -> Node:
        source, params = equation.inputs[0], equation.params
        match equation.primitive.name:
            case "reshape":
                return self.pull(source, regrouped(index, equation.outputs[0], source))
            case "permute":
                axes: tuple[int, ...] = params["axes"]
                return self.pull(source, tuple(index[axes.index(a)] for a in range(len(axes))))
            case "broadcast":
                tail = index[len(index) - source.type.ndim :]
                pairs = zip(tail, source.shape, strict=True)
                return self.pull(source, tuple(ZERO if n == 1 else p for p, n in pairs))
            case "slice":
                cuts = zip(index, params["start"], params["step"], strict=True)
                return self.pull(source, tuple(p.scaled(step, start) for p, start, step in cuts))
            case "flip":
                flipped = (
                    p.scaled(-1, n - 1) if a in params["axes"] else p
                    for a, (p, n) in enumerate(zip(index, source.shape, strict=True))
                )
                return self.pull(source, tuple(flipped))
            case "pad":
                return self._pad(equation, index)
            case "concatenate":
                return self._join(equation, index)
            case name:
                raise AssertionError(f"no index map for {name}")

    def _pad(self, equation: Equation, index: Index) -> Node:
        source, params = equation.inputs[0], equation.params
        places: list[Affine] = []
        tests: list[Test] = []
        sides = zip(
            index, source.shape, params["low"], params["high"], params["interior"], strict=True
        )
        for p, n, low, high, interior in sides:
            step, span = interior + 1, (n - 1) * (interior + 1) + 1
            if low or high or (interior and n > 1):
                divisor = step if n > 1 else 1
                at = p.scaled(1, -low)
                tests.append(Test(at, 0 if low else None, span if high else None, divisor))
                p = quotient(at, divisor)
            places.append(p)
        value = equation.outputs[0]
        outside = Number(dtype=value.dtype, number=params["value"])
        return choose(tuple(tests), self.pull(source, tuple(places)), outside, value)

    def _join(self, equation: Equation, index: Index) -> Node:
        axis: int = equation.params["axis"]
        value = equation.outputs[0]
        node: Node | None = None
        end = value.shape[axis]
        for part in reversed([v for v in equation.inputs if v.shape[axis]]):
            start = end - part.shape[axis]
            place = index[axis].scaled(1, -start) if part.shape[axis] > 1 else ZERO
            own = self.pull(part, (*index[:axis], place, *index[axis + 1 :]))
            below = (Test(index[axis], None, end),)
            node = own if node is None else choose(below, own, node, value)
            end = start
        assert node is not None
        return node

    def _look_up(self, equation: Equation, value: Value, index: Index) -> Node:
        """Gather and index_select; outside the axis lie NaN, or 0 for integers."""
        source, positions = equation.inputs
        axis: int = equation.params["axis"]
        if equation.primitive.name == "gather":
            before, after, at = index[:axis], index[axis + 1 :], index
        else:
            end = axis + positions.type.ndim
            before, after, at = index[:axis], index[end:], index[axis:end]
        place = as_place(self.pull(positions, at))
        tests = within(place, source.shape[axis])
        # gather may read only the first part of the other axes: the same index serves
        inside = self.pull(source, (*before, place if source.shape[axis] > 1 else ZERO, *after))
        number = float("nan") if value.dtype.is_floating_point else 0
        outside = Number(dtype=value.dtype, number=False if value.dtype.is_bool else number)
        return choose(tests, inside, outside, value)


def _signs(equation: Equation, operands: tuple[Node, ...]) -> tuple[Node, ...]:
    """relu(x) <= 0 just where x <= 0: one operation less where relu(x) isn't at hand."""
    if equation.primitive.name in ("gt", "le"):
        first, second = operands
        zero = isinstance(second, Number) and second.number == 0
        if zero and isinstance(first, Compute) and first.primitive.name == "relu":
            return first.operands[0], second
    return operands


def choose(tests: tuple[Test, ...], then: Node, otherwise: Node, value: Value) -> Node:
    """Return `then` where the tests hold, else `otherwise`; `then` where nothing is tested."""
    if not tests:
        return then
    atoms = [a for t in tests for a in t.place.nodes]
    everything = (*atoms, then, otherwise)
    return Choose(
        dtype=value.dtype,
        depth=max(*(n.depth for n in everything), *(t.place.depth for t in tests)),
        level=max(n.level for n in everything),
        operands=(then, otherwise),
        value=value,
        tests=tests,
    )


def within(place: Affine, size: int) -> tuple[Test, ...]:
    """Return the tests that a data-dependent index lies on its axis."""
    return (Test(place, 0, size),) if place.nodes or place.offset not in range(size) else ()


def as_place(node: Node) -> Affine:
    """Return an integer node as an index."""
    match node:
        case Number():
            return Affine((), int(node.number))
        case Position(divisor=1):
            return node.place
        case _:
            return Affine(((node, 1),))


def quotient(place: Affine, divisor: int) -> Affine:
    """Return place // divisor."""
    if divisor == 1:
        return place
    level = max((n.level for n in place.nodes), default=0)
    node = Position(dtype=int64, depth=place.depth, level=level, place=place, divisor=divisor)
    return Affine(((node, 1),))


def regrouped(index: Index, old: Value, new: Value) -> Index:
    """Return an index of `old` as one of `new`, which differs by axes of size 1."""
    assert squeeze(old.shape) == squeeze(new.shape), "other reshapes are views of a kept value"
    places = iter([p for p, n in zip(index, old.shape, strict=True) if n != 1])
    return tuple(ZERO if n == 1 else next(places) for n in new.shape)


def full_index(value: Value, loops: int = 0) -> Index:
    """Return the index of `value` with a loop per axis that isn't of size 1."""
    count, places = loops, list[Affine]()
    for n in value.shape:
        places.append(ZERO if n == 1 else axis_index(count))
        count += n != 1
    return tuple(places)
