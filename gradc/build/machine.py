"""The processor that code is made for, and machine code -> an address to call."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING

from gradc import store
from gradc.config import cache_directory
from gradc.errors import BuildError, CacheError
from gradc.runtime.code_model import code_model
from gradc.runtime.installed import installed_version
from gradc.runtime.loaded import loaded

if TYPE_CHECKING:
    from gradc.build.optimiser import Goal

SYMBOL = "gradc_step"
_BOOT, _PROCESSOR = "/proc/sys/kernel/random/boot_id", "/proc/cpuinfo"
_SIGNS = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags")


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
        # imported here, as LLVM below: a warm start does without
        from gradc.build.optimiser import Goal

        return Goal(self.triple, self.cpu, self.features, *code_model(self.triple))


@cache
def host() -> Machine:
    """Return this computer's processor; the store knows it where it was asked for since the boot.

    Asking LLVM takes longer, and more memory, than the rest of a start.
    """
    signs = _signs()
    if not signs:
        return _asked()
    try:
        directory = store.opened(cache_directory())
    except CacheError:
        return _asked()
    told = ("host", installed_version("llvmlite"), signs)
    key = hashlib.sha256("\0".join(told).encode()).hexdigest()
    match store.read_note(directory, key):
        case {"triple": str(triple), "cpu": str(cpu), "features": str(features)}:
            return Machine(triple, cpu, features)
        case _:
            found = _asked()
            store.write_note(directory, key, asdict(found))
            return found


def _asked() -> Machine:
    """Return what LLVM says of this processor."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    return Machine(llvm.get_process_triple(), llvm.get_host_cpu_name(), features)


def _signs() -> str:
    """Return what tells this computer's processor, since its last start; "" where nothing does."""
    try:
        with open(_BOOT) as file:
            boot = file.read()
        with open(_PROCESSOR) as file:
            first = file.read(1 << 14).partition("\n\n")[0]
    except OSError:
        return ""
    lines = [line for line in first.splitlines() if line.partition("\t")[0].strip() in _SIGNS]
    return "\n".join((boot, *lines)) if boot and lines else ""


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
        objects: list[bytes] = []
        begin = 0
        for size in parts or (len(code),):
            objects.append(code[begin : begin + size])
            begin += size
        self._loaded = loaded(objects, externals)
        self.address = self.function(symbol) if symbol else 0

    def function(self, symbol: str) -> int:
        """Return the address of a function of the object file."""
        address = self._loaded.address(symbol)
        if not address:
            raise BuildError(f"build: the object file has no function {symbol}")
        return address
