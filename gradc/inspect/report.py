"""A program -> what it costs: kernels, memory, what the backward pass saves, compile time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradc.compiler.native import Executable
from gradc.inspect.choices import Choice, choices, choices_of_halves
from gradc.inspect.stages import program_of
from gradc.runtime.blas import find_blas
from gradc.schedule.describe import amount, table, what
from gradc.schedule.plan import Kernel

if TYPE_CHECKING:
    from gradc.compiler.cuda_native import CudaExecutable
    from gradc.compiler.target import AnyProgram


@dataclass(frozen=True, slots=True)
class KernelCost:
    """What one call of a kernel does.

    Attributes:
        name: of the function in the generated text.
        section: "forward", "backward" or "update".
        work: loops or product, with sizes.
        results: values it computes, by their names in the text.
        flops: floating-point operations, a function such as exp counted as one.
        bytes_moved: bytes of the distinct arrays it reads and writes.
    """

    name: str
    section: str
    work: str
    results: tuple[str, ...]
    flops: int
    bytes_moved: int

    @property
    def intensity(self) -> float:
        """Floating-point operations per byte moved; low ones wait for memory."""
        return self.flops / self.bytes_moved if self.bytes_moved else 0.0


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """The costs of one program; its str is the report to read.

    Attributes:
        name: of the user's function.
        kernels: calls of kernels, in order.
        numbers: how many single numbers the step computes between the kernels.
        flops: floating-point operations of one call.
        bytes_moved: bytes that kernels read and write in one call.
        buffers: arrays of the program's own in the arena.
        arena_bytes: memory for them, with reuse.
        state_bytes: the user's arrays that it reads or updates in place.
        result_bytes: arrays that it returns, `.grad` included.
        choices: what the forward pass saves for the backward pass, and what is recomputed.
        compile_seconds: what compiling took in this process.
        cached: whether the machine code came from the store.
        path: the generated file.
        blas: the library that computes matrix products, or "" where it has none to compute.
        backward: costs of the program that `backward()` runs on results that want gradients.
    """

    name: str
    kernels: tuple[KernelCost, ...]
    numbers: int
    flops: int
    bytes_moved: int
    buffers: int
    arena_bytes: int
    state_bytes: int
    result_bytes: int
    choices: tuple[Choice, ...]
    compile_seconds: float
    cached: bool
    path: Path
    blas: str
    backward: Report | None = None

    def __str__(self) -> str:
        text = "\n".join(line.rstrip() for line in _lines(self))
        return text if self.backward is None else f"{text}\n\n{self.backward}"

    def __repr__(self) -> str:
        return str(self)


def report(function: Callable[..., Any], *example_args: Any) -> Report:
    """Return the costs of a compiled function, or of any function with example arguments.

    Args:
        function: as for `gradc.explain`.
        example_args: as for `gradc.explain`.

    Example:
        >>> import gradc
        >>> from gradc.inspect import report
        >>> costs = report(lambda x: (2 * x).exp(), gradc.zeros(1000))
        >>> costs.flops, costs.bytes_moved
        (2000, 8000)
    """
    return report_of(program_of(function, *example_args))


def report_of(program: AnyProgram) -> Report:
    """Return the costs of a program, for the processor or for a device."""
    code, backward = program.code, program.backward
    if backward is None:
        return _costs(code, choices(code.plan, code.emitted.names))
    after = backward.code
    made = choices_of_halves(code.plan, after.plan, after.emitted.names)
    return replace(_costs(code, ()), backward=_costs(after, made))


def _costs(code: Executable | CudaExecutable, made: tuple[Choice, ...]) -> Report:
    plan, native = code.plan, code.native
    graph = plan.program.graph
    calls = [k for k in plan.kernels if not k.is_scalar]
    arena = {place.offset for v, place in plan.memory.places.items() if v in plan.memory.ranges}
    return Report(
        name=plan.name,
        kernels=tuple(_kernel(k, code) for k in calls),
        numbers=len(plan.kernels) - len(calls),
        flops=plan.flops,
        bytes_moved=plan.bytes_moved,
        buffers=len(arena),
        arena_bytes=plan.memory.arena_bytes,
        state_bytes=sum(v.type.nbytes for v in graph.inputs),
        result_bytes=sum(v.type.nbytes for v in graph.outputs),
        choices=made,
        compile_seconds=native.compile_seconds,
        cached=native.cached,
        path=native.path,
        blas=_products(code) if plan.calls_blas else "",
    )


def _products(code: Executable | CudaExecutable) -> str:
    """Return what computes the matrix products that are left to a library."""
    if not isinstance(code, Executable):
        return code.gpu.library
    blas = find_blas()
    return f"{blas.name} {blas.version}".strip()


def _kernel(kernel: Kernel, code: Executable | CudaExecutable) -> KernelCost:
    names = code.emitted.names
    old = {new: old for old, new in code.plan.program.graph.updates}
    return KernelCost(
        name=code.emitted.calls[kernel],
        section=kernel.section.value,
        work=what(kernel),
        results=tuple(names[old.get(v, v)] for v in kernel.values),
        flops=kernel.cost.flops,
        bytes_moved=kernel.cost.bytes_moved,
    )


def _lines(costs: Report) -> list[str]:
    intensity = costs.flops / costs.bytes_moved if costs.bytes_moved else 0.0
    origin = "from the store" if costs.cached else "compiled now"
    seconds = "" if costs.cached else f", {costs.compile_seconds:.2f} s"
    head = [
        ("calls", f"{len(costs.kernels)} kernels, and {costs.numbers} single numbers"),
        (
            "work",
            f"{amount(costs.flops)}FLOP, {amount(costs.bytes_moved)}B moved, "
            f"{intensity:.3g} FLOP/B",
        ),
        ("arena", f"{amount(costs.arena_bytes)}B for {costs.buffers} buffers"),
        (
            "yours",
            f"{amount(costs.state_bytes)}B read or updated in place, "
            f"{amount(costs.result_bytes)}B returned",
        ),
        ("machine code", origin + seconds),
        ("source", str(costs.path)),
    ]
    if costs.blas:
        head.insert(2, ("products", costs.blas))
    return [
        costs.name,
        *table(head),
        "",
        "kernels",
        *table(_kernel_rows(costs)),
        *_choices(costs),
    ]


def _kernel_rows(costs: Report) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for k in costs.kernels:
        results = ", ".join(k.results)
        rows.append(
            (
                k.section,
                k.name,
                k.work,
                f"{amount(k.flops)}FLOP",
                f"{amount(k.bytes_moved)}B",
                f"{k.intensity:.3g} FLOP/B",
                results,
            )
        )
    return rows


def _choices(costs: Report) -> list[str]:
    if not costs.choices:
        return []
    rows = [
        (c.name, c.type, f"{amount(c.nbytes)}B", "saved" if c.saved else "not saved", c.reason)
        for c in costs.choices
    ]
    return ["", "saved for the backward pass, or computed again", *table(rows)]
