"""Attention, or its adjoint -> the text of its kernel: some queries and keys at a time."""

from __future__ import annotations

from collections.abc import Iterator

from gradc.emit.arguments import CODES
from gradc.emit.expression import literal
from gradc.emit.writer import Writer
from gradc.ir.dtype import DType
from gradc.schedule.attention import Attention, AttentionTiles
from gradc.schedule.convolutions import Seen

NAMES = ("q", "k", "v", "out_bar", "log_sum", "delta")
WORDS = (
    "exp load_tile log maximum minimum pack_t panel_f32 panel_f64 store_tile tile_f32 tile_f64 "
    "tile_matmul tile_t_matmul"
).split()
AXES = ("n", ":", "h", ":")


def arrays(work: Attention) -> tuple[str, ...]:
    """Return the names of the arguments: operands, then results."""
    given = NAMES if work.adjoint else NAMES[:3]
    mask = ("mask",) if work.masked else ()
    if work.adjoint:
        return (*given, *mask, *("kept",) * work.keeps, "q_bar", "k_bar", "v_bar")
    return (*given, *mask, "out", "log_sum", *("kept",) * work.keeps)


def attention_kernel(
    name: str,
    work: Attention,
    dtype: DType,
    tiles: AttentionTiles,
    codes: tuple[str, ...],
    used: set[str],
    rows: str = "",
) -> str:
    """Return the kernel's text.

    Args:
        name: of the function.
        work: what it computes.
        dtype: of the operands.
        tiles: what is held in registers.
        codes: the declared type of each argument.
        used: takes the words of the runtime that it needs.
        rows: the argument that says which samples and heads to do; all where it is "".
    """
    writer = Writer()
    mine = [rows] if rows else []
    writer.quote("@kernel", ", ".join([*codes, *mine]))
    writer.call(f"def {name}", [*arrays(work), *mine], after=":")
    writer.depth = 1
    text = _Text(work, dtype, tiles, writer, used)
    text.head(rows)
    if work.adjoint:
        text.adjoint()
    else:
        text.forward()
    used.add("kernel")
    used.update(word for word in WORDS if f"{word}(" in str(writer))
    return str(writer)


