"""`matmul(buffers, a, b, out)` and its variants -> a BLAS call, or loops where there is no BLAS.

A fifth argument, rows or columns of `out`, is the share of one thread; it is computed block by
block, so that BLAS gets the same slices whatever the number of threads. Rows of a batched
product are matrices of the batch.

The BLAS function is called through the table, with every integer passed as 64 bits. A library
with 32-bit integers reads the low half: on x86-64 and on AArch64 Linux each argument has a
register or an 8-byte slot of its own (`blas.py` takes no such library on Apple's arm64, which
packs them).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.cgutils import (
    alloca_once_value,
    create_struct_proxy,
    for_range,
    for_range_slice,
)

from gradc.runtime.arrays import Parts, parts
from gradc.runtime.decorators import TABLE
from gradc.runtime.operation import Operation, signature
from gradc.runtime.row_types import COLUMNS, ROWS

_I64 = ir.IntType(64)
_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112
_SLOT = {types.float32: 0, types.float64: 1}


@dataclass(frozen=True, slots=True)
class _Form:
    """Which operands are transposed, and whether the product is added to what is there."""

    a_transposed: bool
    b_transposed: bool
    adds: bool

    @property
    def name(self) -> str:
        """The operation's name: `t_matmul_t_add` is out += a.T @ b.T."""
        parts = ["t_" * self.a_transposed, "matmul", "_t" * self.b_transposed, "_add" * self.adds]
        return "".join(parts)


@dataclass(frozen=True, slots=True)
class _Matrix:
    """An operand: its address, sizes, and strides counted in elements."""

    data: Any
    shape: tuple[Any, Any]
    strides: tuple[Any, Any]

    def turned(self) -> _Matrix:
        """Return its transpose."""
        return _Matrix(self.data, self.shape[::-1], self.strides[::-1])

    def slice(self, builder: Any, axis: int, first: Any, count: Any) -> _Matrix:
        """Return `count` positions along an axis, from `first` on."""
        data = builder.gep(self.data, [builder.mul(first, self.strides[axis])])
        shape = (count, self.shape[1]) if axis == 0 else (self.shape[0], count)
        return _Matrix(data, shape, self.strides)


def _product(form: _Form, axes: int) -> Operation:
    """Return the operation of one form on arrays of 2 axes, or of 3 with a batch first."""

    def typing(context: Any, table: Any, *args: Any) -> Any:
        arrays, shared = args[:3], args[3:]
        if shared not in ((), (ROWS,), *[(COLUMNS,)] * (axes == 2)):
            return None
        fits = table == TABLE and len(arrays) == 3
        fits = fits and all(isinstance(x, types.Array) and x.ndim == axes for x in arrays)
        if not fits or len({x.dtype for x in arrays}) != 1:
            return None
        if not isinstance(arrays[0].dtype, types.Float | types.Integer):
            return None
        return signature(types.void, TABLE, *arrays, *shared)

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        element = sig.args[1].dtype
        worker = _worker(context, builder.module, form, element)
        arrays = [
            parts(context, builder, kind, value)
            for kind, value in zip(sig.args[1:4], args[1:4], strict=True)
        ]
        mine = None
        if len(args) == 5:
            mine = create_struct_proxy(sig.args[4])(context, builder, args[4])
        if axes == 3:
            count = arrays[2].shape[0]
            ends = (mine.last, mine.first) if mine is not None else (count, None)
            with for_range(builder, *ends) as loop:
                one_each = [_item(builder, x, loop.index) for x in arrays]
                _call(builder, worker, args[0], one_each)
            return context.get_dummy_value()
        whole = [_matrix(builder, x, x.data) for x in arrays]
        if mine is None:
            _call(builder, worker, args[0], whole)
            return context.get_dummy_value()
        with for_range_slice(builder, mine.first, mine.last, mine.block, _I64) as (first, _):
            left = builder.sub(mine.last, first)
            block = builder.select(builder.icmp_signed("<", mine.block, left), mine.block, left)
            sliced = _sliced(builder, form, whole, first, block, by_rows=sig.args[4] == ROWS)
            _call(builder, worker, args[0], sliced)
        return context.get_dummy_value()

    return Operation("batch_" * (axes == 3) + form.name, typing, lowering)


