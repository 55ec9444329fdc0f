"""A group of values that are computed together -> its kernels: what each reads and costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradc.ir.dtype import int64
from gradc.ir.graph import Graph, Section, TensorType, Value
from gradc.primitives.loop import Body
from gradc.schedule import nest, products
from gradc.schedule.arithmetic import Arithmetic
from gradc.schedule.attention import attention
from gradc.schedule.attention import operands as attention_operands
from gradc.schedule.convolutions import convolution
from gradc.schedule.fragments import Fragment
from gradc.schedule.group import Group, section_of
from gradc.schedule.loops import Compute, Let, Loop, Node, Scope, Statement, Step, Store, walk
from gradc.schedule.meet import meets_between
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Cost, Kernel, Panels, Plan, Product, Repeat, Sort
from gradc.schedule.product_tiles import Choice, Method, Sizes, choose, panels_of
from gradc.schedule.registers import Registers
from gradc.schedule.repeat import one_step, span_of
from gradc.schedule.roots import Form, Program
from gradc.schedule.sorts import scratch_of
from gradc.schedule.target import CPU, CUDA, Target

SECTIONS = list(Section)


@dataclass(frozen=True, slots=True)
class Aim:
    """What kernels are made for.

    Attributes:
        registers: of the processor.
        target: the kind of device.
        body: returns the plan of a loop's body that runs so many times in a row.
        arithmetic: how tiles multiply.
    """

    registers: Registers
    target: Target
    body: Callable[[Graph, int], Plan]
    arithmetic: Arithmetic


def kernels(
    program: Program,
    group: Group,
    parts: dict[Value, Fragment],
    needed: set[Value],
    aim: Aim,
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


def _product(program: Program, group: Group, aim: Aim) -> list[Kernel]:
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


def _sort(program: Program, group: Group, aim: Aim) -> Kernel:
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


def _repeat(program: Program, group: Group, aim: Aim) -> Kernel:
    equation = group.roots[0].equation
    assert equation is not None
    loop = Body(**equation.params)
    plan = aim.body(one_step(loop), loop.length)
    span = span_of(program, equation, plan.memory.arena_bytes)
    length = span.loop.length
    cost = Cost(length * plan.flops, length * plan.bytes_moved)
    reads = tuple(dict.fromkeys(span.operands))
    work = Repeat(span, plan, meets_between(plan.program, plan.kernels, plan.memory, plan.meets))
    return Kernel(tuple(group.roots), work, _section(group), reads, cost, 1, ())
