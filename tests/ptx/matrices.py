"""mma.sync: the lanes of a warp multiply small matrices that lie in their registers.

Which lane holds which element is PTX's: a group of four lanes has a row of the first matrix, and a
column of the second. Sums are rounded once to float32; a GPU may round less well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ptx.bits import reader, unknown, writer
from ptx.text import Group, Instruction, Kernel

_LANE = np.arange(32)
_QUAD, _WITHIN = _LANE >> 2, _LANE & 3


@dataclass(frozen=True, slots=True)
class Shape:
    """Where the elements of the operands lie: rows and columns [register, part, lane]."""

    terms: int
    a_rows: np.ndarray
    a_columns: np.ndarray
    b_rows: np.ndarray
    b_columns: np.ndarray


def _shape(terms: int, parts: int) -> Shape:
    """Return the layout of m16n8 for so many terms, with `parts` numbers in each register.

    The registers of the first operand alternate between the upper and the lower eight rows; every
    two go on to the next `4 * parts` terms, as every register of the second operand does.
    """
    count = terms // (4 * parts)
    register = np.arange(2 * count)[:, None, None]
    part = np.arange(parts)[None, :, None]
    column = _WITHIN * parts + part
    every = np.broadcast_to
    a = (2 * count, parts, 32)
    b = (count, parts, 32)
    return Shape(
        terms,
        every(_QUAD + register % 2 * 8, a),
        every(column + register // 2 * 4 * parts, a),
        every(column + np.arange(count)[:, None, None] * 4 * parts, b),
        every(_QUAD, b),
    )


_SHAPES = {
    ("m16n8k4", "tf32"): _shape(4, 1),
    ("m16n8k8", "tf32"): _shape(8, 1),
    ("m16n8k8", "bf16"): _shape(8, 2),
    ("m16n8k16", "bf16"): _shape(16, 2),
    ("m16n8k8", "f16"): _shape(8, 2),
    ("m16n8k16", "f16"): _shape(16, 2),
}
_SUM_ROWS = _QUAD + np.array([0, 0, 8, 8])[:, None]
_SUM_COLUMNS = _WITHIN * 2 + np.array([0, 1, 0, 1])[:, None]


def step(instruction: Instruction, kernel: Kernel, variables: dict[str, int]):
    """Return the step of an mma instruction: d = a @ b + c for each warp."""
    _, *_, size, left, right, d, kind, other, c = instruction.opcode
    shape = _SHAPES.get((size, kind))
    if shape is None or (left, right, d, c) != ("row", "col", "f32", "f32") or other != kind:
        raise unknown(instruction)
    groups = instruction.operands
    wanted = (4, len(shape.a_rows), len(shape.b_rows), 4)
    if not all(isinstance(g, Group) for g in groups) or wanted != tuple(
        len(g.parts) for g in groups
    ):
        raise unknown(instruction)
    writes = [writer(o, "f32", kernel) for o in groups[0].parts]
    a_of, b_of = ([reader(o, "b32", kernel, variables) for o in g.parts] for g in groups[1:3])
    c_of = [reader(o, "f32", kernel, variables) for o in groups[3].parts]

    def run(frame):
        warps = len(frame.lanes) // 32
        lanes = frame.chunk.lane_of[frame.lanes]
        if len(lanes) % 32 or (lanes.reshape(-1, 32) != _LANE).any():
            why = f"{instruction.name} without all lanes of the warp"
            raise frame.chunk.error(instruction.line, int(frame.lanes[0]), why)

        def read(readers):
            given = [np.broadcast_to(r(frame.values), frame.lanes.shape) for r in readers]
            return np.stack(given).reshape(len(readers), warps, 32)

        a = np.zeros((warps, 16, shape.terms))
        b = np.zeros((warps, shape.terms, 8))
        for r, found in enumerate(_numbers(read(a_of), kind)):
            a[:, shape.a_rows[r], shape.a_columns[r]] = found
        for r, found in enumerate(_numbers(read(b_of), kind)):
            b[:, shape.b_rows[r], shape.b_columns[r]] = found
        product = a @ b
        for r, before in enumerate(read(c_of)):
            total = product[:, _SUM_ROWS[r], _SUM_COLUMNS[r]] + before
            writes[r](frame.values, total.astype(np.float32).reshape(-1))

    return run


def _numbers(registers: np.ndarray, kind: str) -> np.ndarray:
    """Return the numbers in registers: [register, warp, part, lane], in float64."""
    if kind == "tf32":  # the last 13 bits are not looked at
        whole = (registers & np.uint32(0xFFFFE000)).view(np.float32)
        return whole[:, :, None].astype(np.float64)
    parts = np.stack([registers & np.uint32(0xFFFF), registers >> np.uint32(16)], axis=2)
    if kind == "f16":
        return parts.astype(np.uint16).view(np.float16).astype(np.float64)
    return (parts << np.uint32(16)).view(np.float32).astype(np.float64)
