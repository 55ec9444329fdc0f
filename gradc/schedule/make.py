"""Graph -> Plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradc.ir.dtype import int64
from gradc.ir.graph import Graph, Section, TensorType, Value
from gradc.primitives.loop import Body
from gradc.schedule import fuse, launch, nest, products
from gradc.schedule.arena import Use, assign
from gradc.schedule.attention import Attention, attention
from gradc.schedule.attention import operands as attention_operands
from gradc.schedule.behind import behind, together
from gradc.schedule.convolutions import Convolution, convolution
from gradc.schedule.epilogues import with_biases
from gradc.schedule.fragments import Fragment, fragments
from gradc.schedule.fusion import fusion
from gradc.schedule.group import Group, section_of
from gradc.schedule.keep import Decision, worth_keeping
from gradc.schedule.keep_weights import keep_weights
from gradc.schedule.long_scans import split_long_scans
from gradc.schedule.loops import (
    Compute,
    Let,
    Loop,
    Node,
    Scope,
    Statement,
    Step,
    Store,
    walk,
)
from gradc.schedule.meet import meets, meets_between
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Cost, Kernel, Panels, Plan, Product, Repeat, Sort
from gradc.schedule.product_tiles import Choice, Method, Sizes, choose, panels_of
from gradc.schedule.registers import Registers, host_registers
from gradc.schedule.repeat import one_step, span_of
from gradc.schedule.roots import Form, Program, find_roots
from gradc.schedule.rounded_products import absorb_rounding
from gradc.schedule.share import Combine
from gradc.schedule.sorts import scratch_of
from gradc.schedule.spread import spread
from gradc.schedule.state import prepare
from gradc.schedule.target import CPU, CUDA, Target

SECTIONS = list(Section)


@dataclass(frozen=True, slots=True)
class _Aim:
    """What plans are made for: the arguments of `schedule`, the same for loops inside."""

    registers: Registers
    target: Target
    shared: bool
    runs: int


def schedule(
    graph: Graph,
    registers: Registers | None = None,
    *,
    shared: bool = True,
    target: Target = CPU,
    runs: int = 1,
) -> Plan:
    """Return the plan of a graph.

    Args:
        graph: simplified and verified; all its values on one device.
        registers: of the processor to make it for; None for this one.
        shared: whether several threads may run it, if that is worth it.
        target: what to make it for.
        runs: how often it runs in a row, as the body of a loop.
    """
    deferred: frozenset[Value] = frozenset()
    aim = _Aim(registers or host_registers(), target, shared, runs)
    while True:
        plan = _schedule(graph, deferred, aim)
        if not plan.memory.conflicts:
            return plan
        deferred |= plan.memory.conflicts


def _schedule(graph: Graph, deferred: frozenset[Value], aim: _Aim) -> Plan:
    lanes = launch.fits if aim.target is CUDA else None
    given = graph if aim.target is CPU else split_long_scans(graph)
    given, composed = keep_weights(given, aim.target)
    prepared, late, kept = prepare(given, deferred)
    if aim.target is CUDA:
        prepared = absorb_rounding(prepared)
    inputs, last = set(prepared.inputs), {c.copy: c.old for c in late}
    chosen = {c.source: "the state is still read" for c in late if c.source not in inputs}
    chosen |= kept
    before = None
    while True:
        program = find_roots(prepared, chosen)
        parts = fragments(program, before)
        before = program, parts
        made = fuse.groups(program, parts, last, lanes)
        more, recomputed = worth_keeping(program, made, parts)
        if not more:
            break
        chosen |= more
    needed = _needed(program, made, parts)
    kernels = [k for group in made for k in _kernels(program, group, parts, needed, aim)]
    in_memory = _results(program) | {v for k in kernels for v in k.reads}
    loaded: set[Value] = set()
    if aim.target is CUDA:
        kernels = with_biases(kernels, _results(program), set(_replaced(program)))
        kernels = launch.launched(kernels, _replaced(program))
        loaded = {v for k in kernels if isinstance(k.work, Nest) for v in k.work.arguments}
        in_memory |= loaded
    elif aim.shared:
        kernels = spread(behind(kernels, _replaced(program)), aim.runs)
        loaded = {v for k in kernels if k.share is not None and not k.is_scalar for v in k.values}
    uses = [_use(k, in_memory, loaded) for k in kernels]
    memory = assign(program, uses, alone=aim.target is CUDA)
    found = meets(program, kernels, memory)
    return Plan(
        graph,
        program,
        tuple(kernels),
        memory,
        _decisions(program, recomputed),
        aim.registers,
        found,
        aim.target,
        fusion(program, made, parts),
        together(kernels, found),
        composed,
    )


def _results(program: Program) -> set[Value]:
    """Return the values whose memory is given by the caller."""
    homes = [program.home(v) for v in program.graph.results()]
    return {r.value for r in homes if r is not None}


def _replaced(program: Program) -> dict[Value, Value]:
    """Return the input that each new state overwrites."""
    pairs = ((program.home(new), old) for old, new in program.graph.updates)
    return {root.value: old for root, old in pairs if root is not None}


def _needed(program: Program, made: list[Group], parts: dict[Value, Fragment]) -> set[Value]:
    """Return the values that are results or that another group reads."""
    needed = _results(program)
    for group in made:
        own = group.values
        needed |= {s for r in group.roots for s in parts[r.value].sources if s not in own}
    return needed


def _kernels(
    program: Program,
    group: Group,
    parts: dict[Value, Fragment],
    needed: set[Value],
    aim: _Aim,
) -> list[Kernel]:
    """Return the kernels that compute a group: one, or two for scattered sums."""
    root = group.roots[0]
    match group.form:
        case Form.PRODUCT:
            return _product(program, group, aim)
        case Form.CONVOLUTION:
            return [_convolution(program, group)]
        case Form.ATTENTION:
            return [_attention(program, group)]
        case Form.SORT:
            return [_sort(program, group, aim)]
        case Form.LOOP:
            return [_repeat(program, group, aim)]
        case Form.SCATTER:
            return [_nest(group, n) for n in nest.build_scatter(program, root)]
        case Form.SCAN:
            return [_nest(group, nest.build_scan(program, root))]
        case _:
            lanes = aim.target is CUDA
            return [_nest(group, nest.build(program, group, needed, lanes=lanes))]


def _section(group: Group) -> Section:
    return min((section_of(r) for r in group.roots), key=SECTIONS.index)


def _nest(group: Group, work: Nest) -> Kernel:
    reads = tuple(
        dict.fromkeys(
            a.touched.root
            for a in work.accesses
            if not isinstance(a.touched, Store) or (a.touched.fold and not a.touched.clear)
        )
    )
    stores = [a.touched for a in work.accesses if isinstance(a.touched, Store)]
    outer = bool(work.extents) and not (work.rows == 0 and work.sweeps > 1)
    scattered = any(s.fold and not s.clear for s in stores)
    partials = [s.root for s in stores if s.clear or s.scope is Scope.END]
    return Kernel(
        roots=tuple(group.roots),
        work=work,
        section=_section(group),
        reads=tuple(v for v in reads if v not in work.scratch),
        cost=_cost(work),
        parallel=work.extents[0] if outer and not scattered else 1,
        partials=tuple(dict.fromkeys(partials)),
    )


def _cost(work: Nest) -> Cost:
    """Count one operation per computation and position, and each array once."""
    roots = {a.touched.root for a in work.accesses}
    return Cost(_flops(work.body, work, set()), sum(r.type.nbytes for r in roots))


def _flops(body: Sequence[Statement], work: Nest, known: set[Node]) -> int:
    """Count the operations of statements; `known` nodes are computed already."""
    total = 0
    for statement in body:
        match statement:
            case Loop():
                total += work.extents[statement.axis] * _flops(statement.body, work, set(known))
            case Let(node):
                total += _operations(node, known)
            case Store():
                total += _operations(statement.node, known) + bool(statement.fold)
            case Step(fold):
                total += _operations(fold.operand, known) + 1
            case _:
                pass
    return total


def _operations(node: Node, known: set[Node]) -> int:
    nodes = walk(node, known)
    return sum(isinstance(n, Compute) and n.dtype.is_floating_point for n in nodes)


def _product(program: Program, group: Group, aim: _Aim) -> list[Kernel]:
    equation = group.roots[0].equation
    assert equation is not None
    pair = products.operands(equation, program.known)
    assert pair is not None
    left, right = pair
    rows, terms = (left.columns, left.rows) if left.transposed else (left.rows, left.columns)
    columns = right.rows if right.transposed else right.columns
    batched = bool(equation.params.get("batch", ((), ()))[0])
    sizes = Sizes(rows, columns, terms, left.transposed, right.transposed, batched)
    rounds: str = equation.params.get("rounds", "")
    how = f", which rounds operands to {rounds}" if rounds else ""
    choice = Choice(Method.BLAS, f"the GPU's library{how}")
    if aim.target is CPU:
        choice = choose(sizes, equation.outputs[0].dtype, aim.registers)
    first, second = (program.home(m.value) for m in pair)
    assert first is not None, "find_roots keeps the operands of products"
    assert second is not None, "find_roots keeps the operands of products"
    panels = panels_of(choice, columns, terms, equation.outputs[0].dtype)
    homes = first.value, panels or second.value
    batch = left.batch if batched else 0
    work = Product(
        left, right, homes, batch, rows, columns, terms, choice, panels=panels, rounds=rounds
    )
    moved = sum(m.value.type.nbytes for m in pair) + equation.outputs[0].type.nbytes
    cost = Cost(2 * left.batch * rows * columns * terms, moved)
    section = _section(group)
    made = Kernel(tuple(group.roots), work, section, tuple(dict.fromkeys(homes)), cost, rows, ())
    if panels is None:
        return [made]
    moved = Cost(0, 2 * panels.type.nbytes)
    copy = Panels(right, second.value, panels)
    return [Kernel((), copy, section, (second.value,), moved, panels.shape[0], ()), made]


def _convolution(program: Program, group: Group) -> Kernel:
    equation = group.roots[0].equation
    assert equation is not None
    work = convolution(equation, program.known)
    seen = (work.left, work.right)
    reads = tuple(r.value for s in seen if (r := program.home(s.value)) is not None)
    moved = sum(s.value.type.nbytes for s in seen) + equation.outputs[0].type.nbytes
    cost = Cost(work.flops, moved)
    return Kernel(
        tuple(group.roots), work, _section(group), tuple(dict.fromkeys(reads)), cost,
        work.samples, (),
    )  # fmt: skip


def _attention(program: Program, group: Group) -> Kernel:
    equation = group.roots[0].equation
    assert equation is not None
    homes = (program.home(s.value) for s in attention_operands(equation, program.known))
    work = attention(equation, program.known, tuple(r.value for r in homes if r is not None))
    moved = sum(v.type.nbytes for v in (*equation.inputs, *equation.outputs))
    cost = Cost(work.flops, moved)
    reads = tuple(dict.fromkeys(work.homes))
    return Kernel(tuple(group.roots), work, _section(group), reads, cost, work.units, ())


def _sort(program: Program, group: Group, aim: _Aim) -> Kernel:
    equation = group.roots[0].equation
    assert equation is not None
    source = program.home(equation.inputs[0])
    assert source is not None
    columns = equation.inputs[0].shape[-1]
    rows = equation.inputs[0].type.size // columns
    scratch = (Value(TensorType((columns,), int64), "merged"),)
    if aim.target is CUDA:
        scratch = scratch_of(equation.outputs[0], rows, columns)
    descending = equation.params.get("descending", False)
    work = Sort(source.value, rows, columns, descending, scratch)
    moved = sum(v.type.nbytes for v in (*equation.inputs, *equation.outputs))
    cost = Cost(0, moved)
    return Kernel(tuple(group.roots), work, _section(group), (source.value,), cost, rows, ())


def _repeat(program: Program, group: Group, aim: _Aim) -> Kernel:
    equation = group.roots[0].equation
    assert equation is not None
    loop = Body(**equation.params)
    plan = schedule(
        one_step(loop), aim.registers, shared=aim.shared, target=aim.target, runs=loop.length
    )
    span = span_of(program, equation, plan.memory.arena_bytes)
    length = span.loop.length
    cost = Cost(length * plan.flops, length * plan.bytes_moved)
    reads = tuple(dict.fromkeys(span.operands))
    work = Repeat(span, plan, meets_between(plan.program, plan.kernels, plan.memory, plan.meets))
    return Kernel(tuple(group.roots), work, _section(group), reads, cost, 1, ())


def _use(kernel: Kernel, in_memory: set[Value], loaded: set[Value]) -> Use:
    """Return what a kernel does to memory; numbers of the step may need none.

    Threads load the numbers `loaded` only when a kernel needs them.
    """
    work = kernel.work
    if isinstance(work, Combine):
        return Use((work.total,), kernel.reads)
    if isinstance(work, Panels):
        return Use((work.panels,), kernel.reads)
    if isinstance(work, Product | Convolution | Attention):
        return Use(tuple(kernel.own.get(v, v) for v in kernel.values), kernel.reads)
    if isinstance(work, Repeat):
        span = work.span
        over = tuple(zip(span.results, span.operands[: span.loop.carries], strict=False))
        return Use(span.results, kernel.reads, (span.scratch,), over=over)
    if isinstance(work, Sort):
        equation = kernel.roots[0].equation
        assert equation is not None
        return Use(equation.outputs, kernel.reads, work.scratch)
    written = work.stored
    if kernel.is_scalar:
        written = tuple(v for v in written if v in in_memory)
    own = kernel.own
    parts = tuple(own[v] for v in written if v in own)
    written = (*(v for v in written if v not in own), *parts)
    scratch = tuple(own.get(v, v) for v in work.scratch)
    numbers = tuple(v for v in work.arguments if v in loaded)
    # every thread computes the step's numbers: none may overwrite what another has yet to read
    alike = kernel.share is not None and kernel.is_scalar
    accesses = None if alike else work.accesses
    return Use(written, kernel.reads, scratch, accesses, work.rows, numbers=numbers)


def _decisions(program: Program, recomputed: list[Decision]) -> tuple[Decision, ...]:
    """Return the choices worth telling: elementwise values that are kept, and recomputed ones."""
    kept = [
        Decision(r.value, True, r.reason)
        for r in program.roots.values()
        if r.form is Form.ELEMENT and r.value.hint
    ]
    return (*kept, *recomputed)
