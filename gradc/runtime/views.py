"""An address in the table, an offset and a shape -> a C-ordered array over that memory."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.cgutils import unpack_tuple

from gradc.runtime.arrays import array
from gradc.runtime.decorators import ELEMENT, TABLE
from gradc.runtime.operation import Operation, signature

_I64 = ir.IntType(64)


class View(Operation):
    """The operation `view_<code>(buffers, slot, offset, shape)`.

    Attributes:
        element: the type of its elements.
    """

    def __init__(self, code: str) -> None:
        """Make the operation for one type of elements."""
        self.element = ELEMENT[code]
        Operation.__init__(self, f"view_{code}", *_rules(self))

    def address(self, context: Any, builder: Any, table: Any, slot: Any, offset: Any) -> Any:
        """Emit where the array lies."""
        place = builder.add(builder.load(builder.gep(table, [slot])), offset)
        return builder.inttoptr(place, context.get_data_type(self.element).as_pointer())


def _rules(view: View) -> tuple[Any, Any]:
    """Return the typing rule and the lowering of a view."""
    element = view.element

    def typing(context: Any, table: Any, slot: Any, offset: Any, shape: Any) -> Any:
        if table != TABLE or not isinstance(shape, types.BaseTuple):
            return None
        axes = types.UniTuple(types.int64, len(shape))
        made = types.Array(element, len(shape), "C")
        return signature(made, TABLE, types.int64, types.int64, axes)

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        table, slot, offset, shape = args
        kind = sig.return_type
        sizes = unpack_tuple(builder, shape, kind.ndim)
        size = context.get_abi_sizeof(context.get_data_type(element))
        stride = ir.Constant(_I64, size)
        strides = [stride]
        for length in reversed(sizes[1:]):
            strides.insert(0, builder.mul(strides[0], length))
        data = view.address(context, builder, table, slot, offset)
        return array(context, builder, kind, data, sizes, strides[: kind.ndim])

    return typing, lowering


view_f32 = View("f32")
view_f64 = View("f64")
view_i32 = View("i32")
view_i64 = View("i64")
view_u8 = View("u8")
view_b1 = View("b1")
