"""One loop nest -> the text of a function over arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gradc.emit import expression
from gradc.emit.arguments import Arguments
from gradc.emit.expression import CONVERSIONS, Names, literal, subscript
from gradc.emit.frame import Frame
from gradc.emit.namer import Namer
from gradc.emit.protect import protected
from gradc.emit.writer import Writer
from gradc.ir.dtype import DType, int32, uint8
from gradc.ir.graph import Value
from gradc.schedule.loops import (
    Argument,
    Clear,
    Compute,
    Fold,
    Join,
    Let,
    Loop,
    Node,
    Read,
    Result,
    Scope,
    Start,
    Statement,
    Step,
    Store,
)
from gradc.schedule.nest import Nest

AXES = ("i", "j", "k", "m", "n", "o", "p", "q", "r", "s", "t", "u")
UPDATES = {"sum": "+=", "prod": "*=", "any": "|=", "all": "&="}


@dataclass(slots=True)
class Body:
    """Writes the statements of a nest.

    Args:
        nest: what to write.
        given: its arguments.
        arrays, scalars: their names.
        hint: what a local variable for a value should be called.
        used: functions and constants that the text needs.
        frame: who does which position.
    """

    nest: Nest
    given: Arguments
    arrays: Sequence[str]
    scalars: Sequence[str]
    hint: Callable[[Value], str]
    used: set[str]
    frame: Frame
    namer: Namer = field(default_factory=Namer)
    locals: dict[Node, str] = field(default_factory=dict[Node, str])
    visible: set[Node] = field(default_factory=set[Node])
    folds: dict[int, tuple[str, str]] = field(default_factory=dict[int, tuple[str, str]])
    fixed: dict[Fold, tuple[str, str]] = field(default_factory=dict[Fold, tuple[str, str]])
    writer: Writer = field(default_factory=Writer)
    names: Names = field(init=False)

    def __post_init__(self) -> None:
        self.namer.taken.update((*self.arrays, *self.scalars, *self.frame.extra))
        axes = [n for n in AXES if n not in self.namer.taken]
        axes = axes[: len(self.nest.extents)]
        axes += [f"axis_{a}" for a in range(len(axes), len(self.nest.extents))]
        self.namer.taken.update(axes)
        self.names = Names(
            axes, self._array, self._scalar, self._local, self._fold, self._spill, self.used
        )

    def _array(self, read: Read) -> str:
        return self.arrays[self.given.at[read.root, read.dims]]

    def _scalar(self, argument: Argument) -> str:
        return self.frame.number(self.scalars[self.given.scalars.index(argument.root)])

    def _local(self, node: Node) -> str | None:
        return self.locals.get(node) if node in self.visible else None

    def _fold(self, result: Result) -> str:
        value, index = self.fixed[result.fold]
        return index if result.fold.name.startswith("arg") else value

    def _spill(self, node: Node, text: str) -> str:
        name = self._name(node)
        self.writer.assign(name, text)
        self.visible.add(node)
        return name

    def _name(self, node: Node) -> str:
        if node not in self.locals:
            self.locals[node] = self.namer(self._node_hint(node))
        return self.locals[node]

    def value(self, node: Node) -> str:
        """Return a node as Python, after writing what it needs."""
        return self._text(node)

    def kept(self, node: Node, text: str) -> str:
        """Put a node into a variable; return its name."""
        return self._spill(node, text)

    def _node_hint(self, node: Node) -> str:
        """Return what a node's variable should be called: after the array that it goes to."""
        if node.value is None:
            return "t"
        for access in self.nest.accesses:
            stored = access.touched
            if not isinstance(stored, Store) or stored.root in self.nest.scratch:
                continue
            if stored.node is node and not stored.fold:
                number = self.given.at[stored.root, stored.dims]
                over = len(self.given.arrays[number].values) > 1
                return f"{self.arrays[number]}_new" if over else self.arrays[number]
        return self.hint(node.value)

    def write(self, statements: Sequence[Statement]) -> None:
        """Write statements."""
        for statement in protected(statements, self.given, self.visible):
            self._write(statement)

    def _write(self, statement: Statement) -> None:
        match statement:
            case Let(node):
                name = self._name_unseen(node)
                self.writer.assign(name, self._text(node))
                self.visible.add(node)
            case Store():
                self.frame.store(self, statement)
            case Start(fold):
                self.start(fold)
            case Step(fold):
                self.step(fold)
            case Join(total, part):
                self.writer.line(f"{self.fixed[total][0]} += {self.fixed[part][0]}")
            case Clear(store):
                self.frame.clear(self, store)
            case Loop():
                self.frame.loop(self, statement)

    def _name_unseen(self, node: Node) -> str:
        self.visible.discard(node)
        return self._name(node)

    def _text(self, node: Node, least: int = 0) -> str:
        """Return a node as Python, in brackets where its precedence is below the `least`."""
        made, own = expression.text(node, self.names)
        return made if own >= least else f"({made})"

    def store(self, store: Store, lead: str = "") -> None:
        """Write a store; `lead` is an index that comes before its own."""
        array = self.arrays[self.given.at[store.root, store.dims]]
        value = self._text(store.node)
        target = f"{array}[{self.place(store, lead)}]"
        sign = "="
        operator = self._in_place(store, value, target)
        if operator:
            sign, value = f"{operator}=", value[len(target) + 3 :]
        elif store.fold in UPDATES:
            sign = UPDATES[store.fold]
        elif store.fold:
            self.used.add(FOLD_FUNCTION[store.fold])
            value = f"{FOLD_FUNCTION[store.fold]}({target}, {value})"
        if not store.tests:
            self.writer.assign(target, value, sign)
            return
        with self.writer.block(f"if {expression.tests(store.tests, self.names, guarded=False)}:"):
            self.writer.assign(target, value, sign)

    def place(self, store: Store, lead: str = "") -> str:
        """Return the index of a store."""
        own = subscript(store.index, self.names)
        return own if not lead else f"{lead}, {own}" if store.index else lead

    def _in_place(self, store: Store, value: str, target: str) -> str:
        """Return the operator of `a[i] = a[i] + ...`, which is written `a[i] += ...`."""
        node = store.node
        if store.fold or not isinstance(node, Compute) or node in self.visible:
            return ""
        operator = {"add": "+", "sub": "-"}.get(node.primitive.name, "")
        first = node.operands[0] if operator else None
        wide = node.dtype not in NARROW and value.startswith(f"{target} {operator} ")
        return operator if isinstance(first, Read) and first not in self.visible and wide else ""

    def start(self, fold: Fold) -> None:
        """Write a fold's first value."""
        if fold not in self.fixed:
            hint = self.hint(fold.root)
            if fold.scope is Scope.END or (
                hint in self.arrays and "running" not in self.namer.taken
            ):
                hint = "running"
            searching = fold.name.startswith("arg")
            index = self.namer(hint) if searching else ""
            value = self.namer(
                "part" if fold in self._partials() else "best" if searching else hint
            )
            self.fixed[fold] = (value, index)
        value, index = self.fixed[fold]
        dtype = fold.operand.dtype if index else fold.root.dtype
        self.writer.line(f"{value} = {first_value(fold.name, dtype, self.used)}")
        if index:
            self.writer.line(f"{index} = 0")

    def _partials(self) -> set[Fold]:
        return {s.part for s in all_statements(self.nest.body) if isinstance(s, Join)}

    def step(self, fold: Fold) -> None:
        """Write one step of a fold."""
        value, index = self.fixed[fold]
        cut = fold.name in UPDATES and fold.root.dtype in NARROW
        operand = self._text(fold.operand, expression.UNARY if cut else 0)
        if cut:
            operator, function = UPDATES[fold.name][0], CONVERSIONS[fold.root.dtype]
            self.used.add(function)
            self.writer.assign(value, f"{function}({value} {operator} {operand})")
        elif fold.name in UPDATES:
            self.writer.assign(value, operand, UPDATES[fold.name])
        elif not index:
            function = FOLD_FUNCTION[fold.name]
            self.used.add(function)
            self.writer.assign(value, f"{function}({value}, {operand})")
        else:
            self._compare(fold, operand)

    def _compare(self, fold: Fold, operand: str) -> None:
        """One step of argmax or argmin: the first of equal elements, or the first NaN."""
        value, index = self.fixed[fold]
        if not operand.isidentifier():
            name = self.namer("element")
            self.writer.assign(name, operand)
            operand = name
        better = f"{operand} {'>' if fold.name == 'argmax' else '<'} {value}"
        if fold.operand.dtype.is_floating_point:
            self.used.add("isnan")
            better += f" or (isnan({operand}) and not isnan({value}))"
        assert fold.place is not None
        with self.writer.block(f"if {better}:"):
            self.writer.line(f"{value} = {operand}")
            self.writer.line(f"{index} = {expression.affine(fold.place, self.names)[0]}")


NARROW = (int32, uint8)  # the processor computes with int64: results must be cut to size
FOLD_FUNCTION = {"max": "maximum", "min": "minimum"}


def first_value(fold: str, dtype: DType, used: set[str]) -> str:
    """Return what a reduction starts from."""
    if fold in ("sum", "prod", "any", "all"):
        return literal(int(fold in ("prod", "all")), dtype, used)[0]
    largest = fold in ("min", "argmin")
    if dtype.is_floating_point:
        return literal(float("inf") if largest else float("-inf"), dtype, used)[0]
    if dtype.is_bool:
        return str(largest)
    bits = dtype.itemsize * 8
    if dtype is uint8:
        return literal(255 if largest else 0, dtype, used)[0]
    return literal(2 ** (bits - 1) - 1 if largest else -(2 ** (bits - 1)), dtype, used)[0]


def all_statements(statements: Sequence[Statement]) -> list[Statement]:
    """Return statements and all those inside their loops."""
    found: list[Statement] = []
    for s in statements:
        found.append(s)
        if isinstance(s, Loop):
            found += all_statements(s.body)
    return found
