"""The kernels of a plan in order -> the text of the step: views, then one call per kernel."""

from __future__ import annotations

from gradc.emit import describe
from gradc.emit.arguments import arguments, places_of
from gradc.emit.functions import Functions
from gradc.emit.headers import Headers
from gradc.emit.kernel import Body
from gradc.emit.naming import Naming
from gradc.emit.serial import Serial
from gradc.emit.special import Special
from gradc.emit.team import Team
from gradc.emit.views import Views
from gradc.emit.writer import Writer
from gradc.ir.graph import Section, Value
from gradc.schedule.arena import Place
from gradc.schedule.loops import Store
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Kernel, Plan, Repeat
from gradc.schedule.share import Combine

ORDER = list(Section)


class StepWriter:
    """Writes the step.

    Attributes:
        calls: the function that each kernel of the plan calls.
        team: what it says where several threads run it.
        special: the kernels that no loop nest makes.
    """

    def __init__(
        self,
        plan: Plan,
        naming: Naming,
        functions: Functions,
        loops: dict[Kernel, tuple[str, str]],
        times: tuple[str, ...] = (),
    ) -> None:
        """Write the step of a plan; `times` are the steps of the loops that it is the body of."""
        self.loops = loops
        self.times = times
        self.plan = plan
        self.naming = naming
        self.functions = functions
        self.places = plan.memory.places
        self.calls: dict[Kernel, str] = {}
        self.team = Team(plan, naming)
        self.special = Special(plan, naming, self.team, self.calls)
        self.views = Views(plan, naming, times)

    def text(self) -> Writer:
        """Return the text of the step."""
        body = Writer(1)
        headers = Headers(self.plan, self.naming.name, self.naming.values.hint)
        section: Section | None = None
        late = Writer(1)
        results = self._scalar_results()
        for number, kernel in enumerate(self.plan.kernels):
            self.team.before(number, body)
            if section is None or self._begins(number, section):
                section = kernel.section
                self.team.end(body)
                if not self.times:
                    if body.lines:
                        body.line()
                    body.rule(section.value)
            self.team.begin(kernel, body)
            headers.write(body, kernel)
            if number in self.plan.together and kernel.share is not None:
                self.team.begin_blocks(kernel.share, body)
            self._run(kernel, body, late, results)
            if number - 1 in self.plan.together:
                self.team.end_blocks(body)
        self.team.before(len(self.plan.kernels), body)
        self.team.end(body)
        writer = Writer()
        decorator = "loop_body" if self.times else "step"
        self.naming.used.add(decorator)
        writer.line(f"@{decorator}")
        arguments = ("buffers", *self.times, *["team"] * self.plan.shared)
        with writer.block(f"def {self.naming.step}({', '.join(arguments)}):"):
            writer.line(f'"""{describe.returns(self.plan, self.naming.name)}"""')
            self.views.write(writer, numbers=True)
            self.team.write_rows(writer)
            if len(writer.lines) > 3:
                writer.line()
        if not body.lines:
            body.line("pass")
        writer.extend(body)
        if late.lines:
            writer.line()
            writer.depth = 1
            writer.rule("results")
            if self.plan.shared:
                self.team.alone(writer)
            for line in late.lines:
                writer.line(line.strip())
        return writer

    def _begins(self, number: int, section: Section) -> bool:
        """Return whether a kernel begins a new section: there is no way back to one before.

        Numbers that a fused kernel needs early stay with it, as do updates behind a product.
        """
        new = self.plan.kernels[number].section
        if ORDER.index(new) <= ORDER.index(section) or number - 1 in self.plan.together:
            return False
        later = [k for k in self.plan.kernels[number:] if not k.is_scalar]
        return new is not Section.UPDATE or all(k.section is new for k in later)

    def _scalar_results(self) -> set[Value]:
        """Return the numbers of the step that may be written to memory at its end."""
        read = {v for k in self.plan.kernels for v in k.reads}
        program = self.plan.program
        homes = {r.value for v in program.graph.results() if (r := program.home(v)) is not None}
        return homes - read

    def _run(self, kernel: Kernel, body: Writer, late: Writer, results: set[Value]) -> None:
        match kernel.work:
            case Nest() if kernel.is_scalar:
                self._inline(kernel.work, body, late, results)
            case Nest():
                self._call(kernel, kernel.work, body)
            case Repeat():
                self._repeat(kernel, kernel.work, body)
            case Combine():
                assert kernel.share is not None
                self.calls[kernel] = self.team.combine(kernel.work, kernel.share, body)
            case _:
                self.special.write(kernel, body)
        if not kernel.is_scalar:
            for value in kernel.values:
                if value in self.naming.scalars and value in self.places:
                    if self.plan.shared:
                        self.team.computed(value)
                    else:
                        body.line(f"{self.naming.name(value)} = {self.naming.view(value, ())}[0]")

    def _call(self, kernel: Kernel, nest: Nest, body: Writer) -> None:
        """Write the call of a loop nest, in a loop over blocks where each has arrays of its own."""
        function = self.functions.of[kernel].name
        self.calls[kernel] = function
        share = kernel.share if kernel.share is not None and kernel.share.cut else None
        own = share.own if share is not None else {}
        given = arguments(nest, places_of(kernel, self.places))
        scalars = [self.naming.name(v) for v in given.scalars]
        arrays = [
            self.team.part(a.values[0], a.dims, share)
            if share is not None and a.values[0] in own
            else self.naming.view(self.naming.shown(a.values), a.dims)
            for a in given.arrays
        ]
        if share is None:
            body.call(function, [*arrays, *scalars])
        elif own:
            with body.block(self.team.chunks(share)):
                body.call(function, [*arrays, *scalars, "chunk"])
        else:
            body.call(function, [*arrays, *scalars, self.team.mine(share)])

    def _inline(self, nest: Nest, body: Writer, late: Writer, results: set[Value]) -> None:
        """Write a computation with single numbers into the step itself."""
        places = {a.touched.root: Place(-1) for a in nest.accesses} | self.places
        given = arguments(nest, places)
        stored = {a.touched.root for a in nest.accesses if isinstance(a.touched, Store)}
        arrays = [
            "" if a.values[0] in stored else self.naming.view(a.values[0], a.dims)
            for a in given.arrays
        ]
        scalars = [self.naming.name(v) for v in given.scalars]
        writer = Body(
            nest,
            given,
            arrays,
            scalars,
            self.naming.values.hint,
            self.naming.used,
            Serial(),
            namer=self.naming.namer,
        )
        writer.writer = body
        for statement in nest.body:
            if isinstance(statement, Store):
                self._assign(statement.root, writer.value(statement.node), body, late, results)
            else:
                writer.write([statement])

    def _assign(
        self, value: Value, text: str, body: Writer, late: Writer, results: set[Value]
    ) -> None:
        name = self.naming.name(value)
        body.assign(name, text)
        if value in self.places:
            target = late if value in results else body
            target.line(f"{self.naming.view(value, ())}[0] = {name}")

    def _repeat(self, kernel: Kernel, repeat: Repeat, body: Writer) -> None:
        function, time = self.loops[kernel]
        self.calls[kernel] = function
        length = repeat.span.loop.length
        steps = f"{length - 1}, -1, -1" if repeat.span.loop.reverse else str(length)
        with body.block(f"for {time} in range({steps}):"):
            team = ["team"] * repeat.plan.shared
            body.call(function, ["buffers", *self.times, time, *team])
            if repeat.meets:
                self.team.meet(body)
