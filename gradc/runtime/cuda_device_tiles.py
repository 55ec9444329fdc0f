"""The small functions `gradc.*` of tiles -> LLVM text for each device.

Those of tensor cores are in `cuda_device_cores`.

On a GPU each of the 256 threads of a block holds a small rectangle of a tile; on the emulated
device the one lane holds all of it. The rectangles of a warp are four in a column and eight in a
row, so that it reads few places of the shared memory of either operand at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

KINDS = {"f32": "float", "tf32": "float", "f64": "double", "i32": "i32", "i64": "i64", "u8": "i8"}
BYTES = {"f32": 4, "tf32": 4, "f64": 8, "i32": 4, "i64": 8, "u8": 1}
THREADS = 256
CORES = "tf32"  # sums of what tensor cores multiply
_FLOATING = ("f32", CORES, "f64")
_ALWAYS = "alwaysinline nounwind"
_NAME = re.compile(
    r"gradc\.(clear|multiply_add|multiply_rows|held|row|column|add_(?:t_)?matmul(?:_t)?)"
    r"\.(f32|tf32|f64|i32|i64|u8)\.(\d+)x(\d+)(?:\.(\d+)\.(\d+)\.(\d+))?"
)


@dataclass(frozen=True, slots=True)
class Form:
    """What the name of a function tells.

    Attributes:
        word: what it does.
        code: element type.
        rows, columns: of the tile.
        terms: how many products are added to each element; 0 where nothing is.
        pitches: how far apart the rows of both operands lie, in elements.
    """

    word: str
    code: str
    rows: int
    columns: int
    terms: int
    pitches: tuple[int, int]

    @property
    def kind(self) -> str:
        """LLVM's element type."""
        return KINDS[self.code]

    @property
    def by_terms(self) -> tuple[bool, bool]:
        """For both operands, whether a row in memory is a term's."""
        left = self.word in ("multiply_add", "add_t_matmul", "add_t_matmul_t")
        return left, not self.word.endswith("matmul_t")

    @property
    def own(self) -> tuple[int, int]:
        """Rows and columns that a thread of a GPU holds."""
        each = self.rows * self.columns // THREADS
        columns = 4 if each >= 16 else 2 if each >= 4 else 1
        return each // columns, columns

    @property
    def across(self) -> int:
        """Threads that share a row."""
        return self.columns // self.own[1]

    @property
    def lanes_across(self) -> int:
        """Those of one warp: eight, more where a tile has no rows for four below each other."""
        return max(min(self.across, 8), 32 * self.across // THREADS)


# half of the last bit is added to the size; NaN stays what it is
ROUND_TF32 = """
define float @gradc.round_tf32(float %x) alwaysinline nounwind {
  %bits = bitcast float %x to i32
  %more = add i32 %bits, 4096
  %cut = and i32 %more, -8192
  %near = bitcast i32 %cut to float
  %nan = fcmp uno float %x, %x
  %r = select i1 %nan, float %x, float %near
  ret float %r
}
"""
Makers = Mapping[str, Callable[[str, Form], list[str]]]


def emulated_tiles(names: Iterable[str]) -> str:
    """Return those of the functions that are named here, for one lane in each group."""
    given = list(names)
    text = text_of(given, EMULATED, EMULATED)
    return text + ROUND_TF32 if "gradc.round_tf32" in given else text


def text_of(names: Iterable[str], makers: Makers, cores: Makers) -> str:
    """Return the functions, and the declarations that they need.

    Args:
        names: of what is wanted, among other functions.
        makers: what writes a function.
        cores: what writes one of tiles that tensor cores add up.
    """
    texts: list[str] = []
    for name in sorted(names):
        found = _NAME.fullmatch(name)
        if found is not None:
            word, code, rows, columns, terms, x, w = found.groups()
            pitches = int(x or 0), int(w or 0)
            form = Form(word, code, int(rows), int(columns), int(terms or 0), pitches)
            texts += (cores if code == CORES else makers)[word](name, form)
    for operation in ("fma", "fmuladd"):
        for code in ("f32", "f64"):
            if any(f"@llvm.{operation}.{code}(" in line for line in texts):
                kinds = ", ".join([KINDS[code]] * 3)
                texts.append(f"declare {KINDS[code]} @llvm.{operation}.{code}({kinds})")
    if any("@llvm.memset" in line for line in texts):
        texts.append("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
    return "\n".join(texts)


def clear(count: Callable[[Form], int]) -> Callable[[str, Form], list[str]]:
    """Return what writes a function that sets so many elements to zero."""

    def text(name: str, form: Form) -> list[str]:
        size = count(form) * BYTES[form.code]
        return [
            f"define void @{name}(ptr %sums) {_ALWAYS} {{",
            f"  call void @llvm.memset.p0.i64(ptr %sums, i8 0, i64 {size}, i1 false)",
            "  ret void",
            "}",
        ]

    return text


def number(name: str, arguments: str, lines: list[str]) -> list[str]:
    """Return a function that gives a whole number, %r of its lines."""
    return [f"define i32 @{name}({arguments}) {_ALWAYS} {{", *lines, "  ret i32 %r", "}"]


def held(count: Callable[[Form], int]) -> Callable[[str, Form], list[str]]:
    """Return what writes a function that gives the number of elements held."""
    return lambda name, form: number(name, "", [f"  %r = add i32 0, {count(form)}"])


def _place(form: Form, word: str) -> list[str]:
    """Return the lines that find the first row or column, %first, that a thread of a GPU holds."""
    rows, columns = form.own
    across, lanes = form.across, form.lanes_across
    # The warps of a tile lie row by row, and so do the lanes of a warp.
    found, own, size = ("udiv", rows, 32 // lanes) if word == "row" else ("urem", columns, lanes)
    return [
        f"  %{word}_lane = call i32 @gradc.lane()",
        f"  %{word}_in_warp = urem i32 %{word}_lane, 32",
        f"  %{word}_warp = udiv i32 %{word}_lane, 32",
        f"  %{word}_of_warps = {found} i32 %{word}_warp, {across // lanes}",
        f"  %{word}_of_lanes = {found} i32 %{word}_in_warp, {lanes}",
        f"  %{word}_before = mul nuw nsw i32 %{word}_of_warps, {size}",
        f"  %{word}_thread = add nuw nsw i32 %{word}_before, %{word}_of_lanes",
        f"  %{word}_first = mul nuw nsw i32 %{word}_thread, {own}",
    ]


def _gpu_place(name: str, form: Form) -> list[str]:
    """Return the function that gives the row or column of an element that a thread holds."""
    found = "udiv" if form.word == "row" else "urem"
    lines = _place(form, form.word)
    lines.append(f"  %within = {found} i32 %at, {form.own[1]}")
    lines.append(f"  %r = add nuw nsw i32 %{form.word}_first, %within")
    return number(name, "i32 %at", lines)


def _emulated_place(name: str, form: Form) -> list[str]:
    """Return the function that gives the row or column of an element of the tile."""
    found = "udiv" if form.word == "row" else "urem"
    return number(name, "i32 %at", [f"  %r = {found} i32 %at, {form.columns}"])


def _product(form: Form, result: str, x: str, w: str, total: str, fused: str) -> list[str]:
    """Return the lines that compute x * w + total."""
    kind = form.kind
    if form.code in _FLOATING:
        given = f"{kind} {x}, {kind} {w}, {kind} {total}"
        code = "f32" if form.code == CORES else form.code
        return [f"  {result} = call {kind} @llvm.{fused}.{code}({given})"]
    return [f"  {result}.p = mul {kind} {x}, {w}", f"  {result} = add {kind} {total}, {result}.p"]


def _gpu_multiply_add(name: str, form: Form) -> list[str]:
    """Return the function, all unrolled: a column of x and a row of w for each term."""
    kind, (rows, columns) = form.kind, form.own
    lines = [f"define void @{name}(ptr %sums, ptr %x, ptr %w) {_ALWAYS} {{"]
    lines += [*_place(form, "row"), *_place(form, "column")]
    lines.append(f"  %x_at = getelementptr inbounds {kind}, ptr %x, i32 %row_first")
    lines.append(f"  %w_at = getelementptr inbounds {kind}, ptr %w, i32 %column_first")
    sums = [f"%s{e}" for e in range(rows * columns)]
    for e, total in enumerate(sums):
        lines.append(f"  %place{e} = getelementptr inbounds {kind}, ptr %sums, i32 {e}")
        lines.append(f"  {total} = load {kind}, ptr %place{e}")
    for k in range(form.terms):
        x, loads = _loaded(form, f"%x{k}", "%x_at", k * form.pitches[0], rows)
        w, more = _loaded(form, f"%w{k}", "%w_at", k * form.pitches[1], columns)
        lines += [*loads, *more]
        for e in range(rows * columns):
            result = f"%s{e}.{k}"
            lines += _product(form, result, x[e // columns], w[e % columns], sums[e], "fma")
            sums[e] = result
    lines += [f"  store {kind} {total}, ptr %place{e}" for e, total in enumerate(sums)]
    return [*lines, "  ret void", "}"]


def _loaded(
    form: Form, name: str, base: str, offset: int, count: int
) -> tuple[list[str], list[str]]:
    """Return the names of neighbouring elements, and the lines that load them, 16 bytes at once."""
    kind, size = form.kind, BYTES[form.code]
    wide = min(16 // size, count)
    names: list[str] = []
    lines: list[str] = []
    for first in range(0, count, wide):
        part = f"{name}.{first}"
        at = f"{kind}, ptr {base}, i32 {offset + first}"
        lines.append(f"  {part}.at = getelementptr inbounds {at}")
        vector = f"<{wide} x {kind}>"
        lines.append(f"  {part}.all = load {vector}, ptr {part}.at, align {wide * size}")
        for n in range(wide):
            lines.append(f"  {part}.{n} = extractelement {vector} {part}.all, i32 {n}")
            names.append(f"{part}.{n}")
    return names, lines


def _gpu_multiply_rows(name: str, form: Form) -> list[str]:
    """Return the function, all unrolled."""
    kind, (rows, columns) = form.kind, form.own
    lines = [f"define void @{name}(ptr %sums, ptr %factors) {_ALWAYS} {{", *_place(form, "row")]
    lines.append(f"  %at = getelementptr inbounds {kind}, ptr %factors, i32 %row_first")
    factors, loads = _loaded(form, "%f", "%at", 0, rows)
    lines += loads
    multiply = "fmul" if form.code in _FLOATING else "mul"
    for e in range(rows * columns):
        lines += [
            f"  %place{e} = getelementptr inbounds {kind}, ptr %sums, i32 {e}",
            f"  %s{e} = load {kind}, ptr %place{e}",
            f"  %r{e} = {multiply} {kind} %s{e}, {factors[e // columns]}",
            f"  store {kind} %r{e}, ptr %place{e}",
        ]
    return [*lines, "  ret void", "}"]


def _emulated_multiply_rows(name: str, form: Form) -> list[str]:
    """Return the function as a loop over all elements of the tile."""
    kind = form.kind
    multiply = "fmul" if form.code in _FLOATING else "mul"
    return [
        f"define void @{name}(ptr %sums, ptr %factors) nounwind {{",
        "entry:",
        "  br label %loop",
        "loop:",
        "  %e = phi i32 [ 0, %entry ], [ %e.next, %loop ]",
        f"  %row = udiv i32 %e, {form.columns}",
        f"  %factor.at = getelementptr {kind}, ptr %factors, i32 %row",
        f"  %factor = load {kind}, ptr %factor.at",
        f"  %place = getelementptr {kind}, ptr %sums, i32 %e",
        f"  %old = load {kind}, ptr %place",
        f"  %new = {multiply} {kind} %old, %factor",
        f"  store {kind} %new, ptr %place",
        "  %e.next = add i32 %e, 1",
        f"  %more = icmp ult i32 %e.next, {form.rows * form.columns}",
        "  br i1 %more, label %loop, label %done",
        "done:",
        "  ret void",
        "}",
    ]


def _emulated_multiply_add(name: str, form: Form) -> list[str]:
    """Return the function as loops over terms, rows and columns of the whole tile."""
    kind = form.kind
    (x_term, x_next), (w_term, w_next) = (
        (pitch, 1) if by_terms else (1, pitch)
        for pitch, by_terms in zip(form.pitches, form.by_terms, strict=True)
    )
    return [
        f"define void @{name}(ptr %sums, ptr %x, ptr %w) nounwind {{",
        "entry:",
        "  br label %terms",
        "terms:",
        "  %k = phi i32 [ 0, %entry ], [ %k.next, %rows.done ]",
        f"  %x.k = mul i32 %k, {x_term}",
        f"  %w.k = mul i32 %k, {w_term}",
        f"  %x.at = getelementptr {kind}, ptr %x, i32 %x.k",
        f"  %w.at = getelementptr {kind}, ptr %w, i32 %w.k",
        "  br label %rows",
        "rows:",
        "  %a = phi i32 [ 0, %terms ], [ %a.next, %columns.done ]",
        f"  %x.a = mul i32 %a, {x_next}",
        f"  %x.place = getelementptr {kind}, ptr %x.at, i32 %x.a",
        f"  %x.value = load {kind}, ptr %x.place",
        f"  %row = mul i32 %a, {form.columns}",
        "  br label %columns",
        "columns:",
        "  %b = phi i32 [ 0, %rows ], [ %b.next, %columns ]",
        f"  %w.b = mul i32 %b, {w_next}",
        f"  %w.place = getelementptr {kind}, ptr %w.at, i32 %w.b",
        f"  %w.value = load {kind}, ptr %w.place",
        "  %e = add i32 %row, %b",
        f"  %place = getelementptr {kind}, ptr %sums, i32 %e",
        f"  %old = load {kind}, ptr %place",
        *_product(form, "%new", "%x.value", "%w.value", "%old", "fmuladd"),
        f"  store {kind} %new, ptr %place",
        "  %b.next = add i32 %b, 1",
        f"  %b.more = icmp ult i32 %b.next, {form.columns}",
        "  br i1 %b.more, label %columns, label %columns.done",
        "columns.done:",
        "  %a.next = add i32 %a, 1",
        f"  %a.more = icmp ult i32 %a.next, {form.rows}",
        "  br i1 %a.more, label %rows, label %rows.done",
        "rows.done:",
        "  %k.next = add i32 %k, 1",
        f"  %k.more = icmp ult i32 %k.next, {form.terms}",
        "  br i1 %k.more, label %terms, label %done",
        "done:",
        "  ret void",
        "}",
    ]


def each(form: Form) -> int:
    """Return how many elements a thread of a GPU holds."""
    return form.rows * form.columns // THREADS


def _all(form: Form) -> int:
    return form.rows * form.columns


MATMULS = ("add_matmul", "add_matmul_t", "add_t_matmul", "add_t_matmul_t")
ON_GPU: Makers = {
    "clear": clear(each),
    "held": held(each),
    "row": _gpu_place,
    "column": _gpu_place,
    "multiply_add": _gpu_multiply_add,
    "multiply_rows": _gpu_multiply_rows,
}
EMULATED: Makers = {
    "clear": clear(_all),
    "held": held(_all),
    "row": _emulated_place,
    "column": _emulated_place,
    "multiply_rows": _emulated_multiply_rows,
    **dict.fromkeys(("multiply_add", *MATMULS), _emulated_multiply_add),
}
