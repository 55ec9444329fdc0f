"""Register tiles as NumPy arrays, for the Python interpreter."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Index = tuple[int, ...]


def tile_f32(*sizes: int) -> Array:
    """Return a tile of zeros: rows along one axis or two, then lanes."""
    return np.zeros(sizes, np.float32)


def tile_f64(*sizes: int) -> Array:
    """Return a tile of zeros: rows along one axis or two, then lanes."""
    return np.zeros(sizes, np.float64)


def _rows(tile: Array, at: Index, steps: Any) -> list[tuple[Index, Index]]:
    """Return the number of each row, and where it lies in an array."""
    axes = steps if isinstance(steps[0], tuple) else (steps,)
    found: list[tuple[Index, Index]] = []
    for number in product(*map(range, tile.shape[:-1])):
        moved = np.array(at) + np.array(number) @ np.array(axes)
        found.append((number, tuple(moved.tolist())))
    return found


def _lanes(tile: Array, at: Index) -> tuple[Any, ...]:
    """Return the subscript of a row's lanes."""
    return (*at[:-1], slice(at[-1], at[-1] + tile.shape[-1]))


def multiply_add(tile: Array, x: Array, at_x: Index, steps: Any, w: Array, at_w: Index) -> Array:
    """Return tile[row] + x[at_x + row * steps] * w[at_w : at_w + lanes]."""
    weights = w[_lanes(tile, at_w)]
    total = tile.copy()
    for number, at in _rows(tile, at_x, steps):
        total[number] += x[at] * weights
    return total


def load_tile(tile: Array, y: Array, at: Index, steps: Any) -> Array:
    """Return the rows y[at + row * steps : ... + lanes]."""
    found = np.empty_like(tile)
    for number, place in _rows(tile, at, steps):
        found[number] = y[_lanes(tile, place)]
    return found


def store_tile(tile: Array, y: Array, at: Index, steps: Any) -> None:
    """Set y[at + row * steps : ... + lanes] to the rows."""
    for number, place in _rows(tile, at, steps):
        y[_lanes(tile, place)] = tile[number]


def tile_matmul(tile: Array, a: Array, at_a: Index, b: Array, at_b: Index, count: int) -> Array:
    """Return tile + a[i : i + rows, k : k + count] @ b[k : k + count, j : j + lanes]."""
    *n, i, k = at_a
    rows = a[(*n, slice(i, i + tile.shape[0]), slice(k, k + count))]
    return tile + np.matmul(rows, _terms(tile, b, at_b, count))


def tile_t_matmul(tile: Array, a: Array, at_a: Index, b: Array, at_b: Index, count: int) -> Array:
    """Return tile + a[k : k + count, i : i + rows].T @ b[k : k + count, j : j + lanes]."""
    *n, k, i = at_a
    columns = a[(*n, slice(k, k + count), slice(i, i + tile.shape[0]))]
    return tile + np.matmul(columns.T, _terms(tile, b, at_b, count))


def _terms(tile: Array, b: Array, at: Index, count: int) -> Array:
    """Return the part of the right operand."""
    *n, k, j = at
    return b[(*n, slice(k, k + count), slice(j, j + tile.shape[-1]))]


def panel_f32(*sizes: int) -> Array:
    """Return an array to pack parts of an operand into."""
    return np.empty(sizes, np.float32)


def panel_f64(*sizes: int) -> Array:
    """Return an array to pack parts of an operand into."""
    return np.empty(sizes, np.float64)


def pack(panel: Array, b: Array, at: Index, rows: int, lanes: int) -> None:
    """Set panel[k, l] to b[at + (k, l)]."""
    *n, k, j = at
    panel[:rows, :lanes] = b[(*n, slice(k, k + rows), slice(j, j + lanes))]


def pack_t(panel: Array, b: Array, at: Index, rows: int, lanes: int) -> None:
    """Set panel[k, l] to b[at + (l, k)]."""
    *n, j, k = at
    panel[:rows, :lanes] = b[(*n, slice(j, j + lanes), slice(k, k + rows))].T
