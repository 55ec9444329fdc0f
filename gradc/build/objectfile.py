"""A generated module's kernels and step -> object files with a plain C entry point.

Each function is compiled on its own. The machine code of kernels is kept, so that a program
compiles only what no program before it had.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from numba.core.compiler_lock import global_compiler_lock

from gradc import store
from gradc.build.key import keyed
from gradc.build.machine import Machine
from gradc.build.optimiser import ObjectFile, Task
from gradc.build.unit import FUNCTION, Unit, Version
from gradc.build.workers import Workers
from gradc.errors import BuildError
from gradc.runtime.decorators import Kernel, Step

# From this length on, a step is taken for what it is: views and calls, each run once.
LONG = 100_000
_ENOUGH = 32  # digits of a hash that tell kernels apart
_FUNCTION = re.compile(rf'@"{re.escape(FUNCTION)}([\w.]+)"')


@dataclass(frozen=True, slots=True)
class Objects:
    """The object files of a program, one after the other.

    Attributes:
        code: all of them.
        parts: the bytes of each.
        externals: the outside functions that they call.
    """

    code: bytes
    parts: tuple[int, ...]
    externals: tuple[str, ...]


def compile_module(
    module: ModuleType, source: str, machine: Machine, directory: Path, workers: Workers
) -> Objects:
    """Compile the kernels and the step function of a generated module.

    Args:
        module: the text, run.
        source: the text.
        machine: to compile for.
        directory: of the store, for kernels that were compiled before.
        workers: who compile.

    Raises:
        BuildError: there is no step function, or a function can't be compiled.
    """
    kernels = [value for value in vars(module).values() if isinstance(value, Kernel)]
    steps = [value for value in kernels if isinstance(value, Step)]
    if len(steps) != 1:
        raise BuildError(f"build: {module.__file__} has {len(steps)} @step functions, expected 1")
    texts = {n.name: n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)}
    unit = Unit(str(module.__file__), texts, wide=machine.wide_vectors)
    named: dict[str, str] = {}  # what each function is called outside of its own object file
    found: dict[str, ObjectFile | None] = {}
    kept: dict[str, str] = {}
    written: dict[str, str] = {}
    ends: dict[str, Version] = {}  # those that call no other
    with global_compiler_lock:
        # callers come before what they call
        for version in (v for kernel in reversed(kernels) for v in unit.versions(kernel)):
            identity = unit.identity(version)
            symbol = version.name if identity is None else identity[:_ENOUGH]
            named[version.name] = symbol
            if symbol in found:
                continue
            found[symbol] = None
            if identity is None:
                written[symbol] = unit.text(version)
                continue
            kept[symbol] = keyed(identity, f"piece\0{machine}")
            piece = store.read_piece(directory, kept[symbol])
            if piece is None:
                ends[symbol] = version
            else:
                found[symbol] = ObjectFile(*piece)
        # all have their names now: each text is compiled from when it is written
        for symbol, text in written.items():
            is_step = symbol == steps[0].__name__
            workers.begin(_task(_linked(text, named), is_step), machine.goal)
        for version in ends.values():
            workers.begin(_task(_linked(unit.text(version), named), False), machine.goal)
    for symbol, one in zip((*written, *ends), workers.finish(), strict=True):
        found[symbol] = one
        if symbol in kept:
            store.write_piece(directory, kept[symbol], one.code, one.externals)
    return _together([one for one in found.values() if one is not None])


def _task(text: str, is_step: bool) -> Task:
    return Task(text, 1 if is_step and len(text) > LONG else 2)


def _linked(text: str, named: dict[str, str]) -> str:
    """Return LLVM's text with the functions of other object files called as they are there."""
    lines = _FUNCTION.sub(lambda found: f'@"{FUNCTION}{named[found[1]]}"', text).splitlines()
    declared: set[str] = set()
    kept: list[str] = []
    for line in lines:
        # two kernels may be the same but for their names
        if not line.startswith("declare ") or line not in declared:
            kept.append(line)
            declared.add(line)
    return "\n".join(kept)


def _together(objects: list[ObjectFile]) -> Objects:
    """Return the object files as one."""
    outside = {name for one in objects for name in one.externals}
    externals = sorted(name for name in outside if not name.startswith(FUNCTION))
    parts = tuple(len(one.code) for one in objects)
    return Objects(b"".join(one.code for one in objects), parts, tuple(externals))