class _Text:
    """Writes the body of one kernel."""

    def __init__(
        self, work: Attention, dtype: DType, tiles: AttentionTiles, writer: Writer, used: set[str]
    ) -> None:
        self.work, self.tiles, self.writer = work, tiles, writer
        self.code, self.dtype, self.used = CODES[dtype], dtype, used
        self.zero, self.one = self.number(0), self.number(1)
        self.scale = self.number(work.scale)
        self.least = self.number(float("-inf"))
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
        for name, size in panels.items():
            writer.line(f"{name} = panel_{self.code}({size}, {self.lanes})")
        self.open(f"for unit in {rows or f'range({work.units})'}:")
        writer.line(f"n = unit // {work.heads}")
        writer.line(f"h = unit % {work.heads}")
        names = NAMES[:4] if work.adjoint else NAMES[:3]
        for name, seen_as in zip(names, work.operands, strict=False):
            writer.line(f"{name}_h = {name}[{_slice(seen_as)}]")
        for name in ("q_bar", "k_bar", "v_bar") if work.adjoint else ("out",):
            writer.line(f"{name}_h = {name}[n, :, h]")
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

    def each_score(self, *lines: str) -> None:
        """Write lines for each key j and each query m of the lanes."""
        keys = f"start, {self.last}" if self.several else self.last
        with self.writer.block(f"for j in range({keys}):"):
            self.each_lane(*lines)

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
        if work.causal:
            lines.append(f"score = score if j <= i + m else {self.least}")
        return lines

    def forward(self) -> None:
        """Write the softmax of each row of scores, and its product with the values."""
        work, writer = self.work, self.writer
        self.queries()
        writer.line(f"pack_t(queries, q_h, (i, 0), {work.features}, {self.lanes})")
        self.each_lane(f"largest[0, m] = {self.least}", f"total[0, m] = {self.zero}")
        top = writer.depth
        self.keys()
        self.scores("k_h", "queries", work.features, "weights", self.at_score)
        if self.several:
            self.each_lane("before[0, m] = largest[0, m]")
        self.each_score(
            *self.visible(),
            f"{self.score} = score",
            "largest[0, m] = maximum(largest[0, m], score)",
        )
        shift = "shift[0, m]" if self.several else "largest[0, m]"
        self.each_lane(
            f"empty = largest[0, m] == {self.least}",
            f"{shift} = {self.zero} if empty else largest[0, m]",
            *(self.rescale() if self.several else ()),
        )
        self.each_score(
            f"weight = exp({self.score} - {shift})",
            f"{self.score} = weight",
            "total[0, m] += weight",
        )
        if self.several:
            self.add_up()
            writer.depth = top
        self.each_lane(
            f"sum_m = {self.one} if total[0, m] == {self.zero} else total[0, m]",
            f"log_sum[n, i + m, h] = {shift} + log(sum_m)",
            f"total[0, m] = {self.one} / sum_m",
        )
        if self.several:
            with writer.block(f"for m in range({self.lanes}):"):
                with writer.block(f"for e in range({work.outputs}):"):
                    writer.line("out_h[i + m, e] *= total[0, m]")
            return
        self.each_score(f"{self.score} *= total[0, m]")
        if work.keeps and work.causal:
            with writer.block(f"for j in range({self.seen}, {work.keys}):"):
                self.each_lane(f"{self.score} = {self.zero}")
        self.add_up()

    def rescale(self) -> tuple[str, ...]:
        """Return the lines that shrink what was summed by the growth of the largest score."""
        return (
            "factor = exp(before[0, m] - shift[0, m])",
            f"factor = {self.zero} if before[0, m] == {self.least} else factor",
            "before[0, m] = factor",
            "total[0, m] *= factor",
        )

    def add_up(self) -> None:
        """Write out = weights.T @ v, added to what it was where keys come in several blocks."""
        writer, work = self.writer, self.work
        if self.several:
            with writer.block("if start > 0:"):
                with writer.block(f"for m in range({self.lanes}):"):
                    with writer.block(f"for e in range({work.outputs}):"):
                        writer.line("out_h[i + m, e] *= before[0, m]")
        self.by_queries("weights", "v_h", "out_h", "e", work.outputs, kept=work.keeps)

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

    def adjoint(self) -> None:
        """Write the adjoints of q, k and v, from one block of scores after the other."""
        work, writer = self.work, self.writer
        with writer.block(f"for j in range({work.keys}):"):
            for name, size in (("k_bar_h", work.features), ("v_bar_h", work.outputs)):
                with writer.block(f"for e in range({size}):"):
                    writer.line(f"{name}[j, e] = {self.zero}")
        self.queries()
        if not work.keeps:
            writer.line(f"pack_t(queries, q_h, (i, 0), {work.features}, {self.lanes})")
        writer.line(f"pack_t(rows_bar, out_bar_h, (i, 0), {work.outputs}, {self.lanes})")
        self.each_lane("shift[0, m] = log_sum[n, i + m, h]", "shift[1, m] = delta[n, i + m, h]")
        self.keys()
        if not work.keeps:
            self.scores("k_h", "queries", work.features, "weights", self.at_score)
        at = self.at_score[0]
        self.scores("v_h", "rows_bar", work.outputs, "scores_bar", (at, "0"))
        bar = f"scores_bar[{at}, m]"
        lines = [f"weight = {self.score}"]
        if not work.keeps:
            again = "weight = exp(score - shift[0, m])"
            lines = [*self.visible(), again, f"{self.score} = weight"]
        lines.append(f"change = weight * {self.scale} * ({bar} - shift[1, m])")
        hidden = f" if j <= i + m else {self.zero}" if work.causal else ""
        self.each_score(*lines, f"{bar} = change{hidden}")
        self.by_queries("scores_bar", "k_h", "q_bar_h", "d", work.features, kept=False)
        self.by_keys("weights", "out_bar_h", "v_bar_h", "e", work.outputs, kept=work.keeps)
        self.by_keys("scores_bar", "q_h", "k_bar_h", "d", work.features, kept=False)

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
