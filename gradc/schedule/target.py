"""What a plan is made for."""

from __future__ import annotations

import enum


class Target(enum.Enum):
    """A kind of machine."""

    CPU = "cpu"
    CUDA = "cuda"


CPU, CUDA = Target.CPU, Target.CUDA
