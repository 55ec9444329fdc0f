"""The functions `gradc.*` of tiles whose products are a GPU's tensor cores' -> LLVM text.

A warp multiplies 16 rows by 8 terms by 8 columns at once (`mma.m16n8k8` of TF32 numbers). The PTX
manual says which lane has what: with g = lane / 4 and t = lane % 4 a lane holds the sums of rows
g and g + 8, columns 2 t and 2 t + 1. Of both operands it brings along terms t and t + 4, read one
by one: they are wanted in registers in another order than they lie. Rows of shared memory end in
as many elements as keep the lanes in different banks.
"""

from __future__ import annotations

from collections.abc import Iterable

from gradc.runtime.cuda_device_tiles import (
    MATMULS,
    ON_GPU,
    THREADS,
    Form,
    Makers,
    clear,
    each,
    held,
    number,
    text_of,
)

ROWS, COLUMNS, TERMS = 16, 8, 8  # of one instruction
STEP = 16  # terms of a product are multiples of it
WARPS = THREADS // 32
PAD_OF_ROW, PAD_OF_TERM = 4, 8  # elements after the terms of a row, and after a term's row
_MMA = "llvm.nvvm.mma.m16n8k8.row.col.tf32"
_ROUND = "llvm.nvvm.f2tf32.rna"
_SUMS = "{ float, float, float, float }"
_ALWAYS = "alwaysinline nounwind"
_DECLARED = {
    _MMA: f"declare {_SUMS} @{_MMA}({', '.join(['i32'] * 6 + ['float'] * 4)})",
    _ROUND: f"declare i32 @{_ROUND}(float)",
}
_ROUNDED = [
    f"define float @gradc.round_tf32(float %x) {_ALWAYS} {{",
    f"  %bits = call i32 @{_ROUND}(float %x)",
    "  %r = bitcast i32 %bits to float",
    "  ret float %r",
    "}",
]


def gpu_tiles(names: Iterable[str]) -> str:
    """Return those of the functions that are named here, for a GPU."""
    given = list(names)
    text = text_of(given, ON_GPU, _ON_CORES)
    if "gradc.round_tf32" in given:
        text = "\n".join([text, *_ROUNDED])
    return "\n".join([text, *(line for name, line in _DECLARED.items() if f"@{name}(" in text)])


def fragments(form: Form) -> tuple[int, int]:
    """Return by how many instructions a warp has its rows and its columns.

    Of the ways to deal a tile out to the warps, the one that reads least of shared memory.
    """
    ways: list[tuple[int, int, int]] = []
    for across in (1, 2, 4, 8):
        rows, rest = divmod(form.rows * across, WARPS * ROWS)
        columns, more = divmod(form.columns, across * COLUMNS)
        if rows and columns and not rest and not more:
            ways.append((2 * rows + columns, columns, rows))
    _, columns, rows = min(ways)
    return rows, columns


def _place(form: Form) -> list[str]:
    """Return the lines that find where a lane stands: %g and %t, its warp's %top and %left."""
    rows, columns = fragments(form)
    across = form.columns // (COLUMNS * columns)
    return [
        "  %thread = call i32 @gradc.lane()",
        "  %lane = urem i32 %thread, 32",
        "  %warp = udiv i32 %thread, 32",
        "  %g = udiv i32 %lane, 4",
        "  %t = urem i32 %lane, 4",
        f"  %warp_row = udiv i32 %warp, {across}",
        f"  %warp_column = urem i32 %warp, {across}",
        f"  %top = mul nuw nsw i32 %warp_row, {ROWS * rows}",
        f"  %left = mul nuw nsw i32 %warp_column, {COLUMNS * columns}",
    ]


def _row(name: str, form: Form) -> list[str]:
    """Return the function that gives the row of a sum: four of each instruction, two in a row."""
    _, columns = fragments(form)
    return number(name, "i32 %at", [
        *_place(form),
        f"  %above = udiv i32 %at, {4 * columns}",
        f"  %of_above = mul nuw nsw i32 %above, {ROWS}",
        "  %two = udiv i32 %at, 2",
        "  %lower = urem i32 %two, 2",
        "  %of_lower = mul nuw nsw i32 %lower, 8",
        "  %first = add nuw nsw i32 %top, %g",
        "  %next = add nuw nsw i32 %first, %of_above",
        "  %r = add nuw nsw i32 %next, %of_lower",
    ])  # fmt: skip


def _column(name: str, form: Form) -> list[str]:
    """Return the function that gives the column of a sum."""
    _, columns = fragments(form)
    return number(name, "i32 %at", [
        *_place(form),
        "  %four = udiv i32 %at, 4",
        f"  %before = urem i32 %four, {columns}",
        f"  %of_before = mul nuw nsw i32 %before, {COLUMNS}",
        "  %own = urem i32 %at, 2",
        "  %of_t = mul nuw nsw i32 %t, 2",
        "  %first = add nuw nsw i32 %left, %of_t",
        "  %next = add nuw nsw i32 %first, %of_before",
        "  %r = add nuw nsw i32 %next, %own",
    ])  # fmt: skip


