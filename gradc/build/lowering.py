"""A generated function -> LLVM text, typed and lowered by Numba; many of them in one module.

Everything of Numba's that is not public API is used here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import llvmlite.binding as llvm
from numba.core import codegen, compiler, types
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

from gradc.build.marks import mark
from gradc.errors import BuildError
from gradc.runtime.decorators import Kernel


def collector(name: str, *, wide: bool, text: Callable[[Any], str]) -> Collector:
    """Return what gathers the functions of one generated module.

    Args:
        name: of the module.
        wide: whether vectors of 512 bits are wanted.
        text: writes the LLVM text of a lowered function's module.
    """
    return Collector(cpu_target.target_context.codegen(), name, wide, text)


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


class Collector(codegen.CPUCodeLibrary):
    """Gathers the LLVM text of all functions; nothing is optimised or loaded one by one."""

    def __init__(self, owner: Any, name: str, wide: bool, text: Callable[[Any], str]) -> None:
        codegen.CPUCodeLibrary.__init__(self, owner, name)
        self._wide, self._text = wide, text

    def add_ir_module(self, ir_module: Any) -> None:
        """Link one function's module into the whole."""
        for function in ir_module.functions:
            if function.blocks:
                mark(function, wide=self._wide)
        module = llvm.parse_assembly(self._text(ir_module))
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


@contextmanager
def settled() -> Generator[None]:
    """Let Numba look for functions registered since it last did now, and not at each call.

    What typing registers (a call of `min` does) is still looked for before lowering.
    """
    typing: Any = cpu_target.typing_context
    cpu_target.target_context.refresh()  # and the typing context with it
    typing.refresh = _nothing
    try:
        yield
    finally:
        del typing.refresh


def _nothing() -> None:
    """Stand for a search that finds nothing."""


def lower(kernel: Kernel, library: Collector, module: ModuleType) -> Any:
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


def forget(kernels: list[Kernel]) -> None:
    """Let Numba drop what `lower` made callable."""
    for kernel in kernels:
        cpu_target.target_context._defns.pop(kernel, None)
