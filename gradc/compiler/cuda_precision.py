"""The precision that is set -> how a program's tiles multiply, and a check that it is still set."""

from __future__ import annotations

from dataclasses import dataclass

from gradc.build.key import EMULATED
from gradc.devices.precision import PRECISION
from gradc.schedule.arithmetic import Arithmetic

FIRST = 80  # of the architectures with tensor cores for TF32


def arithmetic_for(arch: str) -> Arithmetic:
    """Return how tiles multiply on an architecture, at the precision that is set now."""
    return Arithmetic(PRECISION.name, arch == EMULATED or int(arch.removeprefix("sm_")) >= FIRST)


@dataclass(frozen=True, slots=True, eq=False)
class PrecisionGuard:
    """Whether the precision is the one that a program was made for."""

    before: str
    name: str = "the precision of float32 products"

    def __call__(self) -> bool:
        """Return whether it is."""
        return PRECISION.name == self.before
