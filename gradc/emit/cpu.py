"""Plan -> the text of a Python file that Numba compiles for the CPU."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from gradc.emit import describe, titles
from gradc.emit.headers import Headers
from gradc.emit.kernel import CODES, Arguments, Body, all_statements, arguments
from gradc.emit.namer import RUNTIME, Namer, Values
from gradc.emit.sorting import sort_kernel
from gradc.emit.writer import WIDTH, Writer
from gradc.ir.dtype import DType
from gradc.ir.graph import Role, Section, Value
from gradc.schedule.arena import FIRST_SLOT, Place
from gradc.schedule.loops import Argument, Let, Node, Read, Result, Store
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Kernel, Plan, Product, Sort
from gradc.schedule.products import Matrix
from gradc.schedule.roots import Form, squeeze

Dims = tuple[int, ...]
ROLE_NAMES = {Role.PARAMETER: "p", Role.GRADIENT: "p_bar", Role.BUFFER: "buffer"}


@dataclass(frozen=True, slots=True)
class Slot:
    """One entry of the table of addresses.

    Args:
        number: position in the table.
        name: what the text calls it.
        value: the graph input or output that it holds.
        is_output: whether it is written only.
    """

    number: int
    name: str
    value: Value
    is_output: bool


@dataclass(frozen=True, slots=True)
class Emitted:
    """A generated file.

    Args:
        source: its text.
        slots: graph inputs in order, then graph outputs in order.
        arena_bytes: size of the memory for temporaries, slot 2.
    """

    source: str
    slots: tuple[Slot, ...]
    arena_bytes: int


@dataclass(slots=True)
class _Function:
    """A kernel's text, shared by all calls whose text is the same but for names."""

    name: str
    first: Nest
    given: Arguments
    section: Section
    calls: list[Arguments] = field(default_factory=list[Arguments])


