"""Tiles whose products are the tensor cores': `tile_tf32`, `add_matmul` and its kin, `round_tf32`.

What cores multiply has the 10 bits of mantissa of TF32; sums are float32. Shared memory holds
either operand by terms or by rows of the tile, as it comes from memory.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from gradc.runtime.cuda_arrays import DeviceArrayType
from gradc.runtime.cuda_device_cores import PAD_OF_ROW, PAD_OF_TERM, STEP
from gradc.runtime.cuda_device_tiles import CORES
from gradc.runtime.cuda_frames import asked
from gradc.runtime.cuda_tiles import TileType, anywhere, tile_operation
from gradc.runtime.operation import Operation, signature

_I64 = ir.IntType(64)


def _add(name: str) -> Operation:
    """Return the operation tile += x @ w of matrices in shared memory.

    `t_matmul` has terms for rows of x, and `matmul` columns of the tile; `_t` says that of w. The
    rows of a matrix end in a few elements more, which are not read. With a fourth argument of
    `t_matmul`, the terms of x begin there.
    """
    x_by_terms, w_by_terms = name.startswith("add_t_"), not name.endswith("_t")

    def typing(context: Any, *args: Any) -> Any:
        if len(args) not in (3, 4) or not isinstance(args[0], TileType):
            return None
        tile, x, w, *first = args
        alike = all(isinstance(k, DeviceArrayType) and k.dtype == tile.dtype for k in (x, w))
        if tile.code != CORES or not alike or len(x.sizes) != 2 or len(w.sizes) != 2:
            return None
        x_terms = _terms(x, tile.rows, x_by_terms)
        w_terms = _terms(w, tile.columns, w_by_terms)
        if w_terms <= 0 or w_terms % STEP:
            return None
        if not first:
            return signature(types.void, tile, x, w) if x_terms == w_terms else None
        whole = isinstance(types.unliteral(first[0]), types.Integer)
        fits = whole and x_by_terms and x_terms >= w_terms
        return signature(types.void, tile, x, w, types.int64) if fits else None

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        tile, x, w, *_ = sig.args
        sums, left, right, *first = args
        left, right = anywhere(builder, x, left), anywhere(builder, w, right)
        if first:
            pitch = ir.Constant(_I64, x.sizes[1])
            at = builder.mul(first[0], pitch, flags=["nuw", "nsw"])
            left = builder.gep(left, [at], inbounds=True)
        terms = _terms(w, tile.columns, w_by_terms)
        form = f"{tile.name_of_device}.{terms}.{x.sizes[1]}.{w.sizes[1]}"
        asked(builder, f"{name}.{form}", ir.VoidType(), sums, left, right)
        return context.get_dummy_value()

    return Operation(name, typing, lowering)


def _terms(matrix: DeviceArrayType, size: int, by_terms: bool) -> int:
    """Return how many terms a matrix of shared memory has; 0 where it doesn't fit the tile."""
    rows, row = matrix.sizes
    if by_terms:
        return rows if row >= size + PAD_OF_TERM else 0
    return row - PAD_OF_ROW if rows == size else 0


def _round_typing(context: Any, *args: Any) -> Any:
    one = len(args) == 1 and types.unliteral(args[0]) == types.float32
    return signature(types.float32, types.float32) if one else None


def _round_lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Return the nearest number of 10 bits of mantissa, of two the one farther from 0."""
    return asked(builder, "round_tf32", ir.FloatType(), *args)


tile_tf32 = tile_operation(CORES)
add_matmul, add_matmul_t = _add("add_matmul"), _add("add_matmul_t")
add_t_matmul, add_t_matmul_t = _add("add_t_matmul"), _add("add_t_matmul_t")
round_tf32 = Operation("round_tf32", _round_typing, _round_lowering)
