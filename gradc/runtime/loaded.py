"""Object files -> addresses of their functions in this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from gradc.errors import BuildError
from gradc.runtime import elf
from gradc.runtime.code_model import code_model


class Loaded(Protocol):
    """Machine code that lives as long as this object."""

    def address(self, symbol: str) -> int:
        """Return where a function or a variable is; 0 where there is none of the name."""
        ...


def loaded(objects: Sequence[bytes], externals: Sequence[str]) -> Loaded:
    """Return object files that call each other, and these functions of the process.

    Raises:
        BuildError: one of these functions is nowhere.
    """
    if elf.supported():
        try:
            return elf.Image(objects)
        except (elf.Unreadable, OSError):
            pass  # LLVM reads all that it writes, and may get memory elsewhere
    return _Engine(objects, externals)


class _Engine:
    """Object files that LLVM has loaded."""

    def __init__(self, objects: Sequence[bytes], externals: Sequence[str]) -> None:
        # imported here: where it isn't needed, a start is faster and a process smaller
        import llvmlite.binding as llvm

        target = generator(0)
        empty = llvm.parse_assembly(f'target triple = "{target.triple}"')
        # with its first engine LLVM comes to know the functions of the process
        self._engine: Any = llvm.create_mcjit_compiler(empty, target)
        # NOTE: LLVM ends the process when a name can't be resolved, so ask first.
        missing = [name for name in externals if llvm.address_of_symbol(name) is None]
        if missing:
            raise BuildError(f"build: the compiled step calls unknown functions: {missing}")
        for code in objects:
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def address(self, symbol: str) -> int:
        """Return where a function or a variable is; 0 where there is none of the name."""
        return self._engine.get_global_value_address(symbol)


def generator(opt: int) -> Any:
    """Return LLVM's code generator for any processor like this one."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    triple = llvm.get_process_triple()
    reloc, model = code_model(triple)
    return llvm.Target.from_triple(triple).create_target_machine(
        opt=opt, reloc=reloc, codemodel=model
    )
