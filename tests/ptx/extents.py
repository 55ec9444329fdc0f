"""What a kernel may touch: the arrays that its signature names, and whether they lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ptx.memory import GlobalMemory
from ptx.text import PtxError

from gradc.runtime.cuda_launch import CudaKernel

BYTES = {"f32": 4, "f64": 8, "i32": 4, "i64": 8, "u8": 1, "b1": 1, "f16": 2, "bf16": 2}


@dataclass(frozen=True, slots=True)
class Extents:
    """The bytes of each array; -1 where the signature leaves its length open.

    Attributes:
        apart: whether what is written lies in the memory of no other array.
    """

    nbytes: tuple[int, ...]
    apart: bool

    def note(self, symbol: str) -> str:
        """Return a line that says so in the text of a module."""
        words = (symbol, "apart" if self.apart else "overlap", *map(str, self.nbytes))
        return "//: " + " ".join(words)


def extents_of(kernel: CudaKernel) -> Extents:
    """Return what a kernel's signature says."""
    sets = kernel.sizes or (0,)
    arrays = [p for p in kernel.parameters if p.is_array]
    nbytes = []
    for length in sets:
        for p in arrays:
            sizes = (length,) if p.sizes == (-1,) and kernel.sizes else p.sizes
            count = -1 if sizes == (-1,) else int(np.prod(sizes))
            nbytes.append(count * BYTES[p.code] if count >= 0 else -1)
    return Extents(tuple(nbytes), not kernel.overlap)


def noted(notes: Sequence[str]) -> dict[str, Extents]:
    """Return what the notes in a module's text say, by kernel."""
    found = {}
    for note in notes:
        symbol, apart, *nbytes = note.split()
        found[symbol] = Extents(tuple(map(int, nbytes)), apart == "apart")
    return found


def windows(extents: Extents, arguments: Sequence[int], memory: GlobalMemory, name: str):
    """Return the (address, bytes) that a launch may touch, each within one allocation."""
    if len(extents.nbytes) != len(arguments):
        raise PtxError(f"{name}: {len(extents.nbytes)} arguments are expected")
    found = []
    for i, (address, nbytes) in enumerate(zip(arguments, extents.nbytes, strict=True)):
        if nbytes == 0:
            continue
        begin, size = memory.holding(address)
        room = begin + size - address
        if nbytes > room:
            raise PtxError(f"{name}: argument {i} has {nbytes} bytes, {room} are allocated there")
        found.append((address, room if nbytes < 0 else nbytes))
    return found