class _Emitter:
    """Names everything, then writes kernels and step."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.places = plan.memory.places
        self.values = Values(plan.program.graph)
        self.namer = Namer()
        self.step_name = self.namer(plan.name)
        self.names: dict[Value, str] = {}
        self.views: dict[tuple[Value, Dims], str] = {}
        self.functions: dict[str, _Function] = {}
        self.function_of: dict[Kernel, _Function] = {}
        self.sorts: dict[str, tuple[str, str]] = {}
        self.used: set[str] = {"step"}
        self.scalars: set[Value] = set()
        self._name_values()

    def _name_values(self) -> None:
        """Name inputs, then the user's values; others get what is left when they are met."""
        program = self.plan.program
        for value in program.graph.inputs:
            self.names[value] = self.namer(self.values.hint(value))
        computed = [v for e in program.graph.equations for v in e.outputs]
        for value in computed:
            if value.name and value in program.roots:
                self.names[value] = self.namer(value.name)
        for kernel in self.plan.kernels:
            if isinstance(kernel.work, Nest):
                self.scalars.update(kernel.work.arguments)
                for row, of in kernel.work.scratch.items():
                    self.values.hints[row] = f"{self.values.hint(of)}_row" if of else "row"

    def name(self, value: Value) -> str:
        """Return the name of a value in the step."""
        if value not in self.names:
            if value.adjoint_of is not None:
                self.names[value] = self.namer(f"{self.values.hint(value.adjoint_of)}_bar")
            else:
                self.names[value] = self.namer(self.values.hint(value))
        return self.names[value]

    # ---- kernels ----------------------------------------------------------------------------
    def collect(self) -> None:
        """Find the distinct kernels and name them."""
        for kernel in self.plan.kernels:
            if isinstance(kernel.work, Nest) and not kernel.is_scalar:
                given = arguments(kernel.work, self.places)
                key = self.canonical(kernel.work, given)
                if key not in self.functions:
                    name = self.namer(titles.title(kernel.work, kernel.section))
                    self.functions[key] = _Function(name, kernel.work, given, kernel.section)
                self.functions[key].calls.append(given)
                self.function_of[kernel] = self.functions[key]

    def canonical(self, nest: Nest, given: Arguments) -> str:
        """Return the text of a kernel with neutral names, equal for kernels that may be shared."""
        arrays = [f"a{i}" for i in range(len(given.arrays))]
        scalars = [f"c{i}" for i in range(len(given.scalars))]
        body = Body(nest, given, arrays, scalars, lambda _: "t", set())
        body.write(nest.body)
        return f"{given.signature}\n{body.writer}"

    def kernel_text(self, function: _Function) -> Writer:
        """Return the text of one kernel."""
        nest, given = function.first, function.given
        names = self._parameter_names(function)
        arrays, scalars = names[: len(given.arrays)], names[len(given.arrays) :]
        shared = len(function.calls) > 1

        def hint(value: Value) -> str:
            return _plain(self.values.hint(value)) if shared else self.values.hint(value)

        body = Body(nest, given, arrays, scalars, hint, self.used)
        body.writer.depth = 1
        body.write(nest.body)
        self.used.add("kernel")
        writer = Writer()
        writer.call("@kernel", [f'"{given.signature}"'])
        writer.call(f"def {function.name}", names)
        writer.lines[-1] += ":"
        writer.depth = 1
        for line in self._maths(nest, body):
            writer.line(f"# {line}")
        writer.extend(body.writer)
        return writer

    def _parameter_names(self, function: _Function) -> list[str]:
        """Return names for a kernel's arguments: of the only call, or what the calls share."""
        namer = Namer()
        names: list[str] = []
        given = function.given
        for i, array in enumerate(given.arrays):
            options = [self._array_name(c.arrays[i].values) for c in function.calls]
            role = self._role(array.values)
            names.append(namer(_shared(options, role)))
        for i in range(len(given.scalars)):
            options = [self.name(c.scalars[i]) for c in function.calls]
            names.append(namer(_shared(options, "c")))
        return names

    def _role(self, values: tuple[Value, ...]) -> str:
        roles = self.plan.program.graph.roles
        for v in values:
            if roles.get(v) in ROLE_NAMES:
                return ROLE_NAMES[roles[v]]
            primal = v.adjoint_of
            if primal is not None and roles.get(primal) is Role.PARAMETER:
                return "p_bar"
        return self.values.hint(values[-1])

    def _array_name(self, values: tuple[Value, ...]) -> str:
        """Return the name that stands for all values of one buffer: an input's, the user's."""
        inputs = [v for v in values if v in self.plan.program.graph.inputs]
        named = [v for v in reversed(values) if v.name]
        hinted = [v for v in reversed(values) if v.adjoint_of is not None]
        return self.name([*inputs, *named, *hinted, values[-1]][0])

    def _maths(self, nest: Nest, body: Body) -> list[str]:
        """Return the comment of a kernel: what each stored value is."""
        lines: list[str] = []
        lets = {s.node for s in all_statements(nest.body) if isinstance(s, Let)}

        def name(node: Node) -> str | None:
            match node:
                case Read():
                    number = body.given.at[node.root, node.dims]
                    values = body.given.arrays[number].values
                    own = len(values) == 1 or node.root in self.plan.program.graph.inputs
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
            shares = len(body.given.arrays[body.given.at[s.root, s.dims]].values) > 1
            over = ", in place" if shares else ""
            summed = "sum of " if s.fold == "sum" and s.clear else ""
            room = WIDTH - 6 - len(f"{target} = {summed}{over}")
            text = titles.maths(s.node, name, room) or titles.maths(s.node, short, room)
            if text is not None:
                lines.append(f"{target} = {summed}{text}{over}")
        return lines[:4]

    # ---- step -------------------------------------------------------------------------------
    def view(self, value: Value, dims: Dims) -> str:
        """Return the name of the view of a value with a shape, made at the first call."""
        key = (value, dims)
        if key not in self.views:
            old = {new: old for old, new in self.plan.program.graph.updates}
            name = self.name(old.get(value, value))
            if value in self.scalars or (not dims and value.type.size == 1):
                name = self.namer(f"{name}_at")
            elif dims != squeeze(value.shape):
                kinds = {1: "flat", 2: "rows"}
                name = self.namer(f"{name}_{kinds.get(len(dims), 'blocks')}")
            self.views[key] = name
        return self.views[key]

    def step_text(self) -> Writer:
        """Return the text of the step."""
        body = Writer(1)
        headers = Headers(self.plan, self.name, self.values.hint)
        section: Section | None = None
        late = Writer(1)
        results = self._scalar_results()
        for kernel in self.plan.kernels:
            if kernel.section is not section:
                section = kernel.section
                if body.lines:
                    body.line()
                body.rule(section.value)
            headers.write(body, kernel)
            self._run(kernel, body, late, results)
        writer = Writer()
        writer.line("@step")
        with writer.block(f"def {self.step_name}(buffers):"):
            writer.line(f'"""{describe.returns(self.plan, self.name)}"""')
            self._write_views(writer)
        if not body.lines:
            body.line("pass")
        writer.extend(body)
        if late.lines:
            writer.line()
            writer.depth = 1
            writer.rule("results")
            writer.extend(late)
        return writer

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
                function = self.function_of[kernel]
                given = arguments(kernel.work, self.places)
                arrays = [self.view(self._shown(a.values), a.dims) for a in given.arrays]
                body.call(function.name, [*arrays, *(self.name(v) for v in given.scalars)])
            case Product():
                self._multiply(kernel, kernel.work, body)
            case Sort():
                self._sort(kernel, kernel.work, body)
        if not kernel.is_scalar:
            for value in kernel.values:
                if value in self.scalars and value in self.places:
                    body.line(f"{self.name(value)} = {self.view(value, ())}[0]")

    def _shown(self, values: tuple[Value, ...]) -> Value:
        """Return the value under whose name a shared buffer is passed."""
        inputs = [v for v in values if v in self.plan.program.graph.inputs]
        return [*inputs, *reversed(values)][0]

    def _inline(self, nest: Nest, body: Writer, late: Writer, results: set[Value]) -> None:
        """Write a computation with single numbers into the step itself."""
        places = {a.touched.root: Place(-1) for a in nest.accesses} | self.places
        given = arguments(nest, places)
        arrays = [
            "" if isinstance(_first(nest, a.values), Store) else self.view(a.values[0], a.dims)
            for a in given.arrays
        ]
        scalars = [self.name(v) for v in given.scalars]
        writer = Body(nest, given, arrays, scalars, self.values.hint, self.used, self.namer)
        writer.writer = body
        for statement in nest.body:
            if isinstance(statement, Store):
                self._assign(statement.root, writer.value(statement.node), body, late, results)
            else:
                writer.write([statement])

    def _assign(
        self, value: Value, text: str, body: Writer, late: Writer, results: set[Value]
    ) -> None:
        name = self.name(value)
        body.line(f"{name} = {text}")
        if value in self.places:
            target = late if value in results else body
            target.line(f"{self.view(value, ())}[0] = {name}")

    def _multiply(self, kernel: Kernel, product: Product, body: Writer) -> None:
        (value,) = kernel.values
        name = f"{'t_' if product.left.transposed else ''}matmul"
        name += "_t" if product.right.transposed else ""
        name = f"batch_{name}" if product.batch else name
        self.used.add(name)
        lead = (product.batch,) if product.batch else ()
        out = self.view(value, (*lead, product.rows, product.columns))
        left, right = (self._matrix(m, lead) for m in (product.left, product.right))
        body.call(name, ["buffers", left, right, out])

    def _matrix(self, matrix: Matrix, lead: Dims) -> str:
        home = self.plan.program.home(matrix.value)
        assert home is not None
        return self.view(home.value, (*lead, matrix.rows, matrix.columns))

    def _sort(self, kernel: Kernel, sort: Sort, body: Writer) -> None:
        equation = kernel.roots[0].equation
        assert equation is not None
        values, index = equation.outputs
        code = CODES[values.dtype]
        key = f"{code} {sort.descending}"
        if key not in self.sorts:
            name = self.namer("sort_descending" if sort.descending else "sort_ascending")
            self.sorts[key] = (name, sort_kernel(name, values.dtype, descending=sort.descending))
            self.used.add("kernel")
        dims = (sort.rows, sort.columns)
        views = [self.view(v, dims) for v in (sort.source, values, index)]
        scratch = self.view(sort.scratch, (sort.columns,))
        body.call(self.sorts[key][0], [*views, scratch])

    def _write_views(self, writer: Writer) -> None:
        """Write the views and the numbers that the step reads, grouped by what they are."""
        graph = self.plan.program.graph
        numbers = [v for v in graph.inputs if v in self.scalars]
        groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
        chains: dict[tuple[Place, Dims, DType, object], list[str]] = {}
        order = sorted(self.views.items(), key=lambda item: self._order(item[0][0]))
        for (value, dims), name in order:
            life = self.plan.memory.ranges.get(value)  # only successors share a line
            chains.setdefault((self.places[value], dims, value.dtype, life), []).append(name)
        first_output = FIRST_SLOT + len(graph.inputs)
        for (place, dims, dtype, _), names in chains.items():
            kind = "inputs" if FIRST_SLOT <= place.slot < first_output else "outputs"
            kind = "temporaries" if place.slot < FIRST_SLOT else kind
            groups[kind].append(
                (" = ".join(dict.fromkeys(names)), self._address(place, dims, dtype))
            )
        for value in numbers:
            address = self._address(self.places[value], (), value.dtype)
            groups["inputs"].append((self.name(value), f"{address}[0]"))
        for kind in ("inputs", "outputs", "temporaries"):
            if groups[kind]:
                writer.rule(kind)
                for names, address in groups[kind]:
                    writer.line(f"{names} = {address}")
        if any(groups.values()):
            writer.line()

    def _order(self, value: Value) -> tuple[int, int]:
        place = self.places[value]
        return (place.slot if place.slot >= FIRST_SLOT else 10**9, place.offset)

    def _address(self, place: Place, dims: Dims, dtype: DType) -> str:
        view = f"view_{CODES[dtype]}"
        self.used.add(view)
        shape = ", ".join(map(str, dims or (1,))) + ("," if len(dims) < 2 else "")
        return f"{view}(buffers, {place.slot}, {place.offset}, ({shape}))"

    def emit(self) -> Emitted:
        """Return the file."""
        self.collect()
        kernels = [self.kernel_text(f) for f in self.functions.values()]
        step = self.step_text()
        writer = Writer()
        for line in describe.docstring(self.plan, self.name):
            writer.line(line)
        writer.line()
        self._imports(writer)
        texts = [str(k) for k in kernels] + [text for _, text in self.sorts.values()] + [str(step)]
        source = str(writer) + "".join(f"\n\n{text}" for text in texts)
        graph = self.plan.graph
        slots = [
            Slot(FIRST_SLOT + i, self.name(v), v, is_output=False)
            for i, v in enumerate(graph.inputs)
        ]
        first = FIRST_SLOT + len(slots)
        outputs = self.plan.program.graph.outputs
        slots += [
            Slot(first + i, self._output_name(outputs[i]), v, is_output=True)
            for i, v in enumerate(graph.outputs)
        ]
        return Emitted(source, tuple(slots), self.plan.memory.arena_bytes)

    def _output_name(self, value: Value) -> str:
        root = self.plan.program.home(value)
        return self.name(root.value if root is not None else value)

    def _imports(self, writer: Writer) -> None:
        numbers = sorted(self.used & {"float64", "int32", "int64", "uint8"})
        if self.used & {"f", "INF", "NAN"}:
            numbers.insert(0, "float32 as f")
        if numbers:
            writer.line(f"from numpy import {', '.join(numbers)}")
            writer.line()
        runtime = sorted((self.used & RUNTIME) - NOT_RUNTIME)
        whole = f"from gradc.runtime.cpu import {', '.join(runtime)}"
        if len(whole) <= 88:
            writer.line(whole)
        else:
            writer.line("from gradc.runtime.cpu import (")
            for name in runtime:
                writer.line(f"    {name},")
            writer.line(")")
        constants = [n for n in ("INF", "NAN", "INF64", "NAN64") if n in self.used]
        if constants:
            writer.line()
        for name in constants:
            word = "inf" if name.startswith("INF") else "nan"
            writer.line(f'{name} = {"float" if name.endswith("64") else "f"}("{word}")')


