"""Plan -> the text of a Python file of CUDA kernels and a step that launches them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradc.emit import describe
from gradc.emit.cpu import Slot, imports, names_of, slots_of
from gradc.emit.cuda_step import CudaStepWriter
from gradc.emit.cuda_together import frames, groups
from gradc.emit.functions import Functions
from gradc.emit.naming import Naming
from gradc.emit.repeat import parts
from gradc.emit.writer import Writer
from gradc.ir.graph import Value
from gradc.schedule.plan import Kernel, Plan


@dataclass(frozen=True, slots=True)
class EmittedCuda:
    """A generated file.

    Args:
        source: its text.
        slots: graph inputs in order, then graph outputs in order.
        arena_bytes: size of the memory for temporaries, slot 2.
        names: what the text calls each value of the plan.
        calls: the function that each kernel of the plan calls.
    """

    source: str
    slots: tuple[Slot, ...]
    arena_bytes: int
    names: Mapping[Value, str]
    calls: Mapping[Kernel, str]


def emit(plan: Plan) -> EmittedCuda:
    """Return the generated file of a plan whose target is CUDA.

    Args:
        plan: what to compute, in which kernels, where.

    Returns:
        The text, what each slot of the table of addresses holds, and the size of the arena.
    """
    naming = Naming(plan, numbers=False)
    calls: dict[Kernel, str] = {}

    def compose(
        plan: Plan, naming: Naming, loops: dict[Kernel, tuple[str, str]], times: tuple[str, ...]
    ) -> list[str]:
        together = groups(plan)
        functions = Functions(plan, naming, frames(plan, together))
        kernels = functions.texts()
        writer = CudaStepWriter(plan, naming, functions, loops, together, times)
        step = writer.text()
        calls.update(writer.calls)
        return [*map(str, kernels), *writer.texts, str(step)]

    loops = parts(plan, naming, compose)
    *kernels, step = compose(plan, naming, loops.names, ())
    top = Writer()
    for line in describe.docstring(plan, naming.name):
        top.line(line)
    top.line()
    imports(top, naming.used, "gradc.runtime.cuda")
    source = str(top) + "".join(f"\n\n{text}" for text in [*kernels, *loops.texts, step])
    slots = slots_of(plan, naming)
    return EmittedCuda(source, slots, plan.memory.arena_bytes, names_of(plan, naming), calls)
