"""A generated module's kernels and step -> one object file with a plain C entry point.

Each function is translated; LLVM's optimiser then runs once over all of them together.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import llvmlite.binding as llvm
from numba.core.compiler_lock import global_compiler_lock

from gradc.build.machine import Machine
from gradc.build.unit import Unit
from gradc.errors import BuildError
from gradc.runtime.decorators import Kernel, Step


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """Machine code, and the outside functions that it calls (libm's, memset)."""

    code: bytes
    externals: tuple[str, ...]


@global_compiler_lock
def compile_module(module: ModuleType, source: str, machine: Machine) -> ObjectFile:
    """Compile the kernels and the step function of a generated module.

    Args:
        module: the text, run.
        source: the text.
        machine: to compile for.

    Raises:
        BuildError: there is no step function, or a function can't be compiled.
    """
    kernels = [value for value in vars(module).values() if isinstance(value, Kernel)]
    steps = [value for value in kernels if isinstance(value, Step)]
    if len(steps) != 1:
        raise BuildError(f"build: {module.__file__} has {len(steps)} @step functions, expected 1")
    texts = {n.name: n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)}
    unit = Unit(module.__name__, str(module.__file__), wide=machine.wide_vectors)
    for kernel in reversed(kernels):  # callers come before what they call
        unit.write(kernel, texts[kernel.function.__name__])
    return _emit(unit.finished(steps[0]), machine)


def _emit(module: Any, machine: Machine) -> ObjectFile:
    """Optimise a module and emit machine code."""
    target = machine.target_machine()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = True
    options.slp_vectorization = True
    builder = llvm.create_pass_builder(target, options)
    builder.getModulePassManager().run(module, builder)
    return ObjectFile(target.emit_object(module), externals_of(module))


def externals_of(module: Any) -> tuple[str, ...]:
    """Return the functions that a module calls and doesn't have."""
    return tuple(
        sorted(
            function.name
            for function in module.functions
            if function.is_declaration and not function.name.startswith("llvm.")
        )
    )
