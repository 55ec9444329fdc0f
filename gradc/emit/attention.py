"""Attention, or its adjoint -> the text of its kernel: some queries and keys at a time."""

from __future__ import annotations

from gradc.emit.attention_blocks import NAMES, Blocks
from gradc.emit.writer import Writer
from gradc.ir.dtype import DType
from gradc.schedule.attention import Attention, AttentionTiles

WORDS = (
    "exp load_tile log maximum minimum pack_t panel_f32 panel_f64 store_tile tile_f32 tile_f64 "
    "tile_matmul tile_t_matmul"
).split()


def arrays(work: Attention) -> tuple[str, ...]:
    """Return the names of the arguments: operands, then results."""
    given = NAMES if work.adjoint else NAMES[:3]
    mask = ("mask",) if work.masked else ()
    if work.adjoint:
        results = ("bars",) if work.joined else ("q_bar", "k_bar", "v_bar")
        return (*given, *mask, *("kept",) * work.keeps, *results)
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
    text = _Kernel(work, dtype, tiles, writer, used)
    text.head(rows)
    if work.adjoint:
        text.adjoint()
    else:
        text.forward()
    used.add("kernel")
    used.update(word for word in WORDS if f"{word}(" in str(writer))
    return str(writer)


class _Kernel(Blocks):
    """Writes the body of one kernel."""

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
        # NOTE: a NaN that the comparison leaves out comes back from its exponential
        self.each_score(
            f"{self.score} = score",
            "largest[0, m] = score if score > largest[0, m] else largest[0, m]",
            made=self.visible(),
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
        made: list[str] = []
        lines = [f"weight = {self.score}"]
        if not work.keeps:
            made = self.visible()
            lines = ["weight = exp(score - shift[0, m])", f"{self.score} = weight"]
        lines.append(f"change = weight * {self.scale} * ({bar} - shift[1, m])")
        self.each_score(*lines, f"{bar} = change", made=made)
        self.by_queries("scores_bar", "k_h", "q_bar_h", "d", work.features, kept=False)
        self.by_keys("weights", "out_bar_h", "v_bar_h", "e", work.outputs, kept=work.keeps)
        self.by_keys("scores_bar", "q_h", "k_bar_h", "d", work.features, kept=False)
