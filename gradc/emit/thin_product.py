"""A thin matrix times a vector -> the text of its kernel: sums of a few terms, or a few sums."""

from __future__ import annotations

from gradc.emit.writer import Writer
from gradc.schedule.plan import Product

TOGETHER = 8  # rows whose products are added before a sum of eight waits for the one before


def thin_product(writer: Writer, product: Product, zero: str, rows: str) -> None:
    """Write the body of the kernel; with `rows`, of these rows of the result."""
    right = "0, {}" if product.right.transposed else "{}, 0"
    if product.left.transposed:
        _few_sums(writer, product, zero, right)
    else:
        _few_terms(writer, product, zero, right, rows)


def _few_terms(writer: Writer, product: Product, zero: str, right: str, rows: str) -> None:
    """Write a sum of few terms for each row."""
    factor = right.format("k")
    writer.comment(f"out[i, 0] = sum over k of a[i, k] * b[{factor}], all k of a row at once")
    with writer.block(f"for i in {rows or 'range(out.shape[0])'}:"):
        writer.line(f"total = {zero}")
        with writer.block(f"for k in range({product.terms}):"):
            writer.line(f"total += a[i, k] * b[{factor}]")
        writer.line("out[i, 0] = total")


def _few_sums(writer: Writer, product: Product, zero: str, right: str) -> None:
    """Write few sums over all rows.

    LLVM makes vectors of rows, but for eight sums: they are a vector themselves, and would add one
    row after the other.
    """
    sums = f"for i in range({product.rows}):"
    several = product.rows == TOGETHER
    what = f"{TOGETHER} rows" if several else "a row"
    factor = right.format("k")
    writer.comment(f"out[i, 0] = sum over k of a[k, i] * b[{factor}], all i of {what} at once")
    with writer.block(sums):
        writer.line(f"out[i, 0] = {zero}")
    left = "a.shape[0]"
    if several:
        with (
            writer.block(f"for first in range(0, a.shape[0] - {TOGETHER - 1}, {TOGETHER}):"),
            writer.block(sums),
        ):
            writer.line(f"total = {zero}")
            with writer.block(f"for k in range(first, first + {TOGETHER}):"):
                writer.line(f"total += a[k, i] * b[{factor}]")
            writer.line("out[i, 0] += total")
        left = f"a.shape[0] // {TOGETHER} * {TOGETHER}, a.shape[0]"
    with writer.block(f"for k in range({left}):"), writer.block(sums):
        writer.line(f"out[i, 0] += a[k, i] * b[{factor}]")
