"""The shape of a tensor: a tuple that knows its number of elements."""

from __future__ import annotations


class Size(tuple[int, ...]):
    """Sizes of the axes, outermost first."""

    __slots__ = ()

    def numel(self) -> int:
        """Return the number of elements."""
        n = 1
        for s in self:
            n *= s
        return n

    def __repr__(self) -> str:
        return f"gradc.Size([{', '.join(map(str, self))}])"
