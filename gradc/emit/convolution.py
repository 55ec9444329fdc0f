"""A convolution -> the text of its kernel: loops around a tile of sums in registers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from gradc.emit.arguments import CODES
from gradc.emit.expression import literal
from gradc.emit.writer import Writer
from gradc.ir.dtype import DType
from gradc.schedule.convolutions import Convolution, Seen
from gradc.schedule.tiles import Tiles

Loop = tuple[str, str]  # the variable, and what it runs over
Ranges = dict[str, str]


@dataclass(frozen=True, slots=True)
class Text:
    """The subscripts of a convolution's arrays, in the order of their memory.

    Args:
        work: the convolution.
        at: what stands for an axis; its name where there is no entry.
    """

    work: Convolution
    at: dict[str, str]

    def axis(self, name: str) -> str:
        """Return what stands for an axis."""
        return self.at.get(name, name)

    @property
    def x(self) -> str:
        """The place in x."""
        work = self.work
        pairs = zip(
            self._scaled(work.places_names, work.stride),
            self._scaled(work.window_names, work.dilation),
            strict=True,
        )
        turn = -1 if work.sums_samples else 1
        position = [_sum(*pair[::turn]) for pair in pairs]
        return self._there(work.left, (work.sample_name, *position, "g", work.inner_name))

    @property
    def w(self) -> str:
        """The place in w."""
        work = self.work
        return self._there(work.right, (*work.window_names, "g", work.inner_name, "o"))

    @property
    def y(self) -> str:
        """The place in y."""
        work = self.work
        order = (work.sample_name, *work.places_names, *("g",) * work.grouped, "o")
        return ", ".join(map(self.axis, order))

    def _scaled(self, names: Sequence[str], factors: Sequence[int]) -> list[str]:
        """Return each axis times its factor."""
        found: list[str] = []
        for name, factor in zip(names, factors, strict=True):
            place = self.axis(name)
            found.append(place if factor == 1 or place == "0" else f"{factor} * {place}")
        return found

    def _there(self, seen: Seen, index: Sequence[str]) -> str:
        """Return an index of an operand in the order of its memory."""
        there = sorted(range(len(index)), key=lambda i: seen.axes[i])
        kept = [index[i] for i in there if self.work.grouped or index[i] != "g"]
        return ", ".join(map(self.axis, kept))


def _sum(left: str, right: str) -> str:
    """Return the sum of two terms without zeros."""
    terms = [t for t in (left, right) if t != "0"]
    return " + ".join(terms) or "0"


def convolution_kernel(
    name: str, work: Convolution, dtype: DType, tiles: Tiles | None, used: set[str], rows: str = ""
) -> str:
    """Return the kernel's text, arguments x, w and y in the order that memory has them.

    With `rows` it takes the samples n that it is to compute, or to sum over.
    """
    writer = Writer()
    axes = ",".join(":" * (len(work.window) + 2 + work.grouped))
    mine = [rows] if rows else []
    writer.quote("@kernel", ", ".join([*[f"{CODES[dtype]}[{axes}]"] * 3, *mine]))
    text = Text(work, {})
    x, w, y = arrays(work)
    ranges = _ranges(work)
    ranges["n"] = rows or ranges["n"]
    with writer.block(f"def {name}({', '.join((x, w, y, *mine))}):"):
        summed = sorted((work.inner_name, *work.window_names), key="nijkpqrc".index)
        writer.line(f"# {y}[{text.y}] = sum over {', '.join(summed)} of")
        writer.line(f"#     {x}[{text.x}] * {w}[{text.w}]")
        if tiles is None:
            _plain(writer, work, dtype, used, ranges)
        elif work.sums_samples:
            _weights(writer, work, dtype, tiles, used, ranges)
        else:
            _places(writer, work, dtype, tiles, used, ranges)
    return str(writer)


def arrays(work: Convolution) -> tuple[str, str, str]:
    """Return the names of the arguments."""
    return ("x", "y_bar", "w_bar") if work.sums_samples else ("x", "w", "y")


def axis_sizes(work: Convolution) -> dict[str, int]:
    """Return the size of each axis."""
    return {
        work.sample_name: work.samples,
        work.inner_name: work.inner,
        "g": work.groups,
        "o": work.outer,
        **dict(zip(work.places_names, work.places, strict=True)),
        **dict(zip(work.window_names, work.window, strict=True)),
    }


def _ranges(work: Convolution) -> Ranges:
    """Return what each axis runs over."""
    return {name: f"range({size})" for name, size in axis_sizes(work).items()}


def _plain(writer: Writer, work: Convolution, dtype: DType, used: set[str], ranges: Ranges) -> None:
    """Write loops that add one product at a time; the innermost one becomes vector code."""
    text = Text(work, {})
    x, w, y = arrays(work)
    group = ("g",) if work.grouped else ()
    outside = (work.sample_name, *work.places_names)
    inside = (*work.window_names, work.inner_name)
    if work.sums_samples:
        inside = (inside[-1], *inside[:-1])
    lanes = ("o", "g") if work.depthwise else ("o",)
    outside = outside if work.depthwise else (*outside, *group)
    _open(writer, [(a, ranges[a]) for a in outside])
    depth = writer.depth
    _open(writer, [(a, ranges[a]) for a in lanes])
    writer.line(f"{y}[{text.y}] = {literal(0, dtype, used)[0]}")
    writer.depth = depth
    _open(writer, [(a, ranges[a]) for a in inside])
    if not work.depthwise:
        writer.line(f"factor = {x}[{text.x}]")
    factor = f"{x}[{text.x}]" if work.depthwise else "factor"
    _open(writer, [(a, ranges[a]) for a in lanes])
    writer.line(f"{y}[{text.y}] += {factor} * {w}[{text.w}]")


def _places(
    writer: Writer,
    work: Convolution,
    dtype: DType,
    tiles: Tiles,
    used: set[str],
    ranges: Ranges,
) -> None:
    """Write loops over tiles of places and channels; a last tile that would stick out overlaps."""
    x, w, y = arrays(work)
    at: dict[str, str] = {}
    for axis, cut in tiles.cuts.items():
        if cut.size == cut.extent:
            at[axis] = "0"
            continue
        ranges[axis] = f"range(0, {cut.extent}, {cut.size})"
        if cut.extent % cut.size:
            ranges[axis] = f"tiled({cut.extent}, {cut.size})"
            used.add("tiled")
    text = Text(work, at)
    tile = _tile(dtype, [cut.size for cut in tiles.rows], tiles.lanes.size, used)
    _steps(writer, text, tiles)
    for axis in ("n", *("g",) * work.grouped, "o", *work.places_names):
        if axis not in at:
            writer.line(f"for {axis} in {ranges[axis]}:")
            writer.depth += 1
    depth = writer.depth
    writer.line(f"tile = {tile}")
    _open(writer, [(a, ranges[a]) for a in (*work.window_names, "c")])
    used.update(("multiply_add", "store_tile"))
    writer.call("multiply_add", ["tile", x, f"({text.x})", "x_step", w, f"({text.w})"], "tile = ")
    writer.depth = depth
    writer.line(f"store_tile(tile, {y}, ({text.y}), y_step)")


def _weights(
    writer: Writer,
    work: Convolution,
    dtype: DType,
    tiles: Tiles,
    used: set[str],
    ranges: Ranges,
) -> None:
    """Write loops that add what each sample gives, while its part of x and y_bar is in cache."""
    x, w, y = arrays(work)
    _steps(writer, Text(work, {}), tiles)
    depth = writer.depth
    order = (work.sample_name, *work.places_names, *("g",) * work.grouped)
    _open(writer, [(a, ranges[a]) for a in (*order, "o")])
    writer.line(f"{y}[{Text(work, {}).y}] = {literal(0, dtype, used)[0]}")
    writer.depth = depth
    _open(writer, [("n", ranges["n"])])
    used.update(("multiply_add", "load_tile", "store_tile"))
    top = writer.depth
    cuts = tiles.cuts
    for parts in product(*(cut.parts() for cut in cuts.values())):
        writer.depth = top
        at: dict[str, str] = {}
        for (begin, end, size), axis in zip(parts, cuts, strict=True):
            if end - begin == size:
                at[axis] = str(begin)
            else:
                ranges[axis] = f"range({begin}, {end}, {size})"
        sizes = dict(zip(cuts, (part[2] for part in parts), strict=True))
        text = Text(work, at)
        tile = _tile(dtype, [sizes[cut.axis] for cut in tiles.rows], sizes["o"], used)
        outside = [*("g",) * work.grouped, *work.places_names, work.sample_name, "o"]
        _open(writer, [(a, ranges[a]) for a in outside if a not in at])
        inner = writer.depth
        writer.line(f"tile = load_tile({tile}, {y}, ({text.y}), y_step)")
        _open(writer, [(a, ranges[a]) for a in work.window_names])
        writer.call(
            "multiply_add", ["tile", x, f"({text.x})", "x_step", w, f"({text.w})"], "tile = "
        )
        writer.depth = inner
        writer.line(f"store_tile(tile, {y}, ({text.y}), y_step)")


def _tile(dtype: DType, rows: Sequence[int], lanes: int, used: set[str]) -> str:
    """Return a tile of zeros."""
    name = f"tile_{CODES[dtype]}"
    used.add(name)
    return f"{name}({', '.join(map(str, (*rows, lanes)))})"


def _steps(writer: Writer, text: Text, tiles: Tiles) -> None:
    """Write how far the next row of a tile lies in x and y."""
    work = text.work
    named = " x ".join(f"{cut.size} {cut.axis}" for cut in (*tiles.rows, tiles.lanes))
    writer.line(f"# in tiles of {named}")
    in_x: list[str] = []
    in_y: list[str] = []
    for cut in tiles.rows:
        steps = dict(zip(work.places_names, work.stride, strict=True))
        x_axes = [work.sample_name, *work.places_names, "g", work.inner_name]
        there = sorted(range(len(x_axes)), key=lambda i: work.left.axes[i])
        names = [x_axes[i] for i in there if work.grouped or x_axes[i] != "g"]
        in_x.append(_unit(names, cut.axis, steps.get(cut.axis, 1)))
        y_axes = [work.sample_name, *work.places_names, *("g",) * work.grouped, "o"]
        in_y.append(_unit(y_axes, cut.axis, 1))
    writer.line(f"x_step = {_one_or_more(in_x)}")
    writer.line(f"y_step = {_one_or_more(in_y)}")


def _unit(names: Sequence[str], axis: str, step: int) -> str:
    """Return an index that is a step along one axis."""
    return f"({', '.join(str(step if name == axis else 0) for name in names)})"


def _one_or_more(steps: Sequence[str]) -> str:
    return steps[0] if len(steps) == 1 else f"({', '.join(steps)})"


def _open(writer: Writer, loops: Sequence[Loop]) -> None:
    """Write the heads of loops inside each other."""
    for axis, over in loops:
        writer.line(f"for {axis} in {over}:")
        writer.depth += 1
