"""A matrix product that no library computes -> the text of a generated file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gradc.emit.arguments import CODES
from gradc.emit.cpu import imports
from gradc.emit.cuda_special import array
from gradc.emit.cuda_tiles import Operand, TiledProduct, TileWriter, read, resident
from gradc.emit.expression import literal
from gradc.emit.writer import Writer
from gradc.ir.dtype import float32, float64, int32, int64, uint8
from gradc.schedule.arithmetic import FULL, Arithmetic
from gradc.schedule.blocks import Extent, tiled
from gradc.schedule.frame import Frame, Launch
from gradc.schedule.launch import over

Shape = tuple[int, ...]
THREADS = 128
FIRST = 3  # slot
TYPES = {CODES[t]: t for t in (float32, float64, int32, int64, uint8)}


@dataclass(frozen=True, slots=True)
class Matrix:
    """An operand of a product, or its result.

    Args:
        name: of the argument.
        index: its axes but for the batch, in the order of its memory.
        shape: its sizes.
    """

    name: str
    index: str
    shape: Shape

    def at(self, places: Mapping[str, str]) -> str:
        """Return its index with what stands for the axes."""
        axes = [*(("batch",) if len(self.shape) == 3 else ()), *self.index.split(", ")]
        return ", ".join(places.get(axis, axis) for axis in axes)


@dataclass(frozen=True, slots=True)
class Product:
    """What to write.

    Args:
        left, right, out: the matrices.
        code: element type.
        length: of the sums.
        bias: the name of what is added to each row, or "".
        rounds: the 16-bit format that operands are rounded to, or "".
    """

    left: Matrix
    right: Matrix
    out: Matrix
    code: str
    length: int
    bias: str
    rounds: str = ""

    @property
    def batch(self) -> int:
        """How many products there are."""
        return self.out.shape[0] if len(self.out.shape) == 3 else 1

    @property
    def arrays(self) -> list[tuple[str, Shape]]:
        """Names and shapes of the arguments."""
        found = [(m.name, m.shape) for m in (self.left, self.right, self.out)]
        return [*found, *([(self.bias, self.out.shape[-1:])] if self.bias else [])]


def text(
    name: str,
    code: str,
    a: Shape,
    b: Shape,
    out: Shape,
    *,
    bias: bool = False,
    aligned: bool = True,
    rounds: str = "",
    arithmetic: Arithmetic = FULL,
) -> str:
    """Return the generated file of a product: a tile for each block, or an element per thread.

    Args:
        name: such as `batch_t_matmul`, which says how the operands lie.
        code: element type.
        a: shape of the left operand in memory.
        b: of the right one.
        out: of the result.
        bias: whether a fourth array is added to each row.
        aligned: whether all arrays begin at multiples of 16 bytes.
        rounds: the 16-bit format that operands are rounded to, or "".
        arithmetic: how tiles multiply.
    """
    form = name.removeprefix("batch_")
    left = Matrix("left", "p, i" if form.startswith("t_") else "i, p", a)
    right = Matrix("right", "j, p" if name.endswith("_t") else "p, j", b)
    length = a[-2] if left.index == "p, i" else a[-1]
    product = Product(left, right, Matrix("out", "i, j", out), code, length, "bias" * bias, rounds)
    dtype = TYPES[code]
    sizes = Extent(product.batch, out[-2], out[-1], length, length)
    launch = tiled(sizes, arithmetic.rounds(dtype, rounds), arithmetic.on_cores(dtype, rounds))
    used = {"kernel", "step", f"view_{code}"}
    body = Writer(1)
    if launch is None:
        launch = over(Frame.GRID, math.prod(out), THREADS)
        _each_element(body, product, used)
        does = "each thread computes one element of the result"
    else:
        launch = replace(launch, blocks=(launch.blocks[0], 1), parts=1)
        _tiles(body, product, launch, aligned, used)
        does = "each block computes a tile of the result"
    names = ", ".join(name for name, _ in product.arrays)
    facts = ("" if aligned else ", unaligned=True") + resident(launch.tile)
    writer = Writer()
    writer.line(f'"""{name} of {code}: {does}."""')
    writer.line()
    imports(writer, used, "gradc.runtime.cuda")
    writer.line("\n")
    writer.quote("@kernel", ", ".join(array(code, shape) for _, shape in product.arrays), facts)
    writer.line(f"def {name}({names}):")
    writer.extend(body)
    writer.line("\n\n@step\ndef product(gpu, buffers):")
    for slot, (x, shape) in enumerate(product.arrays, FIRST):
        writer.line(f"    {x} = view_{code}(buffers, {slot}, 0, {shape})")
    writer.line(f"    {name}[{launch.blocks[0]}, {launch.threads[0]}]({names})")
    return str(writer)


def _each_element(writer: Writer, product: Product, used: set[str]) -> None:
    """Write a loop over the elements of the result, one for each thread."""
    left, right, out = product.left, product.right, product.out
    heads = "batch, i, j" if len(out.shape) == 3 else "i, j"
    used.add("grid")
    with writer.block(f"for {heads} in grid({', '.join(map(str, out.shape))}):"):
        writer.line(f"total = {literal(0, TYPES[product.code], used)[0]}")
        with writer.block(f"for p in range({product.length}):"):
            pair = f"left[{left.at({})}]", f"right[{right.at({})}]"
            first, second = (read(element, product.rounds, used) for element in pair)
            writer.line(f"total += {first} * {second}")
        writer.line(f"out[{heads}] = total{' + bias[j]' if product.bias else ''}")


def _tiles(writer: Writer, product: Product, launch: Launch, aligned: bool, used: set[str]) -> None:
    """Write a loop over tiles of the result."""
    left, right, out = product.left, product.right, product.out
    tiles = TiledProduct(
        Operand(left.name, left.at, turned=left.index == "i, p"),
        Operand(right.name, right.at, turned=right.index == "j, p"),
        Operand(out.name, out.at),
        TYPES[product.code],
        [("batch", product.batch)] if len(out.shape) == 3 else [],
        [("i", out.shape[-2])],
        [("p", product.length)],
        ("j", out.shape[-1]),
        launch,
        steps=True,
        bias=product.bias,
        aligned=aligned,
    )
    TileWriter(tiles, writer, used).write()
