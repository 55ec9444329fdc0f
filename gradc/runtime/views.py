"""An address in the table, an offset and a shape -> a C-ordered array over that memory."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.cgutils import unpack_tuple
from numba.np.arrayobj import populate_array

from gradc.runtime.decorators import ELEMENT, TABLE
from gradc.runtime.operation import Operation, signature

_I64 = ir.IntType(64)


def _view(code: str) -> Operation:
    """Return the operation `view_<code>(buffers, slot, offset, shape)`."""
    element = ELEMENT[code]

    def typing(context: Any, table: Any, slot: Any, offset: Any, shape: Any) -> Any:
        if table != TABLE or not isinstance(shape, types.BaseTuple):
            return None
        axes = types.UniTuple(types.int64, len(shape))
        array = types.Array(element, len(shape), "C")
        return signature(array, TABLE, types.int64, types.int64, axes)

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        table, slot, offset, shape = args
        array = sig.return_type
        sizes = unpack_tuple(builder, shape, array.ndim)
        size = context.get_abi_sizeof(context.get_data_type(element))
        stride = ir.Constant(_I64, size)
        strides = [stride]
        for length in reversed(sizes[1:]):
            strides.insert(0, builder.mul(strides[0], length))
        address = builder.add(builder.load(builder.gep(table, [slot])), offset)
        pointer = builder.inttoptr(address, context.get_data_type(element).as_pointer())
        view = context.make_array(array)(context, builder)
        populate_array(
            view,
            data=pointer,
            shape=sizes,
            strides=strides[: array.ndim],
            itemsize=stride,
            meminfo=None,
        )
        return view._getvalue()

    return Operation(f"view_{code}", typing, lowering)


view_f32 = _view("f32")
view_f64 = _view("f64")
view_i32 = _view("i32")
view_i64 = _view("i64")
view_u8 = _view("u8")
view_b1 = _view("b1")
