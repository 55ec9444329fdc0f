"""The processor's vector registers, which tiles must fit into."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Registers:
    """Vector registers.

    Args:
        count: how many there are.
        bytes: size of each.
    """

    count: int
    bytes: int

    def rows(self, vectors: int) -> int:
        """Return how many rows of so many registers fit, beside one factor and one more row."""
        return max((self.count - vectors - 1) // vectors, 1)


@cache
def host_registers() -> Registers:
    """Return this computer's vector registers."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    # the same test as for the width that the build asks for
    if features.get("avx512vbmi2"):
        return Registers(32, 64)
    if features.get("avx2") and features.get("fma"):
        return Registers(16, 32)
    return Registers(32 if features.get("neon") else 16, 16)
