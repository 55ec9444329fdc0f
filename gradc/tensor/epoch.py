"""A counter of changes to user state: the same number twice means nothing guarded has changed."""

from __future__ import annotations


class Counter:
    """Holds the number; a class so that no module global is rebound."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


CHANGES = Counter()


def bump() -> None:
    """Say that something a compiled program may depend on has changed."""
    CHANGES.value += 1


def current() -> int:
    """Return the number of changes so far in this process."""
    return CHANGES.value
