"""An attention on a GPU -> the tiles that blocks of threads compute, where a block has room."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gradc.ir.dtype import DType
from gradc.ir.graph import Equation
from gradc.schedule.arithmetic import Arithmetic
from gradc.schedule.attention import Attention
from gradc.schedule.blocks import THREADS
from gradc.schedule.frame import Frame, Launch

SHARED = 47 * 1024  # bytes that a block's threads share: 48 KiB on every GPU, 1 of them its own
SUMS = 320  # bytes of sums in registers: with 2 blocks to a multiprocessor a thread has 512
ENOUGH = 128  # blocks that keep a GPU busy
NARROWEST = 16  # columns of a tile
PAD_OF_ROW, PAD_OF_CORES = 4, 8  # elements that tensor cores want after a row's terms; a term's row


class Part(enum.Enum):
    """What one kernel computes."""

    FORWARD = "the means"
    QUERIES = "the adjoint of q"
    KEYS = "the adjoints of k and v"


@dataclass(frozen=True, slots=True)
class AttentionBlock:
    """What a block of threads does at a time.

    Args:
        queries, keys: of a tile of scores.
        terms: of the tiles' products that are in shared memory at a time.
        rounds: the format that operands are rounded to, for tensor cores; or "".
    """

    queries: int
    keys: int
    terms: int
    rounds: str = ""


# In the order of preference: the more sums a thread has, the fewer reads of shared memory each
# needs; a tile has no more than twice as many queries and keys as there are.
TILES = {
    Part.FORWARD: ((128, 64, 8), (64, 64, 16), (64, 32, 16), (32, 32, 16), (32, 32, 8)),
    Part.QUERIES: ((64, 64, 16), (64, 64, 8), (64, 32, 8), (32, 32, 16), (32, 32, 8)),
    Part.KEYS: ((64, 64, 16), (64, 64, 8), (64, 32, 8), (32, 32, 16), (32, 32, 8)),
}
# those of tensor cores, the same for all kernels
CORE_TILES = ((128, 64, 16), (128, 32, 16), (64, 64, 16), (64, 32, 16), (32, 64, 16), (32, 32, 16))
LEAST = 1024  # sums of a tile that eight warps' tensor cores share
CORE_SUMS = 192  # bytes, where that is possible: a thread also holds parts of the operands


@dataclass(frozen=True, slots=True)
class Extents:
    """The sizes that tiles depend on.

    Args:
        units: samples times heads.
        queries, keys, features, outputs: as in `Attention`.
        dtype: of the operands.
        rounds: the format that they are rounded to, for tensor cores; or "".
    """

    units: int
    queries: int
    keys: int
    features: int
    outputs: int
    dtype: DType
    rounds: str = ""

    @property
    def pad(self) -> int:
        """Elements between rows of shared memory, so that neighbours are in other banks."""
        return PAD_OF_CORES if self.rounds else 16 // self.dtype.itemsize

    def factors(self, block: AttentionBlock, count: int) -> tuple[int, int]:
        """Return the sizes of the shared memory for so many queries' or keys' terms."""
        if self.rounds:
            return count, block.terms + PAD_OF_ROW
        return block.terms, count + self.pad

    def width(self, features: int) -> int:
        """Return the elements of a row of shared memory for what weights are multiplied by."""
        return wide(features) + self.pad * bool(self.rounds)

    def shared(self, part: Part, block: AttentionBlock) -> int:
        """Return the bytes of shared memory that a kernel needs."""
        queries, keys = block.queries + self.pad, block.keys + self.pad
        features, outputs = self.width(self.features), self.width(self.outputs)
        count = sum(math.prod(self.factors(block, n)) for n in (block.queries, block.keys))
        if part is Part.FORWARD:
            count += block.keys * queries + block.terms * outputs
            count += 4 * block.queries + THREADS
        elif part is Part.QUERIES:
            count += block.keys * queries + block.terms * features + 2 * block.queries
        else:
            count += 2 * block.queries * keys + block.terms * max(features, outputs)
            count += 2 * block.queries
        return count * self.dtype.itemsize

    def sums(self, part: Part, block: AttentionBlock) -> int:
        """Return the bytes of registers in which a thread has sums."""
        features, outputs = wide(self.features), wide(self.outputs)
        scores = block.queries * block.keys
        if part is Part.FORWARD:
            count = scores + block.queries * outputs
        elif part is Part.QUERIES:
            count = 2 * scores + block.queries * features
        else:
            count = 2 * scores + block.keys * (features + outputs)
        return count * self.dtype.itemsize // THREADS

    def smallest(self, part: Part, block: AttentionBlock) -> int:
        """Return the elements of the smallest tile."""
        own = block.keys if part is Part.KEYS else block.queries
        widths = {
            Part.FORWARD: (self.outputs,),
            Part.QUERIES: (self.features,),
            Part.KEYS: (self.features, self.outputs),
        }
        return own * min(block.queries * block.keys // own, *map(wide, widths[part]))

    def blocks(self, part: Part, block: AttentionBlock) -> int:
        """Return how many blocks there are."""
        if part is Part.KEYS:
            return self.units * -(-self.keys // block.keys)
        return self.units * -(-self.queries // block.queries)

    def block(self, part: Part) -> AttentionBlock | None:
        """Return what a block of a kernel does; None where it has no room for any tile."""
        if self.rounds:
            return self._first(part, CORE_TILES, CORE_SUMS) or self._first(part, CORE_TILES, SUMS)
        return self._first(part, TILES[part], SUMS)

    def _first(
        self, part: Part, tiles: Sequence[tuple[int, int, int]], sums: int
    ) -> AttentionBlock | None:
        """Return the first of the tiles that fits, and has so many bytes of sums at most."""
        made = [AttentionBlock(*sizes, self.rounds) for sizes in tiles]
        least = made[-1]
        fits = [
            b
            for b in made
            if self.shared(part, b) <= SHARED
            and self.sums(part, b) <= sums
            and (not self.rounds or self.smallest(part, b) >= LEAST)
            and (b.queries == least.queries or b.queries < 2 * self.queries)
            and (b.keys == least.keys or b.keys < 2 * self.keys)
        ]
        # the first that keeps the GPU busy, else the first of the most blocks
        return max(fits, key=lambda b: min(self.blocks(part, b), ENOUGH), default=None)


def wide(size: int) -> int:
    """Return the columns of a tile that has so many features: a power of two."""
    return max(NARROWEST, 1 << (size - 1).bit_length())


def extents(work: Attention, dtype: DType, rounds: str = "") -> Extents:
    """Return the sizes of an attention whose operands are rounded for tensor cores, or not."""
    sizes = work.queries, work.keys, work.features, work.outputs
    return Extents(work.units, *sizes, dtype, rounds)


def parts_of(adjoint: bool) -> tuple[Part, ...]:
    """Return what the kernels of an attention, or of its adjoint, compute."""
    return (Part.QUERIES, Part.KEYS) if adjoint else (Part.FORWARD,)


def why_not(equation: Equation) -> str:
    """Return why an attention, or its adjoint, has no kernel on a GPU; "" where it has one."""
    q, _, v = equation.inputs[:3]
    if not all(value.type.size for value in equation.inputs):
        return "operands without elements"
    if equation.params.get("keep") or equation.params.get("kept"):
        return "all weights are wanted, or given"
    units = q.shape[0] * q.shape[2]
    sizes = Extents(units, q.shape[1], v.shape[1], q.shape[3], v.shape[3], q.dtype)
    adjoint = equation.primitive.name == "attention_adjoint"
    if all(sizes.block(part) is not None for part in parts_of(adjoint)):
        return ""
    return f"{q.dtype} heads of {max(q.shape[3], v.shape[3])} features don't fit into a block"


def launches(
    work: Attention, dtype: DType, arithmetic: Arithmetic
) -> dict[Part, tuple[AttentionBlock, Launch]]:
    """Return the kernels of an attention, or of its adjoint, and their launches.

    Tiles that are too small for tensor cores are float32's.
    """
    sizes, rounds = extents(work, dtype), arithmetic.rounds(dtype)
    found: dict[Part, tuple[AttentionBlock, Launch]] = {}
    for part in parts_of(work.adjoint):
        block = replace(sizes, rounds=rounds).block(part) or sizes.block(part)
        assert block is not None, "keep_weights has asked why not"
        launch = Launch(Frame.TILES, (sizes.blocks(part, block), 1), (THREADS, 1))
        found[part] = block, launch
    return found
