"""attention equations -> operands as they lie in memory, sizes, and what is held in registers."""

from __future__ import annotations

from dataclasses import dataclass

from gradc.ir.dtype import DType
from gradc.ir.graph import Equation, Value
from gradc.schedule.convolutions import Seen, look_through
from gradc.schedule.products import Definitions
from gradc.schedule.registers import Registers
from gradc.schedule.tiles import Cut

KEYS = 256  # whose scores are held at a time: 32 KiB with 32 queries in float32
ROWS = 8  # of a tile
ONE_BLOCK = KEYS - ROWS  # keys that are held at a time by every processor's tiles
READ_IN_PLACE = 4  # operands of the adjoint that lie in memory as they like: q, k, v, out_bar


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """softmax(scale q k^T + mask) v, or its adjoint, for each sample and head by itself.

    Args:
        operands: q, k and v; for the adjoint also out_bar, log_sum and delta; then the mask and
            the kept weights, where there are any.
        homes: the values in memory that hold them.
        samples, heads, queries, keys, features, outputs: sizes.
        scale, causal: as in the equation.
        adjoint: whether it is the adjoint.
        masked: whether there is a mask.
        keeps: whether all weights lie in memory, transposed.
        joined: whether the adjoints of q, k and v are one array, side by side.
    """

    operands: tuple[Seen, ...]
    homes: tuple[Value, ...]
    samples: int
    heads: int
    queries: int
    keys: int
    features: int
    outputs: int
    scale: float
    causal: bool
    adjoint: bool
    masked: bool
    keeps: bool
    joined: bool = False

    @property
    def units(self) -> int:
        """Number of samples and heads, which have nothing to do with each other."""
        return self.samples * self.heads

    def by_samples(self, number: int) -> bool:
        """Return whether what an operand has of each sample lies side by side."""
        seen = self.operands[number]
        return seen.axes[0] == 0 and seen.dims[0] == self.samples

    @property
    def mask(self) -> Seen | None:
        """The mask."""
        return self.operands[6 if self.adjoint else 3] if self.masked else None

    @property
    def pairs(self) -> int:
        """Number of a query and a key that it sees, for each sample and head."""
        if not self.causal:
            return self.queries * self.keys
        return sum(min(i + 1, self.keys) for i in range(self.queries))

    @property
    def flops(self) -> int:
        """Operations of one run."""
        d, e = self.features, self.outputs
        if not self.adjoint:
            return self.units * self.pairs * (2 * (d + e) + 6)
        again = 0 if self.keeps else 2 * d + 3
        return self.units * self.pairs * (4 * (d + e) + again + 3)


@dataclass(frozen=True, slots=True)
class AttentionTiles:
    """What is held in registers.

    Args:
        lanes: queries side by side in a tile of scores.
        rows: its keys.
        width: lanes of a tile of features.
    """

    lanes: int
    rows: int
    width: int

    @property
    def keys(self) -> int:
        """How many keys' scores are held at a time."""
        return KEYS - KEYS % self.rows

    def cut(self, axis: str, extent: int) -> list[tuple[int, int, int]]:
        """Return (begin, end, size of a tile) of the even part of an axis and of the rest."""
        most = self.width if axis in "de" else self.rows
        parts = Cut(axis, extent, min(extent, most)).parts()
        return [part for part in parts if part[0] < part[1]]


def attention_tiles(queries: int, dtype: DType, registers: Registers) -> AttentionTiles:
    """Return the tiles for so many queries."""
    width = registers.bytes // dtype.itemsize
    lanes = next((n for n in (2 * width, width) if queries >= n), queries)
    rows = min(ROWS, registers.rows(2))
    return AttentionTiles(lanes, rows, 2 * width)


def attention(equation: Equation, known: Definitions, homes: tuple[Value, ...]) -> Attention:
    """Return an attention equation, or its adjoint, with its operands and what holds them."""
    q, _, v = equation.inputs[:3]
    params = equation.params
    adjoint = equation.primitive.name == "attention_adjoint"
    keeps = bool(params.get("kept" if adjoint else "keep", False))
    samples, queries, heads, features = q.shape
    return Attention(
        operands(equation, known),
        homes,
        samples,
        heads,
        queries,
        v.shape[1],
        features,
        v.shape[3],
        params["scale"],
        params["causal"],
        adjoint,
        len(equation.inputs) - (keeps and adjoint) > (6 if adjoint else 3),
        keeps,
        bool(params.get("joined", False)),
    )


def operands(equation: Equation, known: Definitions) -> tuple[Seen, ...]:
    """Return the operands; q, k, v and out_bar in any order that leaves features side by side."""
    in_place = READ_IN_PLACE if equation.primitive.name == "attention_adjoint" else 3
    found: list[Seen] = []
    for number, value in enumerate(equation.inputs):
        seen = look_through(value, known) if number < in_place else None
        if seen is None or seen.axes[-1] != value.type.ndim - 1:
            seen = Seen(value, value.shape, tuple(range(value.type.ndim)))
        found.append(seen)
    return tuple(found)