NOT_RUNTIME = {"f", "float64", "int32", "int64", "uint8", "INF", "NAN", "INF64", "NAN64", "buffers"}


def _shared(options: list[str], fallback: str) -> str:
    """Return the name that all options are, or end in; else the fallback."""
    distinct = list(dict.fromkeys(options))
    if len(distinct) == 1:
        return distinct[0]
    plain = {_plain(name) for name in distinct}
    if len(plain) == 1:
        return plain.pop()
    words = [name.split("_") for name in distinct]
    common: list[str] = []
    for parts_ in zip(*(reversed(w) for w in words), strict=False):
        if len(set(parts_)) > 1:
            break
        common.insert(0, parts_[0])
    ending = "_".join(common)
    return ending if ending and not ending[0].isdigit() and ending != "bar" else fallback


def _plain(name: str) -> str:
    """Return a name without the numbers that tell layers apart."""
    return re.sub(r"_*\d+", "", name).strip("_") or name


def _first(nest: Nest, values: tuple[Value, ...]) -> Read | Store | None:
    for access in nest.accesses:
        if access.touched.root in values:
            return access.touched
    return None


def emit(plan: Plan) -> Emitted:
    """Return the generated file of a plan.

    Args:
        plan: what to compute, in which kernels, where.

    Returns:
        The text, what each slot of the table of addresses holds, and the size of the arena.
    """
    return _Emitter(plan).emit()
