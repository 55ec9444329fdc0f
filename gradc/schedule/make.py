"""Graph -> Plan."""

from __future__ import annotations

from gradc.ir.graph import Graph, Value
from gradc.schedule import fuse, launch
from gradc.schedule.arena import Use, assign
from gradc.schedule.arithmetic import FULL, Arithmetic
from gradc.schedule.attention import Attention
from gradc.schedule.behind import behind, together
from gradc.schedule.convolutions import Convolution
from gradc.schedule.epilogues import with_biases
from gradc.schedule.fragments import Fragment, fragments
from gradc.schedule.fusion import fusion
from gradc.schedule.group import Group
from gradc.schedule.keep import Decision, worth_keeping
from gradc.schedule.keep_weights import keep_weights
from gradc.schedule.kernels import Aim, kernels
from gradc.schedule.long_scans import split_long_scans
from gradc.schedule.meet import meets
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Kernel, Panels, Plan, Product, Repeat, Sort
from gradc.schedule.registers import Registers, host_registers
from gradc.schedule.roots import Form, Program, find_roots
from gradc.schedule.rounded_products import absorb_rounding
from gradc.schedule.share import Combine
from gradc.schedule.spread import spread
from gradc.schedule.state import prepare
from gradc.schedule.target import CPU, CUDA, Target


def schedule(
    graph: Graph,
    registers: Registers | None = None,
    *,
    shared: bool = True,
    target: Target = CPU,
    runs: int = 1,
    arithmetic: Arithmetic = FULL,
) -> Plan:
    """Return the plan of a graph.

    Args:
        graph: simplified and verified; all its values on one device.
        registers: of the processor to make it for; None for this one.
        shared: whether several threads may run it, if that is worth it.
        target: what to make it for.
        runs: how often it runs in a row, as the body of a loop.
        arithmetic: how a GPU's tiles multiply.
    """
    deferred: frozenset[Value] = frozenset()

    def body(loop: Graph, length: int) -> Plan:
        return schedule(
            loop, registers, shared=shared, target=target, runs=length, arithmetic=arithmetic
        )

    aim = Aim(registers or host_registers(), target, body, arithmetic)
    while True:
        plan = _schedule(graph, deferred, aim, runs if shared else None)
        if not plan.memory.conflicts:
            return plan
        deferred |= plan.memory.conflicts


def _schedule(graph: Graph, deferred: frozenset[Value], aim: Aim, runs: int | None) -> Plan:
    """Return a plan in which the copies of `deferred` are made late.

    Threads share a step that runs `runs` times in a row, if that is worth it; None: one has it.
    """
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
        more, recomputed = worth_keeping(program, made, parts, aim.target)
        if not more:
            break
        chosen |= more
    needed = _needed(program, made, parts)
    planned = [k for group in made for k in kernels(program, group, parts, needed, aim)]
    in_memory = _results(program) | {v for k in planned for v in k.reads}
    loaded: set[Value] = set()
    if aim.target is CUDA:
        planned = with_biases(planned, _results(program), set(_replaced(program)))
        planned = launch.launched(planned, _replaced(program), aim.arithmetic)
        loaded = {v for k in planned if isinstance(k.work, Nest) for v in k.work.arguments}
        in_memory |= loaded
    elif runs is not None:
        planned = spread(behind(planned, _replaced(program)), runs)
        loaded = {v for k in planned if k.share is not None and not k.is_scalar for v in k.values}
    uses = [_use(k, in_memory, loaded) for k in planned]
    memory = assign(program, uses, alone=aim.target is CUDA)
    found = meets(program, planned, memory)
    return Plan(
        graph,
        program,
        tuple(planned),
        memory,
        _decisions(program, recomputed),
        aim.registers,
        found,
        aim.target,
        fusion(program, made, parts),
        together(planned, found),
        composed,
        aim.arithmetic,
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
