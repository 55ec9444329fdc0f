"""Shares of a plan -> the lines of a step that several threads run: rows, chunks, meets."""

from __future__ import annotations

from dataclasses import dataclass, field

from gradc.emit.arguments import CODES
from gradc.emit.expression import literal
from gradc.emit.naming import Dims, Naming
from gradc.emit.writer import Writer
from gradc.ir.dtype import DType
from gradc.ir.graph import Value
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Kernel, Plan
from gradc.schedule.share import Combine, Share, Way

SUM = """@kernel("{code}[:,:], {code}[:]{rows_type}")
def {name}(parts, total{rows_argument}):
    # total = the sum of the parts, in the order of the blocks
    for i in {rows}:
        running = {zero}
        for k in range(parts.shape[0]):
            running += parts[k, i]
        total[i] = running
"""


@dataclass(slots=True)
class Team:
    """Writes what threads do together; nothing where one thread runs the step.

    Attributes:
        sums: name and text of each kernel that adds up parts.
    """

    plan: Plan
    naming: Naming
    sums: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    _rows: dict[tuple[Way, int, int], str] = field(default_factory=dict[tuple[Way, int, int], str])
    _inside: bool = False
    _blocks: Share | None = None
    _computed: set[Value] = field(default_factory=set[Value])

    def before(self, number: int, body: Writer) -> None:
        """Write the meeting before a kernel, where there is one."""
        if number in self.plan.meets:
            self.end(body)
            self.meet(body)

    def meet(self, body: Writer) -> None:
        """Write a meeting."""
        body.line(f"{self._use('meet')}(team)")

    def begin(self, kernel: Kernel, body: Writer) -> None:
        """Load the numbers that a kernel needs, and leave it to the first thread if it is its."""
        share = kernel.share
        if share is None:
            return
        wanted = kernel.work.arguments if isinstance(kernel.work, Nest) else ()
        needed = [v for v in wanted if v in self._computed]
        alone = share.way is Way.FIRST
        if needed or not alone:
            self.end(body)
        for value in needed:
            self._computed.remove(value)
            body.line(f"{self.naming.name(value)} = {self.naming.view(value, ())}[0]")
        if alone and not self._inside:
            self.alone(body)

    def alone(self, body: Writer) -> None:
        """Leave what follows to the first thread."""
        body.line(f"if {self._use('is_first')}(team):")
        body.depth += 1
        self._inside = True

    def end(self, body: Writer) -> None:
        """Go back to what all threads do."""
        if self._inside:
            body.depth -= 1
            self._inside = False

    def computed(self, value: Value) -> None:
        """Note a number that lies in memory until it is needed."""
        self._computed.add(value)

    def begin_blocks(self, share: Share, body: Writer) -> None:
        """Begin a loop over the blocks of a kernel and of those that follow block by block."""
        body.open(self.chunks(share))
        self._blocks = share

    def end_blocks(self, body: Writer) -> None:
        """End that loop."""
        body.depth -= 1
        self._blocks = None

    def mine(self, share: Share) -> str:
        """Return what a kernel is given: this thread's rows or columns, or those of a block."""
        if self._blocks is None:
            return self.rows(share)
        length = share.extent // self._blocks.extent
        return "chunk" if length == 1 else f"{self._use('elements')}(chunk, {length})"

    def rows(self, share: Share) -> str:
        """Return the name of this thread's rows or columns."""
        key = (share.way, share.extent, share.block)
        if key not in self._rows:
            word = "columns" if share.way is Way.COLUMNS else "rows"
            self._rows[key] = self.naming.namer(f"{word}_{share.extent}")
        return self._rows[key]

    def chunks(self, share: Share) -> str:
        """Return the head of the loop over blocks."""
        return f"for chunk in {self._use('chunks')}({self.rows(share)}):"

    def part(self, value: Value, dims: Dims, share: Share) -> str:
        """Return what a block has of an array."""
        parts = share.own[value]
        shape = ", ".join(map(str, dims or (1,))) + ("," if len(dims) < 2 else "")
        whole = self.naming.view(parts, parts.shape)
        return f"{self._use('part_of')}({whole}, chunk, ({shape}))"

    def combine(self, work: Combine, share: Share, body: Writer) -> str:
        """Write the sum of parts; return the function that it calls."""
        total, cut = work.total, share.cut
        name = self._sum(total.dtype, cut=cut)
        views = [
            self.naming.view(work.parts, work.parts.shape),
            self.naming.view(total, (work.size,) if total.shape else ()),
        ]
        body.call(name, [*views, *([self.rows(share)] if cut else [])])
        return name

    def write_rows(self, writer: Writer) -> None:
        """Write this thread's rows and columns."""
        if not self._rows:
            return
        writer.rule("this thread's part, in blocks")
        for (way, extent, block), name in sorted(self._rows.items(), key=lambda item: item[1]):
            function = self._use("share_columns" if way is Way.COLUMNS else "share")
            writer.line(f"{name} = {function}(team, {extent}, {block})")

    def _sum(self, dtype: DType, *, cut: bool) -> str:
        """Return the name of the kernel that adds up parts."""
        key = f"{CODES[dtype]} {cut}"
        if key not in self.sums:
            name = self.naming.namer("add_parts")
            text = SUM.format(
                code=CODES[dtype],
                name=name,
                zero=literal(0, dtype, self.naming.used)[0],
                rows_type=", rows" if cut else "",
                rows_argument=", rows" if cut else "",
                rows="rows" if cut else "range(total.shape[0])",
            )
            self.sums[key] = (name, text)
            self.naming.used.add("kernel")
        return self.sums[key][0]

    def _use(self, name: str) -> str:
        self.naming.used.add(name)
        return name
