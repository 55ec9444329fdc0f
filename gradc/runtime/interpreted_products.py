"""`matmul(buffers, a, b, out)` and its variants by NumPy, for the Python interpreter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradc.runtime.interpreted_team import Columns, Rows, chunks

Array = NDArray[Any]
Product = Callable[..., None]


def _product(*, a_transposed: bool = False, b_transposed: bool = False) -> tuple[Product, Product]:
    """Return the product that overwrites `out` and the one that adds to it."""

    def blocks(a: Array, b: Array, out: Array, mine: Rows | None) -> Iterator[tuple[Array, Array]]:
        """Yield each part of `out` that is `mine`, and what belongs there."""
        left = a.swapaxes(-1, -2) if a_transposed else a
        right = b.swapaxes(-1, -2) if b_transposed else b
        if mine is None:
            yield out, np.matmul(left, right)
            return
        for chunk in chunks(mine):
            part = slice(chunk.first, chunk.last)
            if isinstance(mine, Columns):
                yield out[:, part], np.matmul(left, right[:, part])
            else:
                yield out[part], np.matmul(left[part], right if out.ndim == 2 else right[part])

    def replace(buffers: Any, a: Array, b: Array, out: Array, mine: Rows | None = None) -> None:
        for part, product in blocks(a, b, out, mine):
            part[...] = product

    def add(buffers: Any, a: Array, b: Array, out: Array, mine: Rows | None = None) -> None:
        for part, product in blocks(a, b, out, mine):
            part += product

    return replace, add


matmul, matmul_add = _product()
matmul_t, matmul_t_add = _product(b_transposed=True)
t_matmul, t_matmul_add = _product(a_transposed=True)
t_matmul_t, t_matmul_t_add = _product(a_transposed=True, b_transposed=True)
batch_matmul, batch_matmul_add = matmul, matmul_add
batch_matmul_t, batch_matmul_t_add = matmul_t, matmul_t_add
batch_t_matmul, batch_t_matmul_add = t_matmul, t_matmul_add
batch_t_matmul_t, batch_t_matmul_t_add = t_matmul_t, t_matmul_t_add
