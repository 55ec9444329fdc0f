"""Plan -> the text of a Python file that is compiled for the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradc.emit import describe
from gradc.emit.functions import Functions
from gradc.emit.namer import RUNTIME
from gradc.emit.naming import Naming
from gradc.emit.repeat import parts
from gradc.emit.step import StepWriter
from gradc.emit.writer import WIDTH, Writer
from gradc.ir.graph import Value
from gradc.schedule.arena import FIRST_SLOT
from gradc.schedule.plan import Kernel, Plan

NUMBERS = ("float64", "int32", "int64", "uint8")
CONSTANTS = ("INF", "NAN", "INF64", "NAN64")
NOT_RUNTIME = {"f", "buffers", "team", "chunk", *NUMBERS, *CONSTANTS}


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
        names: what the text calls each value of the plan.
        calls: the function that each kernel of the plan calls; numbers call none.
    """

    source: str
    slots: tuple[Slot, ...]
    arena_bytes: int
    names: Mapping[Value, str]
    calls: Mapping[Kernel, str]


def emit(plan: Plan) -> Emitted:
    """Return the generated file of a plan.

    Args:
        plan: what to compute, in which kernels, where.

    Returns:
        The text, what each slot of the table of addresses holds, and the size of the arena.
    """
    naming = Naming(plan)
    calls: dict[Kernel, str] = {}

    def compose(
        plan: Plan, naming: Naming, loops: dict[Kernel, tuple[str, str]], times: tuple[str, ...]
    ) -> list[str]:
        functions = Functions(plan, naming)
        # kernels are named before the step, and those of a loop's body after it
        kernels = [] if times else functions.texts()
        writer = StepWriter(plan, naming, functions, loops, times)
        step = writer.text()
        kernels = functions.texts() if times else kernels
        sums = [text for _, text in writer.team.sums.values()]
        calls.update(writer.calls)
        return [*map(str, kernels), *writer.special.texts(), *sums, str(step)]

    loops = parts(plan, naming, compose)
    *kernels, step = compose(plan, naming, loops.names, ())
    top = Writer()
    for line in describe.docstring(plan, naming.name):
        top.line(line)
    top.line()
    imports(top, naming.used, "gradc.runtime.cpu")
    texts = [*kernels, *loops.texts, step]
    source = str(top) + "".join(f"\n\n{text}" for text in texts)
    slots = slots_of(plan, naming)
    return Emitted(source, slots, plan.memory.arena_bytes, names_of(plan, naming), calls)


def names_of(plan: Plan, naming: Naming) -> dict[Value, str]:
    """Return the name of each value that the plan speaks of."""
    values = [*plan.program.graph.inputs, *(v for k in plan.kernels for v in k.values)]
    values += [*plan.memory.places, *(d.value for d in plan.decisions)]
    # a product that an epilogue has taken in has no kernel any more, but reasons speak of it
    values += [f.reason.value for f in plan.fused.values() if f.reason.value is not None]
    return {v: naming.name(v) for v in values}


def slots_of(plan: Plan, naming: Naming) -> tuple[Slot, ...]:
    """Return what the table of addresses holds, from the inputs on."""
    inputs, outputs = plan.graph.inputs, plan.graph.outputs
    slots = [Slot(FIRST_SLOT + i, naming.name(v), v, is_output=False) for i, v in enumerate(inputs)]
    first = FIRST_SLOT + len(slots)
    for i, (value, computed) in enumerate(zip(outputs, plan.program.graph.outputs, strict=True)):
        root = plan.program.home(computed)
        name = naming.name(root.value if root is not None else computed)
        slots.append(Slot(first + i, name, value, is_output=True))
    return tuple(slots)


def imports(writer: Writer, used: set[str], room: str) -> None:
    """Write the imports from a room of the runtime, and the constants that the text needs."""
    numbers = [n for n in NUMBERS if n in used]
    single = bool(used & {"f", "INF", "NAN"})
    if single:
        writer.line("from numpy import float32 as f")
    if numbers:
        writer.line(f"from numpy import {', '.join(numbers)}")
    if single or numbers:
        writer.line()
    runtime = sorted((used & RUNTIME) - NOT_RUNTIME)
    whole = f"from {room} import {', '.join(runtime)}"
    if len(whole) <= WIDTH:
        writer.line(whole)
    else:
        writer.line(f"from {room} import (")
        for name in runtime:
            writer.line(f"    {name},")
        writer.line(")")
    constants = [n for n in CONSTANTS if n in used]
    if constants:
        writer.line()
    for name in constants:
        word = "inf" if name.startswith("INF") else "nan"
        writer.line(f'{name} = {"float" if name.endswith("64") else "f"}("{word}")')
