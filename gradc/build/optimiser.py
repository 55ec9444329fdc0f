"""LLVM text -> machine code. Run as a script it serves another process, without importing gradc.

A request on standard input is a line of JSON; the answer is a line of JSON (`size`, `externals`),
then so many bytes of machine code. The script ends when its input does.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from typing import IO, Any, NamedTuple

import llvmlite.binding as llvm


class Goal(NamedTuple):
    """The processor that code is made for, as LLVM names it."""

    triple: str
    cpu: str
    features: str
    reloc: str
    model: str


class ObjectFile(NamedTuple):
    """Machine code, and the outside functions that it calls (libm's, memset)."""

    code: bytes
    externals: tuple[str, ...]


class Task(NamedTuple):
    """What is compiled on its own.

    Attributes:
        text: LLVM's language.
        level: of LLVM's optimiser; 2 makes vector loops, 1 is enough for code that runs once.
    """

    text: str
    level: int


@cache
def target(goal: Goal) -> Any:
    """Return LLVM's code generator for a processor."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(goal.triple).create_target_machine(
        cpu=goal.cpu, features=goal.features, opt=3, reloc=goal.reloc, codemodel=goal.model
    )


def machine_code(task: Task, goal: Goal) -> ObjectFile:
    """Optimise a module and emit machine code for it."""
    module = llvm.parse_assembly(task.text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=task.level)
    options.loop_vectorization = options.slp_vectorization = task.level > 1
    builder = llvm.create_pass_builder(target(goal), options)
    builder.getModulePassManager().run(module, builder)
    return ObjectFile(target(goal).emit_object(module), externals_of(module))


def externals_of(module: Any) -> tuple[str, ...]:
    """Return the functions that a module calls and doesn't have."""
    return tuple(
        sorted(
            function.name
            for function in module.functions
            if function.is_declaration and not function.name.startswith("llvm.")
        )
    )


def ask(task: Task, goal: Goal, to: IO[bytes], answer: IO[bytes]) -> ObjectFile | None:
    """Let another process do a task; None where it has ended or refuses."""
    to.write(json.dumps({"task": task, "goal": goal}).encode() + b"\n")
    to.flush()
    head = answer.readline()
    if not head.endswith(b"\n"):
        return None
    said = json.loads(head)
    code = answer.read(said["size"])
    whole = len(code) == said["size"] > 0
    return ObjectFile(code, tuple(said["externals"])) if whole else None


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until there are no more; what fails here is done again by who asked."""
    for line in requests:
        given = json.loads(line)
        try:
            made = machine_code(Task(*given["task"]), Goal(*given["goal"]))
        except RuntimeError:
            made = ObjectFile(b"", ())
        said = {"size": len(made.code), "externals": made.externals}
        answers.write(json.dumps(said).encode() + b"\n" + made.code)
        answers.flush()


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
