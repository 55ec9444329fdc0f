"""Who does which position of a nest: how its loops, first values and stores are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gradc.emit.arguments import Arguments
from gradc.schedule.loops import Loop, Store

if TYPE_CHECKING:
    from gradc.emit.kernel import Body


class Frame(Protocol):
    """A way to share out the positions of a nest.

    Attributes:
        extra: arguments of the kernel besides arrays and numbers.
    """

    @property
    def extra(self) -> tuple[str, ...]:
        """Arguments of the kernel besides arrays and numbers."""
        ...

    def signature(self, given: Arguments) -> str:
        """Return the text of the kernel's decorator."""
        ...

    def facts(self, given: Arguments) -> str:
        """Return what else the decorator is told: `, overlap=True`."""
        ...

    def number(self, name: str) -> str:
        """Return how an argument of one element is read."""
        ...

    @property
    def sweeping(self) -> str:
        """Why sweeps over a row are cheap."""
        ...

    def write(self, body: Body) -> None:
        """Write a whole nest."""
        ...

    def loop(self, body: Body, loop: Loop) -> None:
        """Write a loop."""
        ...

    def clear(self, body: Body, store: Store) -> None:
        """Give an accumulator array its first values."""
        ...

    def store(self, body: Body, store: Store) -> None:
        """Write a store."""
        ...
