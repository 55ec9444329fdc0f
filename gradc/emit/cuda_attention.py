"""Attention, or a part of its adjoint -> the text of its CUDA kernel: tiles of queries and keys."""

from __future__ import annotations

from contextlib import ExitStack

from gradc.emit.cuda_attention_bars import BarsKernel
from gradc.emit.cuda_attention_blocks import NAMES, WORDS, Blocks
from gradc.emit.cuda_special import array
from gradc.emit.writer import Writer
from gradc.ir.dtype import DType
from gradc.schedule.attention import Attention
from gradc.schedule.attention_blocks import AttentionBlock, Part, wide
from gradc.schedule.blocks import THREADS


def arrays(work: Attention, part: Part) -> tuple[str, ...]:
    """Return the names of the arguments: operands, then results."""
    given = NAMES if work.adjoint else NAMES[:3]
    mask = ("mask",) if work.masked else ()
    if part is Part.FORWARD:
        return (*given, *mask, "out", "log_sum")
    bars = ("q_bar",) if part is Part.QUERIES else ("k_bar", "v_bar")
    return (*given, *mask, *(("bars",) if work.joined else bars))


def attention_kernel(
    work: Attention,
    dtype: DType,
    part: Part,
    block: AttentionBlock,
    codes: list[tuple[str, tuple[int, ...]]],
    facts: str,
    used: set[str],
) -> str:
    """Return the kernel's text; it is called `@`, and gets its name where it is used.

    Args:
        work: what is computed.
        dtype: of the operands.
        part: what this kernel computes of it.
        block: what a block of threads does at a time.
        codes: element type and sizes of each argument.
        facts: what the compiler may not take for granted.
        used: takes the words of the runtime that it needs.
    """
    writer = Writer()
    writer.quote(
        "@kernel", ", ".join(array(code, dims) for code, dims in codes), f"{facts}, resident=2"
    )
    writer.call("def @", list(arrays(work, part)), after=":")
    writer.depth = 1
    made = ForwardKernel if part is Part.FORWARD else BarsKernel
    made(work, dtype, block, part, writer, used).write()
    used.add("kernel")
    used.update(word for word in WORDS if f"{word}(" in str(writer))
    return str(writer)


class ForwardKernel(Blocks):
    """Writes the softmax of each row of scores, and its product with the values."""

    def write(self) -> None:
        """Write the body."""
        work, block, writer = self.work, self.block, self.writer
        self.meaning()
        writer.comment("out[i] = sum over j of weights[j, i] * v[j]")
        self.head()
        groups = THREADS // block.queries
        self.memory(
            weights=(block.keys, block.queries + self.sizes.pad),
            values=(block.terms, self.sizes.width(work.outputs)),
            parts=(groups, block.queries),
            **dict.fromkeys(("largest", "total", "shift"), (block.queries,)),
            **({"before": (block.queries,)} if self.several_keys else {}),
        )
        self.units()
        with self.each_query():
            writer.line(f"largest[m] = {self.least}")
            writer.line(f"total[m] = {self.zero}")
        writer.line(f"sums = {self.tile}({block.queries}, {wide(work.outputs)})")
        top = writer.depth
        self.keys()
        self.scores("scores", "q", "k", work.features, "d")
        with writer.block("for j, m, score in held(scores):"):
            self.visible()
            writer.line("weights[j, m] = score")
        writer.line("meet_lanes()")
        self.largest(groups)
        self.weights(groups)
        if self.several_keys:
            writer.line("multiply_rows(sums, before)")
        self.add_up("sums", "weights", "v", work.outputs, "e")
        with self.each_query(), writer.block(f"for part in range({groups}):"):
            writer.line("total[m] += parts[part, m]")
        writer.depth = top
        with self.each_query():
            writer.line(f"sum_m = {self.one} if total[m] == {self.zero} else total[m]")
            writer.line(f"total[m] = {self.one} / sum_m")
            with ExitStack() as inside:
                if edge := self.edge("m"):
                    inside.enter_context(writer.block(f"if {edge}:"))
                writer.line(f"log_sum[n, {self.query}, h] = shift[m] + log(sum_m)")
        writer.line("meet_lanes()")
        writer.line("multiply_rows(sums, total)")
        self.results("sums", "m", "e", work.outputs, f"out[n, {self.query}, h, e]")
        self.end()

    def largest(self, groups: int) -> None:
        """Write the largest score of each query so far, and by how much that shrinks the sums."""
        writer = self.writer
        # NOTE: a NaN that the comparison leaves out comes back from its exponential
        with self.each_part(groups):
            writer.line(f"most = {self.least}")
            with self.each_key(groups):
                writer.line("most = weights[j, m] if weights[j, m] > most else most")
            writer.line("parts[part, m] = most")
        writer.line("meet_lanes()")
        with self.each_query():
            writer.line("most = largest[m]")
            with writer.block(f"for part in range({groups}):"):
                writer.line("most = parts[part, m] if parts[part, m] > most else most")
            writer.line(f"shift[m] = {self.zero} if most == {self.least} else most")
            if self.several_keys:
                writer.line("factor = exp(largest[m] - shift[m])")
                writer.line(f"factor = {self.zero} if largest[m] == {self.least} else factor")
                writer.line("before[m] = factor")
                writer.line("total[m] *= factor")
                writer.line("largest[m] = most")
        writer.line("meet_lanes()")

    def weights(self, groups: int) -> None:
        """Write the weights, and the parts of their sums."""
        writer = self.writer
        with self.each_part(groups):
            writer.line(f"added = {self.zero}")
            with self.each_key(groups):
                writer.line("weight = exp(weights[j, m] - shift[m])")
                writer.line(f"weights[j, m] = {self.rounded('weight')}")
                writer.line("added += weight")
            writer.line("parts[part, m] = added")
