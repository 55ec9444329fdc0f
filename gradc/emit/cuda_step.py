"""The kernels of a plan for CUDA in order -> the text of the step: views, then one launch each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gradc.emit import describe
from gradc.emit.arguments import CODES, Arguments, arguments, places_of
from gradc.emit.cuda_alike import Set, common, pointers, side_by_side
from gradc.emit.cuda_attention import attention_kernel
from gradc.emit.cuda_frames import aligned
from gradc.emit.cuda_numbers import Numbers
from gradc.emit.cuda_sort import SortText
from gradc.emit.cuda_special import convolution_kernel, sum_kernel
from gradc.emit.cuda_together import MOST, Together
from gradc.emit.functions import Functions
from gradc.emit.headers import Headers
from gradc.emit.naming import Dims, Naming
from gradc.emit.views import Views
from gradc.emit.writer import Writer
from gradc.ir.graph import Section, Value
from gradc.schedule.attention import Attention
from gradc.schedule.attention_blocks import Part, launches
from gradc.schedule.convolutions import Convolution
from gradc.schedule.frame import Frame, Launch
from gradc.schedule.launch import BLOCK, over
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Kernel, Panels, Plan, Product, Repeat, Sort
from gradc.schedule.products import Matrix
from gradc.schedule.share import Combine
from gradc.schedule.sorts import merges, run_of

ORDER = list(Section)
ATTENTIONS = {
    Part.FORWARD: "attention",
    Part.QUERIES: "attention_q_bar",
    Part.KEYS: "attention_k_v_bar",
}


class CudaStepWriter:
    """Writes the step.

    Attributes:
        special: name of each kernel that no loop nest made, by its text without a name.
        texts: of these kernels.
        calls: the function that each kernel of the plan calls.
    """

    def __init__(
        self,
        plan: Plan,
        naming: Naming,
        functions: Functions,
        loops: dict[Kernel, tuple[str, str]],
        together: dict[Kernel, Together],
        times: tuple[str, ...] = (),
    ) -> None:
        """Write the step of a plan; `times` are the steps of the loops that it is the body of."""
        self.plan, self.naming, self.functions = plan, naming, functions
        self.loops, self.together, self.times = loops, together, times
        self.special: dict[str, str] = {}
        self.texts: list[str] = []
        self.calls: dict[Kernel, str] = {}
        self.views = Views(plan, naming, times)

    def text(self) -> Writer:
        """Return the text of the step."""
        body = Writer(1)
        headers = Headers(self.plan, self.naming.name, self.naming.values.hint)
        section: Section | None = None
        numbers: list[Kernel] = []
        for kernel in self.plan.kernels:
            if not kernel.is_scalar:
                self._numbers(numbers, body)
                numbers = []
            if section is None or ORDER.index(kernel.section) > ORDER.index(section):
                self._numbers(numbers, body)
                numbers = []
                section = kernel.section
                if not self.times:
                    if body.lines:
                        body.line()
                    body.rule(section.value)
            headers.write(body, kernel)
            if kernel.is_scalar:
                numbers.append(kernel)
            else:
                self._run(kernel, body)
        self._numbers(numbers, body)
        writer = Writer()
        decorator = "loop_body" if self.times else "step"
        self.naming.used.add(decorator)
        writer.line(f"@{decorator}")
        with writer.block(f"def {self.naming.step}({', '.join(('gpu', 'buffers', *self.times))}):"):
            writer.line(f'"""{describe.returns(self.plan, self.naming.name)}"""')
            self.views.write(writer, numbers=False)
            if len(writer.lines) > 3:
                writer.line()
        if not body.lines:
            body.line("pass")
        writer.extend(body)
        return writer

    def _run(self, kernel: Kernel, body: Writer) -> None:
        match kernel.work:
            case Nest():
                self._nest(kernel, body)
            case Product() as product:
                self._multiply(kernel, product, body)
            case Convolution() as work:
                self._convolve(kernel, work, body)
            case Sort() as sort:
                self._sort(kernel, sort, body)
            case Repeat() as repeat:
                self._repeat(kernel, repeat, body)
            case Combine() as work:
                self._combine(kernel, work, body)
            case Panels():
                raise AssertionError("products on a GPU read their operands where they lie")
            case Attention() as work:
                self._attend(kernel, work, body)

    def _nest(self, kernel: Kernel, body: Writer) -> None:
        """Write the launch of a loop nest, or of all that are launched with it."""
        assert kernel.launch is not None
        name, launch, group = self.functions.of[kernel].name, kernel.launch, (kernel,)
        if kernel in self.together:
            launch, group = self.together[kernel].launch, self.together[kernel].kernels
            self.calls[kernel] = name
            if kernel is not group[0]:
                return
        self._launch(kernel, name, launch, [v for k in group for v in self._views(k)], body)

    def _views(self, kernel: Kernel) -> list[str]:
        """Return the arguments of a loop nest."""
        assert isinstance(kernel.work, Nest)
        given = arguments(kernel.work, places_of(kernel, self.plan.memory.places))
        views = [self._array(kernel, given, i) for i in range(len(given.arrays))]
        return [*views, *(self.naming.view(v, ()) for v in given.scalars)]

    def _array(self, kernel: Kernel, given: Arguments, number: int) -> str:
        """Return an array argument: a view, or all parts of a sum."""
        array = given.arrays[number]
        parts = kernel.own.get(array.values[0])
        if parts is not None:
            return self.naming.view(parts, parts.shape)
        return self.naming.view(self.naming.shown(array.values), array.dims)

    def _launch(
        self, kernel: Kernel, name: str, launch: Launch, views: list[str], body: Writer
    ) -> None:
        """Write `name[blocks, threads](...)`; pairs where a second number is not 1."""
        self.calls[kernel] = name
        size = ", ".join(
            str(pair[0]) if pair[1] == 1 else f"({pair[0]}, {pair[1]})"
            for pair in (launch.blocks, launch.threads)
        )
        body.call(f"{name}[{size}]", views)

    def _facts(self, values: Iterable[Value]) -> str:
        """Return what the compiler may not take for granted of the arrays of a kernel."""
        places = self.plan.memory.places
        return "" if aligned(places[v] for v in values) else ", unaligned=True"

    def _special(self, wanted: str, text: str) -> str:
        """Return the name of a kernel; `text` has `@` where its name belongs."""
        if text not in self.special:
            self.special[text] = self.naming.namer(wanted)
            self.texts.append(text.replace("def @(", f"def {self.special[text]}(", 1))
        return self.special[text]

    def _numbers(self, kernels: list[Kernel], body: Writer) -> None:
        """Write the launches that compute numbers, each with not too many arguments."""
        if not kernels:
            return
        kept = self._kept(kernels)
        alone, alike = side_by_side(kernels, kept, self.plan)
        part: list[Kernel] = []
        count = 0
        for kernel in alone:
            assert isinstance(kernel.work, Nest)
            count += len(kernel.work.arguments) + len(kernel.work.accesses)
            if part and count > MOST:
                self._launch_numbers([tuple(part)], kept | self._kept(part), body)
                part, count = [], len(kernel.work.arguments) + len(kernel.work.accesses)
            part.append(kernel)
        if part:
            self._launch_numbers([tuple(part)], kept | self._kept(part), body)
        for sets in alike:
            each = max(MOST // pointers(sets[0], kept), 1)
            for first in range(0, len(sets), each):
                self._launch_numbers(sets[first : first + each], kept, body)

    def _kept(self, kernels: Sequence[Kernel]) -> set[Value]:
        """Return the values that are needed after some kernels of numbers."""
        program = self.plan.program
        kept = {r.value for v in program.graph.results() if (r := program.home(v)) is not None}
        own = set(kernels)
        for other in self.plan.kernels:
            if other not in own:
                kept.update(other.reads)
                kept.update(other.work.arguments if isinstance(other.work, Nest) else ())
        return kept & {v for k in kernels for v in k.values}

    def _launch_numbers(self, sets: list[Set], kept: set[Value], body: Writer) -> None:
        """Write the launch of one thread for each set of numbers."""
        hint = common(sets, self.naming.values.hint)
        made = [Numbers(hint, kept, self.naming.used, len(sets)) for _ in sets]
        for numbers, kernels in zip(made, sets, strict=True):
            for kernel in kernels:
                numbers.add(kernel)
        arguments = [pair for numbers in made for pair in numbers.arguments()]
        name = self._special("numbers", made[0].text(self._facts(v for v, _ in arguments)))
        for kernel in (k for kernels in sets for k in kernels):
            self.calls[kernel] = name
        views = [self.naming.view(v, dims) for v, dims in arguments]
        body.call(f"{name}[{len(sets)}, 1]", views)

    def _multiply(self, kernel: Kernel, product: Product, body: Writer) -> None:
        (value,) = kernel.values
        name = f"{'t_' if product.left.transposed else ''}matmul"
        name += "_t" if product.right.transposed else ""
        name = f"batch_{name}" if product.batch else name
        self.naming.used.add(name)
        self.calls[kernel] = name
        lead = (product.batch,) if product.batch else ()
        out = self.naming.view(value, (*lead, product.rows, product.columns))
        left, right = (self._matrix(m, lead) for m in (product.left, product.right))
        bias = []
        if product.bias is not None:
            bias = [f"bias={self.naming.view(product.bias, (product.columns,))}"]
        rounds = [f'rounds="{product.rounds}"'] if product.rounds else []
        body.call(name, ["gpu", left, right, out, *bias, *rounds])

    def _matrix(self, matrix: Matrix, lead: Dims) -> str:
        home = self.plan.program.home(matrix.value)
        assert home is not None
        return self.naming.view(home.value, (*lead, matrix.rows, matrix.columns))

    def _convolve(self, kernel: Kernel, work: Convolution, body: Writer) -> None:
        assert kernel.launch is not None
        (value,) = kernel.values
        homes = [self.plan.program.home(seen.value) for seen in (work.left, work.right)]
        values: list[Value] = [root.value for root in homes if root is not None]
        facts = self._facts([*values, kernel.own.get(value, value)])
        text = convolution_kernel(work, value.dtype, kernel.launch, facts, self.naming.used)
        window = "x".join(map(str, work.window))
        name = self._special("conv_weights" if work.sums_samples else f"conv_{window}", text)
        *given, shape = work.shapes
        views = [self.naming.view(v, dims) for v, dims in zip(values, given, strict=True)]
        parts = kernel.own.get(value)
        out = self.naming.view(value, shape)
        out = out if parts is None else self.naming.view(parts, parts.shape)
        self._launch(kernel, name, kernel.launch, [*views, out], body)

    def _attend(self, kernel: Kernel, work: Attention, body: Writer) -> None:
        """Write the launches of an attention: one, or two for its adjoint."""
        values = kernel.values
        dtype = values[0].dtype
        given = [(home, seen.dims) for home, seen in zip(work.homes, work.operands, strict=True)]
        for part, (block, launch) in launches(work, dtype, self.plan.arithmetic).items():
            made = values
            if work.adjoint and not work.joined:
                made = values[:1] if part is Part.QUERIES else values[1:]
            arrays = [*given, *((v, v.shape) for v in made)]
            codes = [(CODES[v.dtype], dims) for v, dims in arrays]
            facts = self._facts(v for v, _ in arrays)
            text = attention_kernel(work, dtype, part, block, codes, facts, self.naming.used)
            name = self._special(ATTENTIONS[part], text)
            self._launch(kernel, name, launch, [self.naming.view(v, d) for v, d in arrays], body)

    def _sort(self, kernel: Kernel, sort: Sort, body: Writer) -> None:
        equation = kernel.roots[0].equation
        assert equation is not None
        values, index = equation.outputs
        dims = (sort.rows, sort.columns)
        facts = self._facts([sort.source, values, index, *sort.scratch])
        text = SortText(values.dtype, *dims, sort.descending, facts, self.naming.used)
        name = "sort_descending" if sort.descending else "sort_ascending"
        run = run_of(sort.columns, values.dtype.itemsize)
        source = self.naming.view(sort.source, dims)
        both = [self.naming.view(v, dims) for v in (values, index)]
        whole = over(Frame.GRID, dims[0] * dims[1])
        if not run:
            name = self._special(name, text.ranks())
            self._launch(kernel, name, whole, [source, *both], body)
            return
        spare = [self.naming.view(v, dims) for v in sort.scratch]
        passes = merges(sort.columns, run)
        # Passes write now here, now there, so that the last one writes the results.
        here, there = (spare, both) if len(passes) % 2 else (both, spare)
        blocks = sort.rows * -(-sort.columns // run)
        launch = Launch(Frame.ROWS, (blocks, 1), (min(run, BLOCK), 1))
        name = self._special(name, text.runs(run))
        self._launch(kernel, name, launch, [source, *here], body)
        for length in passes:
            merge = self._special(f"merge_{length}", text.merge(length))
            self._launch(kernel, merge, whole, [*here, *there], body)
            here, there = there, here
        self.calls[kernel] = name

    def _combine(self, kernel: Kernel, work: Combine, body: Writer) -> None:
        assert kernel.launch is not None
        facts = self._facts([work.parts, work.total])
        name = self._special("add_parts", sum_kernel(work, facts, self.naming.used))
        parts = self.naming.view(work.parts, (work.count, work.size))
        total = self.naming.view(work.total, (work.size,) if work.total.shape else ())
        self._launch(kernel, name, kernel.launch, [parts, total], body)

    def _repeat(self, kernel: Kernel, repeat: Repeat, body: Writer) -> None:
        function, time = self.loops[kernel]
        self.calls[kernel] = function
        length = repeat.span.loop.length
        steps = f"{length - 1}, -1, -1" if repeat.span.loop.reverse else str(length)
        with body.block(f"for {time} in range({steps}):"):
            body.call(function, ["gpu", "buffers", *self.times, time])
