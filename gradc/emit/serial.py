"""The frame of a CPU's kernels: one thread does all positions, or its rows, in their order."""

from __future__ import annotations

from dataclasses import dataclass

from gradc.emit.arguments import Arguments
from gradc.emit.expression import subscript
from gradc.emit.kernel import Body, first_value
from gradc.schedule.loops import Loop, Store


@dataclass(frozen=True, slots=True)
class Serial:
    """All positions in order.

    Args:
        rows: what the positions of the outer axis are called that a thread computes; "" for all.
    """

    rows: str = ""

    @property
    def extra(self) -> tuple[str, ...]:
        """Return the rows, where the kernel takes them."""
        return (self.rows,) if self.rows else ()

    def signature(self, given: Arguments) -> str:
        """Return the text of the kernel's decorator."""
        return ", ".join([given.signature, *self.extra])

    def facts(self, given: Arguments) -> str:
        """Return whether an array that is written lies in the memory of another one."""
        return ", overlap=True" if given.overlap else ""

    @property
    def sweeping(self) -> str:
        """Why sweeps over a row are cheap."""
        return "while it is in cache"

    def number(self, name: str) -> str:
        """Return the name: numbers are passed as such."""
        return name

    def write(self, body: Body) -> None:
        """Write the statements as they are."""
        body.write(body.nest.body)

    def loop(self, body: Body, loop: Loop) -> None:
        """Write a loop over an axis."""
        before = set(body.visible)
        head = f"for {body.names.axes[loop.axis]} in {self._bound(body, loop.axis)}:"
        with body.writer.block(head):
            body.write(loop.body)
        body.visible = before

    def _bound(self, body: Body, axis: int) -> str:
        """Return the rows, or `range(...)` over the axis."""
        return self.rows if axis == 0 and self.rows else bound(body, axis)

    def clear(self, body: Body, store: Store) -> None:
        """Write loops over the whole array."""
        array = body.arrays[body.given.at[store.root, store.dims]]
        first = first_value(store.fold, store.root.dtype, body.used)
        depth = body.writer.depth
        for p, place in enumerate(store.index):
            axis = place.axis
            assert axis is not None
            mine = axis == 0 and self.rows
            extent = self.rows if mine else f"range({array}.shape[{p}])"
            body.writer.line(f"for {body.names.axes[axis]} in {extent}:")
            body.writer.depth += 1
        body.writer.line(f"{array}[{subscript(store.index, body.names)}] = {first}")
        body.writer.depth = depth

    def store(self, body: Body, store: Store) -> None:
        """Write a store."""
        body.store(store)


def bound(body: Body, axis: int) -> str:
    """Return `range(...)`, from the shape of an array that runs along the axis if there is one."""
    extent = body.nest.extents[axis]
    for number, array in enumerate(body.given.arrays):
        for access in body.nest.accesses:
            touched = access.touched
            if body.given.at[touched.root, touched.dims] != number:
                continue
            for p, place in enumerate(touched.index):
                if place.axis == axis and array.dims[p] == extent:
                    return f"range({body.arrays[number]}.shape[{p}])"
    return f"range({extent})"
