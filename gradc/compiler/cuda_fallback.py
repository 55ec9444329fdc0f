"""A product that no library computes, of whole numbers for instance -> a generated kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gradc.build.cuda import CudaNative, load_cuda
from gradc.compiler.cuda_gpu import DeviceGpu, arch_of
from gradc.devices.driver import Driver
from gradc.emit.arguments import CODES
from gradc.emit.cpu import imports
from gradc.emit.cuda_frames import ALIGNMENT
from gradc.emit.cuda_special import array
from gradc.emit.cuda_tiles import Operand, TiledProduct, TileWriter
from gradc.emit.expression import literal
from gradc.emit.writer import Writer
from gradc.ir.dtype import float32, float64, int32, int64, uint8
from gradc.runtime.cuda_launch import View
from gradc.schedule.blocks import Extent, tiled
from gradc.schedule.frame import Frame, Launch
from gradc.schedule.launch import over

Shape = tuple[int, ...]
THREADS = 128
A, B, OUT = 3, 4, 5  # slots
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


class Fallback:
    """Kernels for products, by the name of the product and the shapes."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._known: dict[Any, tuple[CudaNative, DeviceGpu]] = {}

    def run(self, name: str, a: View, b: View, out: View) -> None:
        """Launch the kernel of a product; compile it at first use."""
        aligned = all(x.address % ALIGNMENT == 0 for x in (a, b, out))
        key = (name, out.code, a.shape, b.shape, out.shape, aligned)
        known = self._known.get(key)
        if known is None:
            source = text(name, out.code, a.shape, b.shape, out.shape, aligned=aligned)
            native = load_cuda(source, name, arch_of(self._driver))
            known = self._known[key] = native, DeviceGpu(native, self._driver, None)
        native, gpu = known
        native.step(gpu, {A: a.address, B: b.address, OUT: out.address})


def text(name: str, code: str, a: Shape, b: Shape, out: Shape, *, aligned: bool = True) -> str:
    """Return the generated file of a product: a tile for each block, or an element per thread."""
    form = name.removeprefix("batch_")
    left = Matrix("left", "p, i" if form.startswith("t_") else "i, p", a)
    right = Matrix("right", "j, p" if name.endswith("_t") else "p, j", b)
    length = a[-2] if left.index == "p, i" else a[-1]
    batch = out[0] if len(out) == 3 else 1
    launch = tiled(Extent(batch, out[-2], out[-1], length))
    used = {"kernel", "step", f"view_{code}"}
    body = Writer(1)
    if launch is None:
        launch = over(Frame.GRID, math.prod(out), THREADS)
        _each_element(body, left, right, code, out, length, used)
        does = "each thread computes one element of the result"
    else:
        launch = replace(launch, blocks=(launch.blocks[0], 1), parts=1)
        _tiles(body, left, right, code, out, length, launch, used)
        does = "each block computes a tile of the result"
    facts = "" if aligned else ", unaligned=True"
    writer = Writer()
    writer.line(f'"""{name} of {code}: {does}."""')
    writer.line()
    imports(writer, used, "gradc.runtime.cuda")
    writer.line("\n")
    writer.quote("@kernel", ", ".join(array(code, shape) for shape in (a, b, out)), facts)
    writer.line(f"def {name}(left, right, out):")
    writer.extend(body)
    writer.line("\n\n@step\ndef product(gpu, buffers):")
    for x, slot, shape in (("left", A, a), ("right", B, b), ("out", OUT, out)):
        writer.line(f"    {x} = view_{code}(buffers, {slot}, 0, {shape})")
    writer.line(f"    {name}[{launch.blocks[0]}, {launch.threads[0]}](left, right, out)")
    return str(writer)


def _each_element(
    writer: Writer, left: Matrix, right: Matrix, code: str, out: Shape, length: int, used: set[str]
) -> None:
    """Write a loop over the elements of the result, one for each thread."""
    batch = "batch, " if len(out) == 3 else ""
    used.add("grid")
    with writer.block(f"for {batch}i, j in grid({', '.join(map(str, out))}):"):
        writer.line(f"total = {literal(0, TYPES[code], used)[0]}")
        with writer.block(f"for p in range({length}):"):
            writer.line(f"total += left[{batch}{left.index}] * right[{batch}{right.index}]")
        writer.line(f"out[{batch}i, j] = total")


def _tiles(
    writer: Writer, left: Matrix, right: Matrix, code: str, out: Shape, length: int,
    launch: Launch, used: set[str],
) -> None:  # fmt: skip
    """Write a loop over tiles of the result."""
    product = TiledProduct(
        Operand(left.name, left.at, turned=left.index == "i, p"),
        Operand(right.name, right.at, turned=right.index == "j, p"),
        Operand("out", Matrix("out", "i, j", out).at),
        TYPES[code],
        [("batch", out[0])] if len(out) == 3 else [],
        [("i", out[-2])],
        [("p", length)],
        ("j", out[-1]),
        launch,
        steps=True,
    )
    TileWriter(product, writer, used).write()
