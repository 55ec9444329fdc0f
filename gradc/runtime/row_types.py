"""The Numba types of rows, columns, chunks and tiles, and of walking through them."""

from __future__ import annotations

from numba.core import types


class Rows(types.SimpleIterableType):
    """Positions along an axis; iterating gives each as int64."""


class RowsAt(types.SimpleIteratorType):
    """A place among rows."""


class Columns(types.Type):
    """Columns of a product's result."""


class Chunks(types.SimpleIterableType):
    """Rows, walked through block by block."""


class ChunksAt(types.SimpleIteratorType):
    """A place among chunks."""


class Tiled(types.SimpleIterableType):
    """Rows, walked through tile by tile; the last one ends with the rows."""


class TiledAt(types.SimpleIteratorType):
    """A place among tiles."""


ROWS_AT = RowsAt("rows_at", types.int64)
ROWS = Rows("rows", ROWS_AT)
COLUMNS = Columns("columns")
CHUNKS_AT = ChunksAt("chunks_at", ROWS)
CHUNKS = Chunks("chunks", CHUNKS_AT)
TILED_AT = TiledAt("tiled_at", types.int64)
TILED = Tiled("tiled", TILED_AT)
