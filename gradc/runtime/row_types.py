"""The Numba types of rows, columns and chunks, and of walking through them."""

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


ROWS_AT = RowsAt("rows_at", types.int64)
ROWS = Rows("rows", ROWS_AT)
COLUMNS = Columns("columns")
CHUNKS_AT = ChunksAt("chunks_at", ROWS)
CHUNKS = Chunks("chunks", CHUNKS_AT)