def _matrix(builder: Any, array: Parts, data: Any) -> _Matrix:
    """Return the last two axes of an array as an operand."""
    rows, columns = (builder.sdiv(stride, array.itemsize) for stride in array.strides[-2:])
    return _Matrix(data, (array.shape[-2], array.shape[-1]), (rows, columns))


def _item(builder: Any, array: Parts, index: Any) -> _Matrix:
    """Return one matrix of a batch."""
    start = builder.mul(index, array.strides[0])
    address = builder.add(builder.ptrtoint(array.data, _I64), start)
    return _matrix(builder, array, builder.inttoptr(address, array.data.type))


def _sliced(
    builder: Any, form: _Form, whole: list[_Matrix], first: Any, count: Any, *, by_rows: bool
) -> list[_Matrix]:
    """Return the operands of some rows or columns of the result."""
    a, b, out = whole
    if by_rows:
        a = a.slice(builder, 1 if form.a_transposed else 0, first, count)
        return [a, b, out.slice(builder, 0, first, count)]
    b = b.slice(builder, 0 if form.b_transposed else 1, first, count)
    return [a, b, out.slice(builder, 1, first, count)]


def _call(builder: Any, worker: Any, table: Any, operands: list[_Matrix]) -> None:
    """Call the worker with an address, two sizes and two strides for each operand."""
    flat = [v for x in operands for v in (x.data, *x.shape, *x.strides)]
    builder.call(worker, [table, *flat])


def _worker(context: Any, module: Any, form: _Form, element: Any) -> Any:
    """Return the function that computes one form of product; define it once in a module."""
    name = f"product.{form.name}.{element}"
    known = module.globals.get(name)
    if known is not None:
        return known
    kind = context.get_data_type(element)
    matrix = [kind.as_pointer(), *[_I64] * 4]
    type_ = ir.FunctionType(ir.VoidType(), [_I64.as_pointer(), *matrix * 3])
    made = ir.Function(module, type_, name)
    made.linkage = "linkonce_odr"
    made.attributes.add("noinline")
    made.attributes.add("nounwind")
    builder = ir.IRBuilder(made.append_basic_block("entry"))
    table, *rest = made.args
    a, b, out = (
        _Matrix(x[0], (x[1], x[2]), (x[3], x[4])) for x in (rest[:5], rest[5:10], rest[10:])
    )
    if element in _SLOT:
        _blas(builder, form, _SLOT[element], table, (a, b, out))
    _loops(builder, form, (a.turned() if form.a_transposed else a), b, out)
    builder.ret_void()
    return made


def _blas(
    builder: Any, form: _Form, slot: int, table: Any, operands: tuple[_Matrix, _Matrix, _Matrix]
) -> None:
    """Emit: return after a BLAS call where the table has its address and the operands suit."""
    a, b, out = operands
    kind = a.data.type.pointee
    zero, one = ir.Constant(_I64, 0), ir.Constant(_I64, 1)
    address = builder.load(builder.gep(table, [ir.Constant(_I64, slot)]))
    suits = builder.icmp_signed("!=", address, zero)
    inner = a.shape[0 if form.a_transposed else 1]
    for size in (*out.shape, inner):
        suits = builder.and_(suits, builder.icmp_signed(">", size, zero))
    for x in operands:
        dense = builder.icmp_signed("==", x.strides[1], one)
        suits = builder.and_(suits, builder.or_(dense, _is_one(builder, x.shape[1])))
    with builder.if_then(suits):
        pointer = a.data.type
        arguments = [_I64] * 6 + [kind, pointer, _I64, pointer, _I64, kind, pointer, _I64]
        function = ir.FunctionType(ir.VoidType(), arguments)
        flags = [_TRANSPOSED if t else _PLAIN for t in (form.a_transposed, form.b_transposed)]
        lead_a, lead_b, lead_out = (_leading(builder, x) for x in operands)
        builder.call(
            builder.inttoptr(address, function.as_pointer()),
            [
                *(ir.Constant(_I64, v) for v in (_ROW_MAJOR, *flags)),
                *(out.shape[0], out.shape[1], inner),
                *(ir.Constant(kind, 1.0), a.data, lead_a, b.data, lead_b),
                *(ir.Constant(kind, 1.0 if form.adds else 0.0), out.data, lead_out),
            ],
        )
        builder.ret_void()


