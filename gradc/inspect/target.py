"""A program -> its plan and its text for a target, which need not be its device, nor be there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradc.build.key import EMULATED
from gradc.compiler.cuda_precision import arithmetic_for
from gradc.emit import cpu, cuda
from gradc.inspect.stages import halves
from gradc.ir.graph import Graph
from gradc.schedule.describe import describe
from gradc.schedule.make import schedule
from gradc.schedule.plan import Plan
from gradc.schedule.target import CPU, CUDA, Target

if TYPE_CHECKING:
    from gradc.compiler.target import AnyProgram


@dataclass(frozen=True, slots=True)
class Half:
    """A whole step, or the forward or backward half of one.

    Attributes:
        plan: kernels, launches, buffers.
        emitted: the generated text.
    """

    plan: Plan
    emitted: cpu.Emitted | cuda.EmittedCuda

    def text(self, stage: str) -> str:
        """Return its plan or its source."""
        if stage == "plan":
            return describe(self.plan, self.emitted.names)
        return self.emitted.source.rstrip()


def target_halves(program: AnyProgram, target: Target, arch: str = EMULATED) -> tuple[Half, ...]:
    """Return what a program is on a target, a GPU of an architecture for instance."""
    return tuple(half_of(code.graph, target, arch) for code in halves(program))


def half_of(graph: Graph, target: Target, arch: str = EMULATED) -> Half:
    """Plan and write out a graph that the passes have seen."""
    plan = schedule(graph, target=target, arithmetic=arithmetic_for(arch))
    return Half(plan, cuda.emit(plan) if target is CUDA else cpu.emit(plan))


def target_text(program: AnyProgram, stage: str, target: str) -> str:
    """Return the plan or the source of a program for a target."""
    between = "\n\n" if stage == "plan" else "\n\n\n"
    wanted = CUDA if target == "cuda" else CPU
    return between.join(half.text(stage) for half in target_halves(program, wanted))
