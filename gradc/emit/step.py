"""The kernels of a plan in order -> the text of the step: views, then one call per kernel."""

from __future__ import annotations

from collections.abc import Callable

from gradc.emit import describe
from gradc.emit.arguments import CODES, arguments, places_of
from gradc.emit.attention import attention_kernel
from gradc.emit.convolution import convolution_kernel
from gradc.emit.functions import Functions
from gradc.emit.headers import Headers
from gradc.emit.kernel import Body
from gradc.emit.naming import Dims, Naming
from gradc.emit.product import product_kernel
from gradc.emit.serial import Serial
from gradc.emit.sorting import sort_kernel
from gradc.emit.strip_product import panels_kernel
from gradc.emit.team import Team
from gradc.emit.views import Views
from gradc.emit.writer import Writer
from gradc.ir.graph import Section, Value
from gradc.schedule.arena import Place
from gradc.schedule.attention import Attention, attention_tiles
from gradc.schedule.convolutions import Convolution
from gradc.schedule.loops import Store
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Kernel, Panels, Plan, Product, Repeat, Sort
from gradc.schedule.product_tiles import Method
from gradc.schedule.products import Matrix
from gradc.schedule.share import Combine
from gradc.schedule.tiles import tiles

ORDER = list(Section)


class StepWriter:
    """Writes the step.

    Attributes:
        sorts: name and text of each sorting kernel that it calls.
        calls: the function that each kernel of the plan calls.
        convolutions: name and text of each convolution that it calls.
        products: name and text of each product from tiles.
        attentions: name and text of each attention.
        team: what it says where several threads run it.
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
        self.sorts: dict[str, tuple[str, str]] = {}
        self.calls: dict[Kernel, str] = {}
        self.convolutions: dict[str, tuple[str, str]] = {}
        self.products: dict[str, tuple[str, str]] = {}
        self.attentions: dict[str, tuple[str, str]] = {}
        self.team = Team(plan, naming)
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
            case Panels():
                self._fill(kernel, kernel.work, body)
            case Product():
                self._multiply(kernel, kernel.work, body)
            case Convolution():
                self._convolve(kernel, kernel.work, body)
            case Attention():
                self._attend(kernel, kernel.work, body)
            case Sort():
                self._sort(kernel, kernel.work, body)
            case Repeat():
                self._repeat(kernel, kernel.work, body)
            case Combine():
                assert kernel.share is not None
                self.calls[kernel] = self.team.combine(kernel.work, kernel.share, body)
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

    def _multiply(self, kernel: Kernel, product: Product, body: Writer) -> None:
        (value,) = kernel.values
        lead = (product.batch,) if product.batch else ()
        out = self.naming.view(value, (*lead, product.rows, product.columns))
        left, right = (self._matrix(m, lead) for m in (product.left, product.right))
        if product.panels is not None:
            right = self.naming.view(product.panels, product.panels.shape)
        mine = self._mine(kernel)
        if product.choice.method in (Method.BLAS, Method.LOOPS):
            self.calls[kernel] = product.form
            self.naming.used.add(product.form)
            body.call(product.form, ["buffers", left, right, out, *mine])
            return
        way = kernel.share.way.value if kernel.share is not None and mine else ""
        given = (product, value.dtype, self.naming.used, way)
        kind = "tiles" if product.choice.tiles is not None else "vector"
        word = f"{product.form}_{kind}"
        name = self._function(kernel, self.products, word, lambda n: product_kernel(n, *given))
        body.call(name, [left, right, out, *mine])

    def _fill(self, kernel: Kernel, work: Panels, body: Writer) -> None:
        mine = self._mine(kernel)
        turned, lanes = work.source.transposed, work.panels.shape[-1]
        code, rows = CODES[work.panels.dtype], "rows" if mine else ""
        self.naming.used.update(("kernel", "pack_t" if turned else "pack"))

        def text(name: str) -> str:
            return panels_kernel(name, code, lanes, transposed=turned, mine=rows)

        name = self._function(kernel, self.products, "fill_panels", text)
        panels = self.naming.view(work.panels, work.panels.shape)
        body.call(name, [self._matrix(work.source, ()), panels, *mine])

    def _function(
        self,
        kernel: Kernel,
        known: dict[str, tuple[str, str]],
        word: str,
        text: Callable[[str], str],
    ) -> str:
        """Return the function that a kernel calls; kernels with the same text share it."""
        key = text("")
        if key not in known:
            name = self.naming.namer(word)
            known[key] = (name, text(name))
        self.calls[kernel] = known[key][0]
        return known[key][0]

    def _mine(self, kernel: Kernel) -> list[str]:
        """Return the last argument of a kernel that threads share: this thread's rows."""
        share = kernel.share
        return [self.team.mine(share)] if share is not None and share.cut else []

    def _matrix(self, matrix: Matrix, lead: Dims) -> str:
        home = self.plan.program.home(matrix.value)
        assert home is not None
        return self.naming.view(home.value, (*lead, matrix.rows, matrix.columns))

    def _convolve(self, kernel: Kernel, work: Convolution, body: Writer) -> None:
        (value,) = kernel.values
        cut = tiles(work, value.dtype, self.plan.registers)
        share = kernel.share if kernel.share is not None and kernel.share.cut else None
        rows = "rows" if share is not None else ""
        about = (work, value.dtype, cut, self.naming.used, rows)
        window = "x".join(map(str, work.window))
        word = "conv_weights" if work.sums_samples else f"conv_{window}"
        self.naming.used.add("kernel")
        homes = [self.plan.program.home(seen.value) for seen in (work.left, work.right)]
        values = [root.value for root in homes if root is not None]
        *given, shape = work.shapes
        views = [self.naming.view(v, dims) for v, dims in zip(values, given, strict=True)]
        made = self.convolutions
        name = self._function(kernel, made, word, lambda n: convolution_kernel(n, *about))
        if share is not None and share.own:
            with body.block(self.team.chunks(share)):
                body.call(name, [*views, self.team.part(value, shape, share), "chunk"])
        else:
            body.call(name, [*views, self.naming.view(value, shape), *self._mine(kernel)])

    def _attend(self, kernel: Kernel, work: Attention, body: Writer) -> None:
        dtype = kernel.values[0].dtype
        cut = attention_tiles(work.queries, dtype, self.plan.registers)
        mine = self._mine(kernel)
        given = [(home, seen.dims) for home, seen in zip(work.homes, work.operands, strict=True)]
        equation = kernel.roots[0].equation
        assert equation is not None
        given += [(v, v.shape) for v in equation.outputs]
        codes = tuple(f"{CODES[v.dtype]}[{','.join(':' * len(dims))}]" for v, dims in given)
        about = (work, dtype, cut, codes, self.naming.used, "rows" if mine else "")
        word = "attention_bar" if work.adjoint else "attention"
        name = self._function(kernel, self.attentions, word, lambda n: attention_kernel(n, *about))
        body.call(name, [*(self.naming.view(v, dims) for v, dims in given), *mine])

    def _sort(self, kernel: Kernel, sort: Sort, body: Writer) -> None:
        equation = kernel.roots[0].equation
        assert equation is not None
        values, index = equation.outputs
        code = CODES[values.dtype]
        key = f"{code} {sort.descending}"
        if key not in self.sorts:
            name = self.naming.namer("sort_descending" if sort.descending else "sort_ascending")
            self.sorts[key] = (name, sort_kernel(name, values.dtype, descending=sort.descending))
            self.naming.used.update(("kernel", "minimum"))
        self.calls[kernel] = self.sorts[key][0]
        dims = (sort.rows, sort.columns)
        views = [self.naming.view(v, dims) for v in (sort.source, values, index)]
        scratch = [self.naming.view(v, (sort.columns,)) for v in sort.scratch]
        body.call(self.sorts[key][0], [*views, *scratch])

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
