"""mma.sync: the lanes of a warp multiply small matrices that lie in their registers."""

from __future__ import annotations

from ptx.bits import unknown
from ptx.text import Instruction, Kernel


def step(instruction: Instruction, kernel: Kernel, variables: dict[str, int]):
    """Return the step of an mma instruction."""
    raise unknown(instruction)
