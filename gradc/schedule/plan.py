"""The plan of a program: kernels in order, buffers in one arena, what is kept and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gradc.ir.dtype import float32
from gradc.ir.graph import Graph, Section, Value
from gradc.schedule.arena import Memory
from gradc.schedule.arithmetic import FULL, Arithmetic
from gradc.schedule.attention import Attention
from gradc.schedule.convolutions import Convolution
from gradc.schedule.frame import Launch
from gradc.schedule.fusion import Fused
from gradc.schedule.keep import Decision
from gradc.schedule.nest import Nest
from gradc.schedule.product_tiles import Choice, Method
from gradc.schedule.products import Matrix
from gradc.schedule.registers import Registers
from gradc.schedule.repeat import Span
from gradc.schedule.roots import Form, Program, Root
from gradc.schedule.share import Combine, Share
from gradc.schedule.target import Target

# Nanoseconds on one core, roughly: enough to tell what is worth sharing.
FLOPS_PER_NS = 8
BYTES_PER_NS = 24
PRODUCT_FLOPS_PER_NS = 90
ATTENTION_FLOPS_PER_NS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """A matrix product, from tiles or by BLAS.

    Args:
        left, right: operands as they lie in memory.
        homes: the values in memory that hold them.
        batch, rows, columns, terms: sizes; batch 0 means that there is no batch.
        choice: how it is computed, and why.
        bias: what is added to each row, or None.
        panels: what holds the columns of the right operand, where a kernel before copies them.
        rounds: the 16-bit format that operands are rounded to as they are read, or "".
    """

    left: Matrix
    right: Matrix
    homes: tuple[Value, Value]
    batch: int
    rows: int
    columns: int
    terms: int
    choice: Choice
    bias: Value | None = None
    panels: Value | None = None
    rounds: str = ""

    @property
    def form(self) -> str:
        """What generated text calls such a product: `t_matmul` is left.T @ right."""
        name = f"{'t_' * self.left.transposed}matmul{'_t' * self.right.transposed}"
        return f"batch_{name}" if self.batch else name


@dataclass(frozen=True, slots=True, eq=False)
class Panels:
    """The right operand of a product -> panels of columns, which all threads read.

    Args:
        source: the operand as it lies in memory.
        home: the value in memory that holds it.
        panels: [number, terms, columns of a panel].
    """

    source: Matrix
    home: Value
    panels: Value


@dataclass(frozen=True, slots=True, eq=False)
class Sort:
    """A stable sort of each row.

    Args:
        source: the materialised operand.
        rows, columns: the shape it is seen with.
        descending: the order.
        scratch: room for one row of positions; on a GPU for what merging passes read.
    """

    source: Value
    rows: int
    columns: int
    descending: bool
    scratch: tuple[Value, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Repeat:
    """A loop over time.

    Args:
        span: what it runs over.
        plan: of one step; its inputs are the operands, its arena is the span's scratch.
        meets: whether threads that share the steps meet after each.
    """

    span: Span
    plan: Plan
    meets: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """What a kernel does.

    Args:
        flops: floating-point operations, a function such as exp counted as one.
        bytes_moved: bytes of the distinct arrays it reads and writes.
    """

    flops: int
    bytes_moved: int


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """One step of the program.

    Args:
        roots: the values it computes.
        work: what it does; a Nest without axes is written into the step itself.
        section: forward, backward or update.
        reads: values it reads from memory.
        cost: for the report.
        parallel: size of the outer axis whose positions are independent, or 1.
        partials: values summed over that axis, which threads would have to add up.
        share: what each thread does of it; None where one thread runs the program.
        launch: who does which position on a GPU; None for the CPU.
    """

    roots: tuple[Root, ...]
    work: Nest | Panels | Product | Convolution | Attention | Sort | Repeat | Combine
    section: Section
    reads: tuple[Value, ...]
    cost: Cost
    parallel: int
    partials: tuple[Value, ...]
    share: Share | None = None
    launch: Launch | None = None

    @property
    def own(self) -> dict[Value, Value]:
        """The values that it leaves in parts, and what holds the parts of each."""
        holder = self.share or self.launch
        return holder.own if holder is not None else {}

    @property
    def values(self) -> tuple[Value, ...]:
        """The values it computes."""
        return tuple(r.value for r in self.roots)

    @property
    def nanoseconds(self) -> float:
        """What it takes on one core, roughly."""
        if isinstance(self.work, Product):
            return self.cost.flops / PRODUCT_FLOPS_PER_NS
        if isinstance(self.work, Attention):
            return self.cost.flops / ATTENTION_FLOPS_PER_NS
        if isinstance(self.work, Repeat):
            return self.work.span.loop.length * self.work.plan.nanoseconds
        return self.cost.flops / FLOPS_PER_NS + self.cost.bytes_moved / BYTES_PER_NS

    @property
    def is_scalar(self) -> bool:
        """Whether it is written into the step itself."""
        return bool(self.roots) and all(r.form is Form.SCALAR for r in self.roots)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Plan:
    """A program ready to be written out.

    Args:
        graph: the graph as it was given.
        program: the graph in the form that is computed, and its roots.
        kernels: in the order they run in.
        memory: where each value lies.
        decisions: which values are kept and which recomputed, with reasons.
        registers: of the processor that tiles are made for.
        meets: kernels before which all threads wait for each other; their number stands for
            the end.
        target: what it is made for.
        fused: where each value is computed, and why there.
        together: kernels whose blocks are each followed by a block of the next kernel.
        composed: what has no kernel of its own, and why: it is made of other primitives.
        arithmetic: how a GPU's tiles multiply.
    """

    graph: Graph
    program: Program
    kernels: tuple[Kernel, ...]
    memory: Memory
    decisions: tuple[Decision, ...]
    registers: Registers
    meets: frozenset[int] = frozenset()
    target: Target = Target.CPU
    fused: Mapping[Value, Fused] = field(default_factory=dict[Value, "Fused"])
    together: frozenset[int] = frozenset()
    composed: tuple[str, ...] = ()
    arithmetic: Arithmetic = FULL

    @property
    def shared(self) -> bool:
        """Whether several threads may run it."""
        return any(k.share is not None for k in self.kernels)

    @property
    def calls_blas(self) -> bool:
        """Whether a product of it, or of a loop's body, is left to BLAS."""
        works = [k.work for k in self.kernels]
        left = any(isinstance(w, Product) and w.choice.method is Method.BLAS for w in works)
        return left or any(isinstance(w, Repeat) and w.plan.calls_blas for w in works)

    @property
    def multiplies_in_tiles(self) -> bool:
        """Whether it, or a loop's body, has products in tiles of float32 numbers on a GPU."""
        for kernel in self.kernels if self.target is Target.CUDA else ():
            work = kernel.work
            if isinstance(work, Repeat):
                if work.plan.multiplies_in_tiles:
                    return True
            elif isinstance(work, Convolution | Attention) and kernel.values[0].dtype is float32:
                return True
        return False

    @property
    def name(self) -> str:
        """Name of the program."""
        return self.graph.name

    @property
    def flops(self) -> int:
        """Floating-point operations of one run."""
        return sum(k.cost.flops for k in self.kernels)

    @property
    def nanoseconds(self) -> float:
        """What one run takes on one core, roughly."""
        return sum(k.nanoseconds for k in self.kernels)

    @property
    def bytes_moved(self) -> int:
        """Bytes that kernels read and write in one run."""
        return sum(k.cost.bytes_moved for k in self.kernels)

    def describe(self) -> str:
        """Return a listing: kernels, buffers, and what is kept or recomputed."""
        from gradc.schedule.describe import describe

        return describe(self)
