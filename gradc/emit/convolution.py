"""A convolution -> the text of its kernel: loops over places, window and channels."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.emit.arguments import CODES
from gradc.emit.expression import literal
from gradc.emit.writer import Writer
from gradc.ir.dtype import DType
from gradc.schedule.convolutions import Convolution, Seen

PLACES, WINDOW = ("p", "q", "r"), ("i", "j", "k")


class Text:
    """What the loops of a convolution read and write.

    Attributes:
        places, window: names of the loops over p and k.
        x, w, y: what stands in the brackets of each array.
    """

    def __init__(self, work: Convolution) -> None:
        n = len(work.window)
        self.work = work
        self.places, self.window = PLACES[:n], WINDOW[:n]
        at = zip(self.places, self.window, work.stride, work.dilation, strict=True)
        position = tuple(_sum(*one) for one in at)
        self.x = self.subscript(work.left, ("n", *position, "g", "c"))
        self.w = self.subscript(work.right, (*self.window, "g", "c", "o"))
        self.y = ", ".join(n for n in ("n", *self.places, "g", "o") if n != "g" or work.grouped)

    def subscript(self, seen: Seen, index: Sequence[str]) -> str:
        """Return an index of an operand in the order of its memory."""
        there = sorted(range(len(index)), key=lambda i: seen.axes[i])
        return ", ".join(index[i] for i in there if self.work.grouped or index[i] != "g")


def convolution_kernel(name: str, work: Convolution, dtype: DType, used: set[str]) -> str:
    """Return the kernel's text, arguments x, w and y in the order that memory has them."""
    text = Text(work)
    writer = Writer()
    axes = ",".join(":" * (len(work.window) + 2 + work.grouped))
    writer.quote("@kernel", ", ".join([f"{CODES[dtype]}[{axes}]"] * 3))
    with writer.block(f"def {name}(x, w, y):"):
        writer.line(f"# y[{text.y}] = sum over {', '.join((*text.window, 'c'))} of")
        writer.line(f"#     x[{text.x}] * w[{text.w}]")
        outside = [("n", work.samples), *zip(text.places, work.places, strict=True)]
        outside += [("g", work.groups)] * work.grouped
        inside = [*zip(text.window, work.window, strict=True), ("c", work.inner)]
        _open(writer, outside)
        writer.line(f"for o in range({work.outer}):")
        writer.line(f"    y[{text.y}] = {literal(0, dtype, used)[0]}")
        _open(writer, inside)
        writer.line(f"factor = x[{text.x}]")
        writer.line(f"for o in range({work.outer}):")
        writer.line(f"    y[{text.y}] += factor * w[{text.w}]")
    return str(writer)


def _open(writer: Writer, loops: Sequence[tuple[str, int]]) -> None:
    """Write the heads of loops inside each other."""
    for axis, size in loops:
        writer.line(f"for {axis} in range({size}):")
        writer.depth += 1


def _sum(place: str, tap: str, stride: int, dilation: int) -> str:
    """Return `stride * place + dilation * tap`."""
    left = place if stride == 1 else f"{stride} * {place}"
    return f"{left} + {tap if dilation == 1 else f'{dilation} * {tap}'}"
