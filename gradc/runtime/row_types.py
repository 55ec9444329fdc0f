"""The Numba types of rows, columns, chunks and tiles, which loops of generated text go through."""

from __future__ import annotations

from numba.core import types


class Rows(types.Type):
    """Positions along an axis; a loop gives each as int64."""


class Columns(types.Type):
    """Columns of a product's result."""


class Chunks(types.Type):
    """Rows, walked through block by block."""


class Tiled(types.Type):
    """Rows, walked through tile by tile; the last one ends with the rows."""


ROWS, COLUMNS, CHUNKS, TILED = Rows("rows"), Columns("columns"), Chunks("chunks"), Tiled("tiled")