def _sums(count: int) -> list[str]:
    """Return the lines that load %s0 and so on, all that a lane holds."""
    lines: list[str] = []
    for e in range(count):
        lines.append(f"  %place{e} = getelementptr inbounds float, ptr %sums, i32 {e}")
        lines.append(f"  %s{e} = load float, ptr %place{e}")
    return lines


def _multiply_rows(name: str, form: Form) -> list[str]:
    """Return the function that multiplies each sum by the factor of its row."""
    rows, columns = fragments(form)
    lines = [f"define void @{name}(ptr %sums, ptr %factors) {_ALWAYS} {{", *_place(form)]
    lines.append("  %first = add nuw nsw i32 %top, %g")
    lines.append("  %at = getelementptr inbounds float, ptr %factors, i32 %first")
    for n in range(2 * rows):
        lines.append(f"  %f{n}.at = getelementptr inbounds float, ptr %at, i32 {8 * n}")
        lines.append(f"  %f{n} = load float, ptr %f{n}.at")
    lines += _sums(each(form))
    for e in range(each(form)):
        factor = f"%f{e // (4 * columns) * 2 + e // 2 % 2}"
        lines.append(f"  %r{e} = fmul float %s{e}, {factor}")
        lines.append(f"  store float %r{e}, ptr %place{e}")
    return [*lines, "  ret void", "}"]


def _operand(name: str, first: str, pitch: int, by_terms: bool) -> list[str]:
    """Return the lines that find a lane's first element of an operand, %x.at or %w.at."""
    own = f"%{name}.own"
    row, column = ("%t", own) if by_terms else (own, "%t")
    return [
        f"  {own} = add nuw nsw i32 {first}, %g",
        f"  %{name}.row = mul nuw nsw i32 {row}, {pitch}",
        f"  %{name}.place = add nuw nsw i32 %{name}.row, {column}",
        f"  %{name}.at = getelementptr inbounds i32, ptr %{name}, i32 %{name}.place",
    ]


def _pair(name: str, base: str, term: int, own: int, pitch: int, by_terms: bool) -> list[str]:
    """Return the lines that load both terms of a row or column, name.0 and name.1."""
    lines: list[str] = []
    for n in range(2):
        row, column = (term + 4 * n, own) if by_terms else (own, term + 4 * n)
        at = f"i32, ptr {base}, i32 {row * pitch + column}"
        lines.append(f"  {name}.{n}.at = getelementptr inbounds {at}")
        lines.append(f"  {name}.{n} = load i32, ptr {name}.{n}.at")
    return lines


def _add_matmul(name: str, form: Form) -> list[str]:
    """Return the function that adds the products of all terms, all unrolled."""
    rows, columns = fragments(form)
    (x_pitch, w_pitch), (x_by, w_by) = form.pitches, form.by_terms
    lines = [f"define void @{name}(ptr %sums, ptr %x, ptr %w) {_ALWAYS} {{", *_place(form)]
    lines += _operand("x", "%top", x_pitch, x_by) + _operand("w", "%left", w_pitch, w_by)
    lines += _sums(each(form))
    sums = [f"%s{e}" for e in range(each(form))]
    for k in range(0, form.terms, TERMS):
        for m in range(2 * rows):
            lines += _pair(f"%x{k}.{m}", "%x.at", k, 8 * m, x_pitch, x_by)
        for n in range(columns):
            lines += _pair(f"%w{k}.{n}", "%w.at", k, COLUMNS * n, w_pitch, w_by)
        for m in range(rows):
            for n in range(columns):
                first = 4 * (m * columns + n)
                x = [f"%x{k}.{2 * m + low}.{term}" for term in range(2) for low in range(2)]
                w = [f"%w{k}.{n}.{term}" for term in range(2)]
                given = [f"i32 {v}" for v in (*x, *w)]
                given += [f"float {v}" for v in sums[first : first + 4]]
                result = f"%r{k}.{m}.{n}"
                lines.append(f"  {result} = call {_SUMS} @{_MMA}({', '.join(given)})")
                for c in range(4):
                    sums[first + c] = f"{result}.{c}"
                    lines.append(f"  {result}.{c} = extractvalue {_SUMS} {result}, {c}")
    lines += [f"  store float {total}, ptr %place{e}" for e, total in enumerate(sums)]
    return [*lines, "  ret void", "}"]


_ON_CORES: Makers = {
    "clear": clear(each),
    "held": held(each),
    "row": _row,
    "column": _column,
    "multiply_rows": _multiply_rows,
    **dict.fromkeys(MATMULS, _add_matmul),
}
