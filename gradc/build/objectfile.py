"""A generated module's kernels and step -> one object file with a plain C entry point.

Everything of Numba's that is not public API is used here and nowhere else.
Numba types and lowers each function; LLVM's optimiser then runs once over all of them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import codegen, compiler, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import PassManager
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys
from numba.core.typed_passes import (
    IRLegalization,
    NativeLowering,
    NopythonTypeInference,
    PreLowerStripPhis,
)
from numba.core.untyped_passes import (
    FixupArgs,
    GenericRewrites,
    IRProcessing,
    ReconstructSSA,
    TranslateByteCode,
)

from gradc.build.machine import SYMBOL, Machine
from gradc.errors import BuildError
from gradc.runtime.decorators import Kernel, Step

# NOTE: without nsz, arcp and afn: reassoc then does no more than let sums be split over
# vector lanes, so NaN, inf and -0.0 keep their meaning and compensated sums survive.
_FLAGS = ("reassoc", "contract")
_FLOAT_OPERATIONS = frozenset({"fadd", "fsub", "fmul", "fdiv", "fcmp", "fneg"})
_STRICT = "gradc."


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """Machine code, and the outside functions that it calls (libm's, memset)."""

    code: bytes
    externals: tuple[str, ...]


class _Pipeline(compiler.CompilerBase):
    """The passes that a generated function needs: no closures, no parfors, no object mode."""

    def define_pipelines(self) -> list[Any]:
        """Return the one pipeline."""
        passes = PassManager("gradc")
        passes.add_pass(TranslateByteCode, "bytecode")
        passes.add_pass(FixupArgs, "arguments")
        passes.add_pass(IRProcessing, "variables")
        passes.add_pass(GenericRewrites, "constant subscripts")
        passes.add_pass(ReconstructSSA, "single assignment")
        passes.add_pass(NopythonTypeInference, "types")
        passes.add_pass(PreLowerStripPhis, "phis")
        passes.add_pass(IRLegalization, "legality")
        passes.add_pass(NativeLowering, "LLVM")
        passes.finalize()
        return [passes]


class _Collector(codegen.CPUCodeLibrary):
    """Gathers the LLVM text of all functions; nothing is optimised or loaded one by one."""

    def __init__(self, owner: Any, name: str, wide: bool) -> None:
        codegen.CPUCodeLibrary.__init__(self, owner, name)
        self._wide = wide

    def add_ir_module(self, ir_module: Any) -> None:
        """Link one function's module into the whole."""
        for function in ir_module.functions:
            if function.blocks:
                _mark(function, self._wide)
        module = llvm.parse_assembly(str(ir_module))
        module.verify()
        self._final_module.link_in(module)

    def add_linking_library(self, library: Any) -> None:
        """Note what Numba compiled on its own, such as a builtin `max`."""
        if library is not rtsys.library and library not in self._linking_libraries:
            self._linking_libraries.append(library)

    def linked(self) -> Any:
        """Return all that was gathered, as one module."""
        for library in self._linking_libraries:
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        return self._final_module

    def _finalize_specific(self) -> None:
        """Do nothing: the object file is emitted from `linked()`."""


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
    context = cpu_target.target_context
    library = _Collector(context.codegen(), module.__name__, machine.wide_vectors)
    entry = ""
    try:
        for kernel in kernels:
            descriptor = _lower(kernel, library, module)
            if kernel is steps[0]:
                entry = descriptor.llvm_func_name
    finally:
        for kernel in kernels:
            context._defns.pop(kernel, None)
    return _emit(library.linked(), entry, len(steps[0].arguments), machine)


def _lower(kernel: Kernel, library: _Collector, module: ModuleType) -> Any:
    """Type one function, lower it into the library, and make it callable for later ones."""
    context = cpu_target.target_context
    flags = compiler.Flags()
    flags.no_compile = True
    flags.no_cpython_wrapper = True
    flags.no_cfunc_wrapper = True
    flags.error_model = "numpy"
    flags.noalias = not kernel.overlap
    try:
        lowered = compiler.compile_extra(
            cpu_target.typing_context,
            context,
            kernel.function,
            kernel.arguments,
            types.void,
            flags,
            {},
            library=library,
            pipeline_class=_Pipeline,
        )
    except Exception as error:
        raise BuildError(
            f"build: {kernel.__name__} in {module.__file__} did not compile: {error}"
        ) from error
    context.insert_user_function(kernel, lowered.fndesc, ())
    return lowered.fndesc


def _mark(function: Any, wide: bool) -> None:
    """Set the floating-point flags of a function's instructions, and its vector width.

    Functions named `gradc.*` are the runtime's maths, exact to the operation: no flags for them.
    """
    if wide:
        # llvmlite's attribute set refuses strings that it doesn't know.
        attributes: set[str] = function.attributes
        set[str].add(attributes, '"prefer-vector-width"="512"')
    if function.name.startswith(_STRICT):
        return
    for block in function.blocks:
        for instruction in block.instructions:
            if instruction.opname in _FLOAT_OPERATIONS:
                instruction.flags.extend(_FLAGS)
            elif isinstance(instruction, ir.CallInstr) and _is_float(instruction.type):
                instruction.fastmath.update(_FLAGS)


def _is_float(type_: Any) -> bool:
    """Return whether an LLVM type is float or double."""
    return isinstance(type_, (ir.FloatType, ir.DoubleType))


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
    externals = tuple(
        sorted(
            function.name
            for function in module.functions
            if function.is_declaration and not function.name.startswith("llvm.")
        )
    )
    return ObjectFile(target.emit_object(module), externals)


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
