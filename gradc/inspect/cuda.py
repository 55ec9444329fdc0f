"""A program -> its plan, text and machine code for a GPU, which need not be there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradc.build.cuda import CudaNative, load_cuda
from gradc.emit.cuda import EmittedCuda, emit
from gradc.inspect.stages import halves
from gradc.ir.graph import Graph
from gradc.schedule.describe import amount, describe, table
from gradc.schedule.make import schedule
from gradc.schedule.plan import Plan
from gradc.schedule.target import CUDA

if TYPE_CHECKING:
    from gradc.compiler.target import AnyProgram

STAGES = ("plan", "source")


@dataclass(frozen=True, slots=True)
class Half:
    """A whole step, or the forward or backward half of one.

    Attributes:
        plan: kernels, launches, buffers.
        emitted: the generated text.
    """

    plan: Plan
    emitted: EmittedCuda

    def text(self, stage: str) -> str:
        """Return its plan or its source."""
        if stage == "plan":
            return describe(self.plan, self.emitted.names)
        return self.emitted.source.rstrip()


def cuda_halves(program: AnyProgram) -> tuple[Half, ...]:
    """Return what a program is on a GPU."""
    return tuple(half_of(code.graph) for code in halves(program))


def half_of(graph: Graph) -> Half:
    """Plan and write out a graph that the passes have seen."""
    plan = schedule(graph, target=CUDA)
    return Half(plan, emit(plan))


def cuda_text(program: AnyProgram, stage: str) -> str:
    """Return the plan or the source of a program for a GPU."""
    between = "\n\n" if stage == "plan" else "\n\n\n"
    return between.join(half.text(stage) for half in cuda_halves(program))


def cuda_report(name: str, half: Half, arch: str) -> tuple[CudaNative, str]:
    """Compile a half; return its machine code, and what to tell of it."""
    native = load_cuda(half.emitted.source, name, arch)
    plan = half.plan
    launches = sum(not k.is_scalar for k in plan.kernels)
    made = "from the store" if native.cached else f"compiled in {native.compile_seconds:.2f} s"
    rows = [
        ("architecture", arch),
        ("kernels", f"{len(native.functions)} in the text, {launches} launches and products"),
        ("cost", f"{amount(plan.flops)}FLOP, {amount(plan.bytes_moved)}B moved"),
        ("arena", f"{amount(plan.memory.arena_bytes)}B"),
        ("cubin", f"{amount(len(native.cubin))}B, {made}"),
        ("text", str(native.path)),
    ]
    return native, "\n".join([plan.name, *(line.rstrip() for line in table(rows))])
