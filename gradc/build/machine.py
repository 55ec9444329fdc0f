"""The processor that code is made for, and machine code -> an address to call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import llvmlite.binding as llvm

from gradc.build.optimiser import Goal
from gradc.errors import BuildError
from gradc.runtime.code_model import code_model

SYMBOL = "gradc_step"


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor as LLVM names it."""

    triple: str
    cpu: str
    features: str

    @property
    def wide_vectors(self) -> bool:
        """Whether 512-bit vectors pay: from Ice Lake and Zen 4 on they don't slow the clock."""
        return "+avx512vbmi2" in self.features.split(",")

    @property
    def goal(self) -> Goal:
        """What the optimiser is told of it."""
        return Goal(self.triple, self.cpu, self.features, *code_model(self.triple))

    def target_machine(self) -> Any:
        """Return LLVM's code generator for this processor."""
        target = llvm.Target.from_triple(self.triple)
        reloc, model = code_model(self.triple)
        return target.create_target_machine(
            cpu=self.cpu, features=self.features, opt=3, reloc=reloc, codemodel=model
        )


@cache
def host() -> Machine:
    """Return this computer's processor."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    return Machine(llvm.get_process_triple(), llvm.get_host_cpu_name(), features)


class Code:
    """Loaded machine code; its memory lives as long as this object."""

    def __init__(
        self,
        code: bytes,
        externals: Sequence[str],
        symbol: str = SYMBOL,
        parts: Sequence[int] = (),
    ) -> None:
        """Load object files that call each other and these outside functions.

        Args:
            code: the object files, one after the other.
            externals: names of the functions that they call.
            symbol: the function that `address` is the address of; "" for none.
            parts: the bytes of each object file; empty for a single one.
        """
        target = host().target_machine()
        # NOTE: LLVM ends the process when a name can't be resolved, so ask first.
        missing = [name for name in externals if llvm.address_of_symbol(name) is None]
        if missing:
            raise BuildError(f"build: the compiled step calls unknown functions: {missing}")
        empty = llvm.parse_assembly(f'target triple = "{host().triple}"')
        self._engine = llvm.create_mcjit_compiler(empty, target)
        begin = 0
        for size in parts or (len(code),):
            part = code[begin : begin + size]
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(part))
            begin += size
        self._engine.finalize_object()
        self.address = self.function(symbol) if symbol else 0

    def function(self, symbol: str) -> int:
        """Return the address of a function of the object file."""
        address: int = self._engine.get_function_address(symbol)
        if not address:
            raise BuildError(f"build: the object file has no function {symbol}")
        return address
