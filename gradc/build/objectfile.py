"""A generated module's kernels and step -> one object file with a plain C entry point.

Numba types and lowers each function; LLVM's optimiser then runs once over all of them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import llvmlite.binding as llvm
from numba.core.compiler_lock import global_compiler_lock

from gradc.build.lowering import collector, forget, lower, settled
from gradc.build.machine import SYMBOL, Machine
from gradc.errors import BuildError
from gradc.runtime.decorators import Kernel, Step


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """Machine code, and the outside functions that it calls (libm's, memset)."""

    code: bytes
    externals: tuple[str, ...]


@global_compiler_lock
def compile_module(module: ModuleType, machine: Machine) -> ObjectFile:
    """Compile the kernels and the step function of a generated module.

    Raises:
        BuildError: there is no step function, or Numba refuses a function.
    """
    kernels = [value for value in vars(module).values() if isinstance(value, Kernel)]
    steps = [value for value in kernels if isinstance(value, Step)]
    if len(steps) != 1:
        raise BuildError(f"build: {module.__file__} has {len(steps)} @step functions, expected 1")
    library = collector(module.__name__, wide=machine.wide_vectors)
    entry = ""
    try:
        with settled():
            for kernel in kernels:
                descriptor = lower(kernel, library, module)
                if kernel is steps[0]:
                    entry = descriptor.llvm_func_name
    finally:
        forget(kernels)
    return _emit(library.linked(), entry, len(steps[0].arguments), machine)


def _emit(module: Any, entry: str, arguments: int, machine: Machine) -> ObjectFile:
    """Add the C entry point, hide the rest, optimise, and emit machine code."""
    module.link_in(llvm.parse_assembly(_entry_point(module, entry, arguments)))
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name != SYMBOL:
            value.linkage = "internal"
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


def _entry_point(module: Any, entry: str, arguments: int) -> str:
    """Return the LLVM text of `int gradc_step(int64_t *table, int64_t *team)`."""
    # Numba's convention: (pointer to the result, pointer to the exception, arguments...).
    types = ", ".join(["ptr"] * arguments)
    given = ", ".join(["ptr %table", "ptr %team"][:arguments])
    return f"""
target triple = "{module.triple}"
target datalayout = "{module.data_layout}"
declare i32 @"{entry}"(ptr, ptr, {types})
define i32 @{SYMBOL}(ptr %table, ptr %team) {{
  %result = alloca ptr
  %exception = alloca ptr
  %status = call i32 @"{entry}"(ptr %result, ptr %exception, {given})
  ret i32 %status
}}
"""
