"""A product from tiles -> the text of its kernel: loops around a tile of sums in registers."""

from __future__ import annotations

from gradc.emit.arguments import CODES
from gradc.emit.expression import literal
from gradc.emit.thin_product import thin_product
from gradc.emit.writer import Writer
from gradc.ir.dtype import DType
from gradc.schedule.plan import Product
from gradc.schedule.product_tiles import PANEL_TERMS, ProductTiles

WORDS = "tile_matmul tile_t_matmul load_tile pack pack_t panel_f32 panel_f64 minimum".split()


def product_kernel(
    name: str, product: Product, dtype: DType, used: set[str], rows: str = ""
) -> str:
    """Return the kernel's text; products of other sizes that are cut alike share it.

    With `rows` it takes the rows i of the result that it is to compute, or the matrices n of a
    batch.
    """
    writer = Writer()
    code, batched = CODES[dtype], product.batch > 0
    array = f"{code}[:,:,:]" if batched else f"{code}[:,:]"
    mine = [rows] if rows else []
    writer.quote("@kernel", ", ".join([*[array] * 3, *mine]))
    with writer.block(f"def {name}({', '.join(('a', 'b', 'out', *mine))}):"):
        if product.choice.tiles is None:
            thin_product(writer, product, literal(0, dtype, used)[0], rows)
        else:
            _body(writer, product, product.choice.tiles, code, rows)
            used.update(("store_tile", "tiled", f"tile_{code}"))
    used.add("kernel")
    used.update(w for w in WORDS if f"{w}(" in str(writer))
    return str(writer)


def _body(writer: Writer, product: Product, tiles: ProductTiles, code: str, rows: str) -> None:
    """Write loops over the batch, parts of the terms, columns and rows."""
    lead = "n, " if product.batch else ""
    left = f"{lead}k, i" if product.left.transposed else f"{lead}i, k"
    right = f"{lead}j, k" if product.right.transposed else f"{lead}k, j"
    there = f"{lead}i, j"
    first = len(lead) // 3
    height, lanes = tiles.rows.size, tiles.columns.size
    writer.comment(f"out[{there}] = sum over k of a[{left}] * b[{right}]")
    summed = f"a.shape[{first if product.left.transposed else first + 1}]"
    cut = tiles.terms < product.terms
    if tiles.packs:
        what = (
            f"{lanes} rows of b, transposed"
            if product.right.transposed
            else f"{lanes} columns of b"
        )
        size = tiles.terms if cut else PANEL_TERMS
        writer.line(f"panel = panel_{code}({size}, {lanes})  # {what}")
    if product.batch:
        _open(writer, f"for n in {rows or 'range(out.shape[0])'}:")
    at, count = "k" if cut else "0", summed
    if cut:
        _open(writer, f"for k in range(0, {summed}, {tiles.terms}):")
        count = str(tiles.terms)
        if product.terms % tiles.terms:
            count = "terms"
            writer.line(f"terms = minimum({tiles.terms}, {summed} - k)")
    _open(writer, f"for j in tiled(out.shape[{first + 1}], {lanes}):")
    source = f"b, ({right.replace('k', at)})"
    if tiles.packs:
        pack = "pack_t" if product.right.transposed else "pack"
        writer.line(f"{pack}(panel, {source}, {count}, {lanes})")
        source = "panel, (0, 0)"
    heights = rows if rows and not product.batch else f"out.shape[{first}]"
    _open(writer, f"for i in tiled({heights}, {height}):")
    target = f"out, ({there}), ({'0, ' * first}1, 0)"
    writer.line(f"tile = tile_{code}({height}, {lanes})")
    if cut:
        with writer.block("if k > 0:"):
            writer.line(f"tile = load_tile(tile, {target})")
    multiply = "tile_t_matmul" if product.left.transposed else "tile_matmul"
    factors = f"a, ({left.replace('k', at)})"
    writer.call(multiply, ["tile", factors, source, count], "tile = ")
    writer.line(f"store_tile(tile, {target})")


def _open(writer: Writer, head: str) -> None:
    """Write the head of a loop, and go inside."""
    writer.line(head)
    writer.depth += 1
