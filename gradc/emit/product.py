"""A product from tiles -> the text of its kernel: loops around a tile of sums in registers."""

from __future__ import annotations

from gradc.emit.arguments import CODES
from gradc.emit.expression import literal
from gradc.emit.strip_product import strip_product
from gradc.emit.thin_product import thin_product
from gradc.emit.writer import Writer
from gradc.ir.dtype import DType
from gradc.schedule.plan import Product
from gradc.schedule.product_tiles import PANEL_TERMS, ProductTiles

WORDS = "tile_matmul tile_t_matmul load_tile pack pack_t panel_f32 panel_f64 minimum".split()


def product_kernel(
    name: str, product: Product, dtype: DType, used: set[str], mine: str = ""
) -> str:
    """Return the kernel's text; products of other sizes that are cut alike share it.

    With `rows` it takes the rows i of the result that it is to compute, or the matrices n of a
    batch; with `columns` the columns j.
    """
    writer = Writer()
    code, batched = CODES[dtype], product.batch > 0
    array = f"{code}[:,:,:]" if batched else f"{code}[:,:]"
    tiles = product.choice.tiles
    strips = tiles is not None and tiles.strips > 0
    right = f"{code}[:,:,:]" if strips else array
    writer.quote("@kernel", ", ".join((array, right, array, *([mine] if mine else []))))
    given = ("a", "panels" if strips else "b", "out", *([mine] if mine else []))
    with writer.block(f"def {name}({', '.join(given)}):"):
        if tiles is None:
            thin_product(writer, product, literal(0, dtype, used)[0], mine)
        else:
            write = strip_product if strips else _body
            write(writer, product, tiles, code, mine)
            used.update(("store_tile", "tiled", f"tile_{code}"))
    used.add("kernel")
    used.update(w for w in WORDS if f"{w}(" in str(writer))
    return str(writer)


def _body(writer: Writer, product: Product, tiles: ProductTiles, code: str, mine: str) -> None:
    """Write loops over the batch, parts of the terms, columns and rows."""
    lead = "n, " if product.batch else ""
    left = f"{lead}k, i" if product.left.transposed else f"{lead}i, k"
    right = f"{lead}j, k" if product.right.transposed else f"{lead}k, j"
    there = f"{lead}i, j"
    first = len(lead) // 3
    height, lanes, several = tiles.rows.size, tiles.columns.size, tiles.panels > 1
    heights = mine if mine == "rows" and not product.batch else f"out.shape[{first}]"
    widths = mine if mine == "columns" else f"out.shape[{first + 1}]"
    writer.comment(f"out[{there}] = sum over k of a[{left}] * b[{right}]")
    summed = f"a.shape[{first if product.left.transposed else first + 1}]"
    cut = tiles.terms < product.terms
    if tiles.packs:
        what = f"{lanes} {'rows' if product.right.transposed else 'columns'} of b"
        size = tiles.terms if cut or several else PANEL_TERMS
        kept = f"{tiles.panels}, " if several else ""
        turned = ", transposed" if product.right.transposed else ""
        each = f"{tiles.panels} times " if several else ""
        name = "panels" if several else "panel"
        writer.line(f"{name} = panel_{code}({kept}{size}, {lanes})  # {each}{what}{turned}")
    if product.batch:
        writer.open(f"for n in {mine or 'range(out.shape[0])'}:")
    at, count = "k" if cut else "0", summed
    if cut:
        writer.open(f"for k in range(0, {summed}, {tiles.terms}):")
        count = str(tiles.terms)
        if product.terms % tiles.terms:
            count = "terms"
            writer.line(f"terms = minimum({tiles.terms}, {summed} - k)")
    writer.open(f"for j in tiled({widths}, {tiles.width}):")
    column = f"j + {lanes} * p" if several else "j"
    source = f"b, ({right.replace('j', column).replace('k', at)})"
    if tiles.packs:
        pack = "pack_t" if product.right.transposed else "pack"
        if several:
            with writer.block(f"for p in range({tiles.panels}):"):
                writer.line(f"{pack}(panels[p], {source}, {count}, {lanes})")
        else:
            writer.line(f"{pack}(panel, {source}, {count}, {lanes})")
        source = "panels, (p, 0, 0)" if several else "panel, (0, 0)"
    writer.open(f"for i in tiled({heights}, {height}):")
    if several:
        writer.open(f"for p in range({tiles.panels}):")
    target = f"out, ({there.replace('j', column)}), ({'0, ' * first}1, 0)"
    writer.line(f"tile = tile_{code}({height}, {lanes})")
    if cut:
        with writer.block("if k > 0:"):
            writer.line(f"tile = load_tile(tile, {target})")
    multiply = "tile_t_matmul" if product.left.transposed else "tile_matmul"
    factors = f"a, ({left.replace('k', at)})"
    writer.call(multiply, ["tile", factors, source, count], "tile = ")
    writer.line(f"store_tile(tile, {target})")
