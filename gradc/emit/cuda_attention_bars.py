"""The adjoint of attention -> the text of its CUDA kernels: one for q, one for k and v.

Each computes the weights again from the log-sum-exp of the rows, and adds up what is its own, so
that no two blocks add to the same element.
"""

from __future__ import annotations

from gradc.emit.cuda_attention_blocks import Blocks
from gradc.schedule.attention_blocks import Part, wide


class BarsKernel(Blocks):
    """Writes the adjoint of q, or those of k and v."""

    def write(self) -> None:
        """Write the body."""
        self.meaning()
        if self.part is Part.QUERIES:
            self.of_queries()
        else:
            self.of_keys()
        self.end()

    def of_queries(self) -> None:
        """Write the adjoint of q: a block has queries, and goes along the keys."""
        work, block, writer = self.work, self.block, self.writer
        writer.comment("q_bar[i] = sum over j of scores_bar[j, i] * k[j]")
        self.head()
        self.memory(
            scores_bar=(block.keys, block.queries + self.sizes.pad),
            values=(block.terms, self.sizes.width(work.features)),
            shift=(2, block.queries),
        )
        self.units()
        self.shifts()
        writer.line(f"q_sums = {self.tile}({block.queries}, {wide(work.features)})")
        top = writer.depth
        self.keys()
        self.products()
        with writer.block("for j, m, score, bar in held(scores, bars_of_weights):"):
            self.visible()
            writer.line("weight = exp(score - shift[0, m])")
            writer.assign("scores_bar[j, m]", self.change("j"))
        self.add_up("q_sums", "scores_bar", "k", work.features, "d")
        writer.depth = top
        self.results("q_sums", "m", "d", work.features, self.target("q_bar", 0, self.query, "d"))

    def of_keys(self) -> None:
        """Write the adjoints of k and v: a block has keys, and goes along the queries."""
        work, block, writer = self.work, self.block, self.writer
        writer.comment("v_bar[j] = sum over i of weights[j, i] * out_bar[i]")
        writer.comment("k_bar[j] = sum over i of scores_bar[j, i] * q[i]")
        self.head()
        pitch = block.keys + self.sizes.pad
        self.memory(
            weights=(block.queries, pitch),
            scores_bar=(block.queries, pitch),
            values=(block.terms, self.sizes.width(max(work.features, work.outputs))),
            shift=(2, block.queries),
        )
        self.units()
        for name, size in (("k_sums", work.features), ("v_sums", work.outputs)):
            writer.line(f"{name} = {self.tile}({block.keys}, {wide(size)})")
        top = writer.depth
        self.queries()
        self.shifts()
        self.products()
        with writer.block("for m, j, score, bar in held(scores, bars_of_weights):"):
            self.visible()
            writer.line("weight = exp(score - shift[0, m])")
            writer.line(f"weights[m, j] = {self.rounded('weight')}")
            writer.assign("scores_bar[m, j]", self.change("m"))
        self.add_up("v_sums", "weights", "out_bar", work.outputs, "e")
        self.add_up("k_sums", "scores_bar", "q", work.features, "d")
        writer.depth = top
        self.results("k_sums", "j", "d", work.features, self.target("k_bar", 1, self.key, "d"))
        self.results("v_sums", "j", "e", work.outputs, self.target("v_bar", 2, self.key, "e"))

    def change(self, own: str) -> str:
        """Return the adjoint of a score, 0 past the last of what is added up."""
        change = self.rounded(f"weight * {self.scale} * (bar - shift[1, m])")
        edge = self.edge(own)
        return f"{change} if {edge} else {self.zero}" if edge else change

    def products(self) -> None:
        """Write the tiles of q[i] . k[j] and out_bar[i] . v[j]."""
        self.scores("scores", "q", "k", self.work.features, "d")
        self.scores("bars_of_weights", "out_bar", "v", self.work.outputs, "e")

    def target(self, name: str, number: int, row: str, axis: str) -> str:
        """Return an element of a result."""
        joined = f"bars[n, {row}, {number}, h, {axis}]"
        return joined if self.work.joined else f"{name}[n, {row}, h, {axis}]"
