"""`matmul(buffers, a, b, out)` and its variants by NumPy, for the Python interpreter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Product = Callable[[Any, Array, Array, Array], None]


def _product(*, a_transposed: bool = False, b_transposed: bool = False) -> tuple[Product, Product]:
    """Return the product that overwrites `out` and the one that adds to it."""

    def operands(a: Array, b: Array) -> Array:
        left = a.swapaxes(-1, -2) if a_transposed else a
        right = b.swapaxes(-1, -2) if b_transposed else b
        return np.matmul(left, right)

    def replace(buffers: Any, a: Array, b: Array, out: Array) -> None:
        out[...] = operands(a, b)

    def add(buffers: Any, a: Array, b: Array, out: Array) -> None:
        out += operands(a, b)

    return replace, add


matmul, matmul_add = _product()
matmul_t, matmul_t_add = _product(b_transposed=True)
t_matmul, t_matmul_add = _product(a_transposed=True)
t_matmul_t, t_matmul_t_add = _product(a_transposed=True, b_transposed=True)
batch_matmul, batch_matmul_add = matmul, matmul_add
batch_matmul_t, batch_matmul_t_add = matmul_t, matmul_t_add
batch_t_matmul, batch_t_matmul_add = t_matmul, t_matmul_add
batch_t_matmul_t, batch_t_matmul_t_add = t_matmul_t, t_matmul_t_add