def _is_one(builder: Any, size: Any) -> Any:
    """Return whether a size is 1, so that its stride doesn't matter."""
    return builder.icmp_signed("==", size, ir.Constant(_I64, 1))


def _leading(builder: Any, x: _Matrix) -> Any:
    """Return the distance of two rows, at least their length: BLAS checks it even for one row."""
    longer = builder.icmp_signed(">", x.strides[0], x.shape[1])
    return builder.select(longer, x.strides[0], x.shape[1])


def _loops(builder: Any, form: _Form, a: _Matrix, b: _Matrix, out: _Matrix) -> None:
    """Emit the product as three loops; the innermost runs along the rows of b in memory."""
    kind = a.data.type.pointee
    real = isinstance(kind, ir.FloatType | ir.DoubleType)
    multiply, add = (builder.fmul, builder.fadd) if real else (builder.mul, builder.add)

    def element(x: _Matrix, i: Any, j: Any) -> Any:
        place = builder.add(builder.mul(i, x.strides[0]), builder.mul(j, x.strides[1]))
        return builder.gep(x.data, [place])

    with for_range(builder, out.shape[0]) as rows:
        i = rows.index
        if not form.adds:
            with for_range(builder, out.shape[1]) as columns:
                builder.store(ir.Constant(kind, 0), element(out, i, columns.index))
        if form.b_transposed:
            with for_range(builder, out.shape[1]) as columns:
                j = columns.index
                target = element(out, i, j)
                total = alloca_once_value(builder, builder.load(target))
                with for_range(builder, a.shape[1]) as inner:
                    left = builder.load(element(a, i, inner.index))
                    right = builder.load(element(b, j, inner.index))
                    builder.store(add(builder.load(total), multiply(left, right)), total)
                builder.store(builder.load(total), target)
            return
        with for_range(builder, a.shape[1]) as inner:
            left = builder.load(element(a, i, inner.index))
            with for_range(builder, out.shape[1]) as columns:
                target = element(out, i, columns.index)
                right = builder.load(element(b, inner.index, columns.index))
                builder.store(add(builder.load(target), multiply(left, right)), target)


_FORMS = {
    form.name: form
    for form in (
        _Form(a, b, adds) for a in (False, True) for b in (False, True) for adds in (False, True)
    )
}
matmul, matmul_add = (_product(_FORMS[n], 2) for n in ("matmul", "matmul_add"))
matmul_t, matmul_t_add = (_product(_FORMS[n], 2) for n in ("matmul_t", "matmul_t_add"))
t_matmul, t_matmul_add = (_product(_FORMS[n], 2) for n in ("t_matmul", "t_matmul_add"))
t_matmul_t, t_matmul_t_add = (_product(_FORMS[n], 2) for n in ("t_matmul_t", "t_matmul_t_add"))
batch_matmul, batch_matmul_add = (_product(_FORMS[n], 3) for n in ("matmul", "matmul_add"))
batch_matmul_t, batch_matmul_t_add = (_product(_FORMS[n], 3) for n in ("matmul_t", "matmul_t_add"))
batch_t_matmul, batch_t_matmul_add = (_product(_FORMS[n], 3) for n in ("t_matmul", "t_matmul_add"))
batch_t_matmul_t, batch_t_matmul_t_add = (
    _product(_FORMS[n], 3) for n in ("t_matmul_t", "t_matmul_t_add")
)
