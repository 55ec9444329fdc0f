"""A product with its right operand in panels -> its kernel, and the kernel that fills the panels.

The left operand is a transpose whose rows lie so far apart that they evict each other from the
cache: those of a few tiles are copied side by side, then used with every panel. So whole rows of
the result are done at a time.
"""

from __future__ import annotations

from gradc.emit.writer import Writer
from gradc.schedule.plan import Product
from gradc.schedule.product_tiles import PANEL_TERMS, STRIP_TERMS, ProductTiles


def strip_product(
    writer: Writer, product: Product, tiles: ProductTiles, code: str, mine: str
) -> None:
    """Write loops over blocks of rows, parts of the terms, panels and tiles."""
    height, lanes, count = tiles.rows.size, tiles.columns.size, tiles.strips
    cut = tiles.terms < product.terms
    writer.comment("out[i, j] = sum over k of a[k, i] * b[k, j], the columns j in panels")
    about = f"{count} times {height} columns of a"
    size = tiles.terms if cut else PANEL_TERMS
    writer.line(f"strips = panel_{code}({count}, {size}, {height})  # {about}")
    writer.open(f"for i in tiled({mine or 'out.shape[0]'}, {tiles.block.size}):")
    first, terms = "", "a.shape[0]"
    if cut:
        writer.open(f"for first in range(0, a.shape[0], {tiles.terms}):")
        writer.line(f"terms = minimum({tiles.terms}, a.shape[0] - first)")
        first, terms = "first + ", "terms"
    with writer.block(f"for k in range(0, {terms}, {STRIP_TERMS}):"):
        writer.line(f"few = minimum({STRIP_TERMS}, {terms} - k)")
        with writer.block(f"for s in range({count}):"):
            writer.line(f"pack(strips[s, k:], a, ({first}k, i + {height} * s), few, {height})")
    writer.open("for p in range(panels.shape[0]):")
    writer.open(f"for s in range({count}):")
    target = f"out, (i + {height} * s, {lanes} * p), (1, 0)"
    writer.line(f"tile = tile_{code}({height}, {lanes})")
    if cut:
        with writer.block("if first > 0:"):
            writer.line(f"tile = load_tile(tile, {target})")
    begin = "first" if cut else "0"
    factors = ["tile", "strips, (s, 0, 0)", f"panels, (p, {begin}, 0)", terms]
    writer.call("tile_t_matmul", factors, "tile = ")
    writer.line(f"store_tile(tile, {target})")


def panels_kernel(name: str, code: str, lanes: int, *, transposed: bool, mine: str) -> str:
    """Return the kernel that copies columns of a matrix, or of a transpose, to panels."""
    writer = Writer()
    rows = f", {mine}" if mine else ""
    writer.quote("@kernel", f"{code}[:,:], {code}[:,:,:]{rows}")
    with writer.block(f"def {name}(b, panels{rows}):"):
        what = "rows" if transposed else "columns"
        writer.comment(f"panels[p] = {lanes} {what} of b{', transposed' * transposed}")
        with writer.block(f"for p in {mine or 'range(panels.shape[0])'}:"):
            place = f"({lanes} * p, 0)" if transposed else f"(0, {lanes} * p)"
            pack = "pack_t" if transposed else "pack"
            writer.line(f"{pack}(panels[p], b, {place}, panels.shape[1], {lanes})")
    return str(writer)
