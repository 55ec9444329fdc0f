"""Tiles and shared memory of CUDA kernels in plain Python: a lane holds every so-many-th sum."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradc.runtime.interpreted_group import Group

Array = NDArray[Any]
PAD_OF_ROW = 4  # elements after the terms of a row
DTYPES = {
    "f32": np.float32,
    "f64": np.float64,
    "i32": np.int32,
    "i64": np.int64,
    "u8": np.uint8,
    "b1": np.bool_,
}


@dataclass(slots=True)
class Tile:
    """A block's tile of sums, of which a lane uses what it holds.

    Attributes:
        sums: of the whole tile.
        own: which elements the lane holds.
    """

    sums: Array
    own: Array


@dataclass(slots=True)
class TileWords:
    """The words of one lane.

    Args:
        group: the lanes.
        number: of this one.
        lanes: how many there are.
        arrays: how many shared arrays this lane has called for.
    """

    group: Group
    number: int
    lanes: int
    arrays: int = 0

    def shared(self, code: str, *sizes: int) -> Array:
        """Return an array that all lanes of the group see, full of what is to be overwritten."""
        number, self.arrays = self.arrays, self.arrays + 1
        dtype = np.dtype(DTYPES[code])

        def make() -> Array:
            unwritten = np.nan if dtype.kind == "f" else 77
            return np.full(sizes, unwritten, dtype)

        return self.group.memory(number, make)

    def tile(self, code: str, rows: int, columns: int) -> Tile:
        """Return zeros."""
        numbers = np.arange(rows * columns).reshape(rows, columns)
        return Tile(np.zeros((rows, columns), DTYPES[code]), numbers % self.lanes == self.number)

    def vocabulary(self) -> dict[str, Callable[..., Any]]:
        """Return the names that the text of a kernel may use."""
        names: dict[str, Callable[..., Any]] = {"multiply_add": multiply_add, "held": held}
        names["multiply_rows"] = multiply_rows
        for code in DTYPES:
            names[f"shared_{code}"] = partial(self.shared, code)
            names[f"tile_{code}"] = partial(self.tile, code)
        names["tile_tf32"] = partial(self.tile, "f32")
        for left in ("matmul", "t_matmul"):
            for right in ("", "_t"):
                names[f"add_{left}{right}"] = partial(add_matmul, left == "matmul", right == "_t")
        return names


def multiply_add(tile: Tile, x: Array, w: Array, first: int = 0) -> None:
    """Add x[first + k, a] * w[k, b] to element (a, b), one k after the other."""
    rows, columns = tile.sums.shape
    for k in range(len(w)):
        products = np.multiply.outer(x[first + k, :rows], w[k, :columns])
        np.add(tile.sums, products, out=tile.sums, where=tile.own)


def add_matmul(by_rows: bool, by_columns: bool, tile: Tile, x: Array, w: Array, *at: int) -> None:
    """Add the products of a matrix of shared memory, x or its transpose, and another.

    Args:
        by_rows: whether x has a row for each row of the tile; else it is transposed.
        by_columns: whether w has a row for each column of the tile; so it is transposed.
        tile: what is added to.
        x: with a few elements more at the end of its rows.
        w: likewise.
        at: where the terms of x begin.
    """
    terms = w.shape[1] - PAD_OF_ROW if by_columns else len(w)
    multiply_add(tile, x.T if by_rows else x, w.T[:terms] if by_columns else w, *at)


def multiply_rows(tile: Tile, factors: Array) -> None:
    """Multiply each row by its factor."""
    np.multiply(tile.sums, factors[:, None], out=tile.sums, where=tile.own)


def held(*tiles: Tile) -> Iterator[tuple[Any, ...]]:
    """Give row, column and the sums of each element that the lane holds of tiles of one size."""
    for a, b in np.argwhere(tiles[0].own):
        yield int(a), int(b), *(tile.sums[a, b] for tile in tiles)


def unravel(place: int, *sizes: int) -> tuple[int, ...]:
    """Return the position along each axis; the first size is not needed."""
    index: list[int] = []
    for size in reversed(sizes):
        place, at = divmod(int(place), size)
        index.insert(0, at)
    return (int(place), *index)
