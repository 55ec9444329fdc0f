"""Text that shows itself as it is when a prompt or notebook prints its repr."""

from __future__ import annotations


class Listing(str):
    """A str whose repr is the text itself.

    Example:
        >>> Listing("x: float32[3]")
        x: float32[3]
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
