"""The blocks that attention kernels are made of: tiles of scores, loops over queries and keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradc.emit.arguments import CODES
from gradc.emit.expression import literal
from gradc.emit.writer import Writer
from gradc.ir.dtype import DType
from gradc.schedule.attention import Attention, AttentionTiles
from gradc.schedule.convolutions import Seen

NAMES = ("q", "k", "v", "out_bar", "log_sum", "delta")
AXES = ("n", ":", "h", ":")


class Blocks:
    """Writes the parts of one kernel."""

    def __init__(
        self, work: Attention, dtype: DType, tiles: AttentionTiles, writer: Writer, used: set[str]
    ) -> None:
        self.work, self.tiles, self.writer = work, tiles, writer
        self.code, self.dtype, self.used = CODES[dtype], dtype, used
        self.zero, self.one = self.number(0), self.number(1)
        self.scale = self.number(work.scale)
        self.least, self.most = self.number(float("-inf")), self.number(float("inf"))
        self.lanes = tiles.lanes
        self.whole = work.queries % self.lanes == 0
        self.several = work.keys > tiles.keys
        self.first = "i" if self.whole else "begin"
        at = "j - start" if self.several else "j"
        self.at_score = (at, "i" if work.keeps else "0")
        self.score = f"weights[{at}, {'i + m' if work.keeps else 'm'}]"

    def number(self, value: float) -> str:
        """Return a number as text."""
        return literal(value, self.dtype, self.used)[0]

    def head(self, rows: str) -> None:
        """Write what stands before the loops over queries."""
        work, writer = self.work, self.writer
        seen = " for j <= i" if work.causal else ""
        shift = " + mask[n, h, i, j]" if work.masked else ""
        kind = self.scale
        writer.comment(f"weights[j, i] = e^({kind} * q[i] . k[j]{shift} - log_sum[i]){seen}")
        if work.adjoint:
            writer.comment("scores_bar[j, i] = weights[j, i] * (out_bar[i] . v[j] - delta[i])")
            writer.comment("v_bar = weights @ out_bar; k_bar, q_bar from scores_bar likewise")
        else:
            writer.comment("out[i] = sum over j of weights[j, i] * v[j]")
        keys = min(work.keys, self.tiles.keys)
        panels = {"queries": work.features} if not (work.adjoint and work.keeps) else {}
        if work.adjoint:
            panels |= {"rows_bar": work.outputs, "scores_bar": keys, "shift": 2}
        else:
            panels |= {"largest": 1, "total": 1}
            panels |= {"shift": 1, "before": 1} if self.several else {}
        if not work.keeps:
            panels["weights"] = keys
        limited = work.causal and not (work.adjoint and work.keeps)
        if limited:
            panels["limits"] = self.lanes + self.tiles.rows - 1
        for name, size in panels.items():
            writer.line(f"{name} = panel_{self.code}({size}, {self.lanes})")
        if limited:
            with writer.block(f"for j in range({panels['limits']}):"):
                self.each_lane(f"limits[j, m] = {self.most} if j <= m else {self.least}")
        self.open(f"for unit in {rows or f'range({work.units})'}:")
        writer.line(f"n = unit // {work.heads}")
        writer.line(f"h = unit % {work.heads}")
        names = NAMES[:4] if work.adjoint else NAMES[:3]
        for name, seen_as in zip(names, work.operands, strict=False):
            writer.line(f"{name}_h = {name}[{_slice(seen_as)}]")
        for number, name in enumerate(("q_bar", "k_bar", "v_bar") if work.adjoint else ("out",)):
            source = f"bars[n, :, {number}, h]" if work.joined else f"{name}[n, :, h]"
            writer.line(f"{name}_h = {source}")
        if work.keeps:
            writer.line("weights = kept[n, h]")

    def open(self, head: str) -> None:
        """Write the head of a loop, and go inside."""
        self.writer.line(head)
        self.writer.depth += 1

    def each_lane(self, *lines: str) -> None:
        """Write lines for each query m of the lanes."""
        with self.writer.block(f"for m in range({self.lanes}):"):
            for line in lines:
                target, operator, value = line.partition(" = ")
                if operator:
                    self.writer.assign(target, value)
                else:
                    self.writer.line(line)

    def each_score(self, *lines: str, made: Sequence[str] = ()) -> None:
        """Write lines for each key j and each query m of the lanes.

        Lines that have `made` a score come first; a causal mask follows them where not all of the
        queries see the key.
        """
        start = "start" if self.several else "0"
        spans = [(start, self.last, (*made, *lines))]
        if made and self.work.causal:
            short = self.several or not self.whole or self.work.queries > self.work.keys
            end = f"minimum(i, {self.last})" if short else "i"
            begin = "maximum(start, i)" if self.several else "i"
            # NOTE: a hidden NaN stays hidden
            hide = ("limit = limits[j - i, m]", "score = score if score < limit else limit")
            spans = [(start, end, spans[0][2]), (begin, self.last, (*made, *hide, *lines))]
        for begin, end, body in spans:
            keys = end if begin == "0" else f"{begin}, {end}"
            with self.writer.block(f"for j in range({keys}):"):
                self.each_lane(*body)

    def queries(self) -> None:
        """Open the loop over queries, as many at a time as there are lanes."""
        work, lanes = self.work, self.lanes
        self.open(f"for {self.first} in range(0, {work.queries}, {lanes}):")
        if not self.whole:
            self.writer.line(f"i = minimum(begin, {work.queries - lanes})")
        self.seen = str(work.keys)
        if work.causal:
            self.seen = "seen"
            rows = self.tiles.rows
            last = f"i + {lanes}"
            if not self.whole or lanes % rows:
                last = f"(i + {lanes + rows - 1}) // {rows} * {rows}"
            if not self.whole or lanes % rows or work.queries > work.keys:
                last = f"minimum({last}, {work.keys})"
            self.writer.line(f"seen = {last}")
        self.last = "last" if self.several else self.seen

    def keys(self) -> None:
        """Open the loop over blocks of keys, where there are several."""
        if self.several:
            self.open(f"for start in range(0, {self.seen}, {self.tiles.keys}):")
            self.writer.line(f"last = minimum(start + {self.tiles.keys}, {self.seen})")

    def tiled_keys(self) -> Iterator[int]:
        """Open a loop over tiles of keys j; yield their height, then that of what is left over."""
        writer, keys = self.writer, self.work.keys
        for begin, end, size in self.tiles.cut("j", keys):
            depth = writer.depth
            start = "start" if self.several else str(begin)
            if end - begin == size:
                if self.several:
                    self.open(f"if start <= {begin} < last:")
                elif begin and self.work.causal:
                    self.open(f"if {begin} < {self.last}:")
                writer.line(f"j = {begin}")
            else:
                last = self.last if end == keys else str(end)
                if end != keys and (self.work.causal or self.several):
                    last = f"minimum({self.last}, {end})"
                self.open(f"for j in range({start}, {last}, {size}):")
            yield size
            writer.depth = depth

    def tile(self, rows: int, width: int, call: str, given: list[str], target: str) -> None:
        """Write a tile that is a product of parts."""
        self.writer.line(f"tile = tile_{self.code}({rows}, {width})")
        self.writer.call(call, ["tile", *given], "tile = ")
        self.writer.line(f"store_tile(tile, {target}, (1, 0))")

    def scores(self, left: str, right: str, terms: int, out: str, at: tuple[str, str]) -> None:
        """Write out[j, i] = left[j] . right[i], from rows of `left` and a panel."""
        target = f"{out}, ({', '.join(at)})"
        for rows in self.tiled_keys():
            given = [left, "(j, 0)", right, "(0, 0)", str(terms)]
            self.tile(rows, self.lanes, "tile_matmul", given, target)

    def visible(self) -> list[str]:
        """Return the lines that make a score of a sum of products."""
        work, lines = self.work, [f"score = {self.score} * {self.scale}"]
        if (mask := work.mask) is not None:
            index = ", ".join(
                "0" if size == 1 else at
                for at, size in zip(("n", "h", "i + m", "j"), mask.value.shape, strict=True)
            )
            if mask.value.dtype.is_bool:
                lines.append(f"score = score if mask[{index}] else {self.least}")
            else:
                lines.append(f"score += mask[{index}]")
        return lines

    def by_queries(
        self, left: str, right: str, out: str, axis: str, extent: int, *, kept: bool
    ) -> None:
        """Write out[i] = sum over j of left[j, i] right[j]."""
        writer, work = self.writer, self.work
        for begin, end, height in self.tiles.cut("m", self.lanes):
            depth = writer.depth
            at = str(begin)
            if end - begin > height:
                at = "m"
                self.open(f"for m in range({begin}, {end}, {height}):")
            place = "i" if at == "0" else f"i + {at}"
            last = self.last
            if work.causal:
                last = f"minimum({place} + {height}, {last})"
            count = last
            start = "0"
            if self.several:
                count, start = f"{last} - start", "start"
                if work.causal and not self.whole:
                    count = f"maximum({count}, 0)"
            for first, stop, width in self.tiles.cut(axis, extent):
                inner = writer.depth
                lane = str(first)
                if stop - first > width:
                    lane = axis
                    self.open(f"for {axis} in range({first}, {stop}, {width}):")
                writer.line(f"tile = tile_{self.code}({height}, {width})")
                target = f"{out}, ({place}, {lane}), (1, 0)"
                if self.several:
                    with writer.block("if start > 0:"):
                        writer.line(f"tile = load_tile(tile, {target})")
                given = [left, f"(0, {place if kept else at})", right, f"({start}, {lane})", count]
                writer.call("tile_t_matmul", ["tile", *given], "tile = ")
                writer.line(f"store_tile(tile, {target})")
                writer.depth = inner
            writer.depth = depth

    def by_keys(
        self, left: str, right: str, out: str, axis: str, extent: int, *, kept: bool
    ) -> None:
        """Write out[j] += sum over i of left[j, i] right[i]."""
        writer, work = self.writer, self.work
        at = self.at_score[0]
        for height in self.tiled_keys():
            first = self.first
            if work.causal:
                writer.line(f"first = maximum({first}, j)")
                first = "first"
            lane_at = first if kept else ("0" if first == "i" else f"{first} - i")
            count = str(self.lanes) if first == "i" else f"i + {self.lanes} - {first}"
            for begin, stop, width in self.tiles.cut(axis, extent):
                inner = writer.depth
                lane = str(begin)
                if stop - begin > width:
                    lane = axis
                    self.open(f"for {axis} in range({begin}, {stop}, {width}):")
                target = f"{out}, (j, {lane}), (1, 0)"
                tile = f"tile_{self.code}({height}, {width})"
                writer.call("load_tile", [tile, target], "tile = ")
                given = [left, f"({at}, {lane_at})", right, f"({first}, {lane})", count]
                writer.call("tile_matmul", ["tile", *given], "tile = ")
                writer.line(f"store_tile(tile, {target})")
                writer.depth = inner


def _slice(seen: Seen) -> str:
    """Return the index of one sample and head in the order of memory."""
    there = sorted(range(4), key=lambda a: seen.axes[a])
    index = [AXES[a] for a in there]
    return ", ".join(index).removesuffix(", :")
