"""Loop nests of a plan -> kernels as text, equal ones written once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gradc.emit import titles
from gradc.emit.arguments import Arguments, arguments, places_of
from gradc.emit.frame import Frame
from gradc.emit.kernel import Body, all_statements
from gradc.emit.namer import Namer
from gradc.emit.naming import Naming, plain, shared
from gradc.emit.serial import Serial
from gradc.emit.writer import WIDTH, Writer
from gradc.ir.graph import Value
from gradc.schedule.loops import Argument, Let, Node, Read, Result, Store
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Kernel, Plan


@dataclass(slots=True)
class Function:
    """A kernel's text, shared by all calls that are the same but for names.

    Args:
        name: of the function.
        first: the nest of the first call.
        given: its arguments.
        frame: who does which position.
        calls: the arguments of each call.
    """

    name: str
    first: Nest
    given: Arguments
    frame: Frame
    calls: list[Arguments] = field(default_factory=list[Arguments])


class Functions:
    """The kernels of a generated file.

    Attributes:
        by_text: functions by their text with neutral names.
        of: the function that each kernel of the plan calls.
    """

    def __init__(
        self, plan: Plan, naming: Naming, frame: Callable[[Kernel, Nest], Frame] | None = None
    ) -> None:
        """Find the functions of a plan; `frame` says who does which position, None for the CPU."""
        self.frame = frame if frame is not None else _serial
        self.plan = plan
        self.naming = naming
        self.by_text: dict[str, Function] = {}
        self.of: dict[Kernel, Function] = {}
        for kernel in plan.kernels:
            if isinstance(kernel.work, Nest) and not kernel.is_scalar:
                self._add(kernel, kernel.work)

    def _add(self, kernel: Kernel, nest: Nest) -> None:
        """Find or found the function that computes a kernel."""
        given = arguments(nest, places_of(kernel, self.plan.memory.places))
        frame = self.frame(kernel, nest)
        key = neutral(nest, given, frame)
        if key not in self.by_text:
            name = self.naming.namer(titles.title(nest, kernel.section))
            self.by_text[key] = Function(name, nest, given, frame)
        self.by_text[key].calls.append(given)
        self.of[kernel] = self.by_text[key]

    def texts(self) -> list[Writer]:
        """Return the text of each function."""
        return [self._text(f) for f in self.by_text.values()]

    def _text(self, function: Function) -> Writer:
        """Return the text of one kernel."""
        nest, given = function.first, function.given
        names = self._parameter_names(function)
        arrays, scalars = names[: len(given.arrays)], names[len(given.arrays) :]
        several = len(function.calls) > 1

        def hint(value: Value) -> str:
            found = self.naming.values.hint(value)
            return plain(found) if several else found

        frame = function.frame
        body = Body(nest, given, arrays, scalars, hint, self.naming.used, frame)
        body.writer.depth = 1
        frame.write(body)
        self.naming.used.add("kernel")
        writer = Writer()
        writer.quote("@kernel", frame.signature(given), frame.facts(given))
        writer.call(f"def {function.name}", [*names, *frame.extra], after=":")
        writer.depth = 1
        for line in self._maths(nest, body):
            writer.line(f"# {line}")
        writer.extend(body.writer)
        return writer

    def _parameter_names(self, function: Function) -> list[str]:
        """Return names for a kernel's arguments: of the only call, or what the calls share."""
        namer = Namer()
        names: list[str] = []
        given = function.given
        for i, array in enumerate(given.arrays):
            options = [self.naming.array_name(c.arrays[i].values) for c in function.calls]
            role = self.naming.role(array.values)
            names.append(namer(shared(options, role)))
        for i in range(len(given.scalars)):
            # a kernel has its own names: no numbers that tell values of the step apart
            options = [self.naming.values.hint(c.scalars[i]) for c in function.calls]
            names.append(namer(shared(options, "c")))
        return names

    def _maths(self, nest: Nest, body: Body) -> list[str]:
        """Return the comment of a kernel: what each stored value is."""
        lines: list[str] = []
        lets = {s.node for s in all_statements(nest.body) if isinstance(s, Let)}

        def name(node: Node) -> str | None:
            match node:
                case Read():
                    number = body.given.at[node.root, node.dims]
                    values = body.given.arrays[number].values
                    own = len(values) == 1 or node.root in self.naming.inputs
                    return body.arrays[number] if own else body.hint(node.root)
                case Result():
                    return body.fixed[node.fold][0] if node.fold in body.fixed else "total"
                case Argument():
                    return body.scalars[body.given.scalars.index(node.root)]
                case _:
                    return None

        def short(node: Node) -> str | None:
            return body.locals.get(node) if node in lets else name(node)

        for s in all_statements(nest.body):
            if not isinstance(s, Store) or s.root in nest.scratch or isinstance(s.node, Result):
                continue
            target = body.arrays[body.given.at[s.root, s.dims]]
            shared_by = body.given.arrays[body.given.at[s.root, s.dims]].values
            first, *others = shared_by
            over = ", in place" if others else ""
            news = (target, body.hint(s.root), f"{target}_new")
            if others and body.hint(first) not in news and first not in self.naming.inputs:
                over += f" of {body.hint(first)}"
            summed = "sum of " if s.fold == "sum" and s.clear else ""
            room = WIDTH - 6 - len(f"{target} = {summed}{over}")
            text = titles.maths(s.node, name, room) or titles.maths(s.node, short, room)
            if text is not None:
                lines.append(f"{target} = {summed}{text}{over}")
        if nest.sweeps > 1:
            lines = [*lines[:3], f"{nest.sweeps} sweeps over each row {body.frame.sweeping}"]
        return lines[:4]


def _serial(kernel: Kernel, nest: Nest) -> Frame:
    """Return the frame of a CPU's kernel."""
    del nest
    return Serial("rows" if kernel.share is not None and kernel.share.cut else "")


def neutral(nest: Nest, given: Arguments, frame: Frame) -> str:
    """Return the text of a kernel with neutral names, equal for kernels that may be shared."""
    arrays = [f"a{i}" for i in range(len(given.arrays))]
    scalars = [f"c{i}" for i in range(len(given.scalars))]
    body = Body(nest, given, arrays, scalars, lambda _: "t", set(), frame)
    frame.write(body)
    return f"{frame.signature(given)}{frame.facts(given)}\n{body.writer}"
