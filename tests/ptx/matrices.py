"""mma.sync: the lanes of a warp multiply small matrices that lie in their registers."""

from __future__ import annotations

import numpy as np
from ptx.bits import reader, unknown, writer
from ptx.text import Group, Instruction, Kernel

TF32 = ("mma", "sync", "aligned", "m16n8k8", "row", "col", "f32", "tf32", "tf32", "f32")
KEPT = ~np.uint32((1 << 13) - 1)  # of the bits of a float32 number, those of a TF32 one
WARP = 32
# rows and columns of what lane 4 g + t has: the PTX manual's pictures of fragments
G, T = np.divmod(np.arange(WARP), 4)
A = [(G, T), (G + 8, T), (G, T + 4), (G + 8, T + 4)]
B = [(T, G), (T + 4, G)]
C = [(G, 2 * T), (G, 2 * T + 1), (G + 8, 2 * T), (G + 8, 2 * T + 1)]


def step(instruction: Instruction, kernel: Kernel, variables: dict[str, int]):
    """Return the step of an mma instruction: sums of exact products, rounded once."""
    if instruction.opcode != TF32:
        raise unknown(instruction)
    d, a, b, c = instruction.operands
    if not all(isinstance(group, Group) for group in (d, a, b, c)):
        raise unknown(instruction)
    first, second = ([reader(p, "u32", kernel, variables) for p in g.parts] for g in (a, b))
    added = [reader(p, "f32", kernel, variables) for p in c.parts]
    writes = [writer(p, "f32", kernel) for p in d.parts]
    if (len(first), len(second), len(added), len(writes)) != (4, 2, 4, 4):
        raise unknown(instruction)

    def run(frame):
        chunk, lanes = frame.chunk, frame.lanes
        warps, warp, count = np.unique(
            chunk.warp_of[lanes], return_inverse=True, return_counts=True
        )
        if (count != WARP).any():
            bad = int(np.flatnonzero(count[warp] != WARP)[0])
            why = f"{instruction.name} without all lanes of the warp"
            raise chunk.error(instruction.line, int(lanes[bad]), why)
        lane = chunk.lane_of[lanes].astype(np.int64)

        def matrix(rows, columns, reads, places, rounded):
            made = np.zeros((len(warps), rows, columns))
            for read, (row, column) in zip(reads, places, strict=True):
                value = np.broadcast_to(read(frame.values), lanes.shape)
                value = (value & KEPT).view(np.float32) if rounded else value
                made[warp, row[lane], column[lane]] = value
            return made

        total = matrix(16, 8, added, C, rounded=False)
        total += matrix(16, 8, first, A, rounded=True) @ matrix(8, 8, second, B, rounded=True)
        for write, (row, column) in zip(writes, C, strict=True):
            write(frame.values, total[warp, row[lane], column[lane]].astype(np.float32))

    return run
