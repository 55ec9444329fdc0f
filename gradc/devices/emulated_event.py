"""A point in the work of an emulated device: everything before it is done already."""

from __future__ import annotations

import time
from typing import Any


class EmulatedEvent:
    """A point in time: all work is done when its call returns."""

    def __init__(self) -> None:
        self._recorded = 0.0

    def record(self) -> None:
        """Set the point."""
        self._recorded = time.perf_counter()

    def wait(self, device: Any = None) -> None:
        """Go on: the point is reached."""

    def synchronize(self) -> None:
        """Return: the point is reached."""

    def reached(self) -> bool:
        """Return True."""
        return True

    def milliseconds_since(self, earlier: EmulatedEvent) -> float:
        """Return the time between two records."""
        return 1e3 * (self._recorded - earlier._recorded)
