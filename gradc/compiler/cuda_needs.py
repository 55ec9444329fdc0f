"""What a program needs of a device's memory, and the error where there is less."""

from __future__ import annotations

from dataclasses import dataclass

from gradc.devices.statistics import memory_text
from gradc.errors import OutOfMemoryError


@dataclass(frozen=True, slots=True)
class Needs:
    """The memory of a program on its device, in bytes.

    Attributes:
        temporaries: the arena.
        arguments: copies of small arguments.
        state: parameters, buffers, what an optimizer keeps.
        results: outputs of one call, `.grad`s and what a backward pass reads among them.
    """

    temporaries: int
    arguments: int
    state: int
    results: int

    def __str__(self) -> str:
        parts = ("temporaries", "arguments", "state", "results")
        total = memory_text(sum(getattr(self, part) for part in parts))
        return f"{total}: " + ", ".join(f"{p} {memory_text(getattr(self, p))}" for p in parts)


def lacking(error: OutOfMemoryError, name: str, needs: Needs) -> OutOfMemoryError:
    """Return the error of an allocation with what the whole program needs."""
    return OutOfMemoryError(f"{error.message}; {name} needs {needs}", hint=error.hint)
