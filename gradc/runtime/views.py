"""An address in the table, an offset and a shape -> a C-ordered array over that memory."""

from __future__ import annotations

from typing import Any

from numba.core import types

from gradc.runtime.decorators import ELEMENT, TABLE
from gradc.runtime.operation import Operation, signature


class View(Operation):
    """The operation `view_<code>(buffers, slot, offset, shape)`.

    Attributes:
        element: the type of its elements.
    """

    def __init__(self, code: str) -> None:
        """Make the operation for one type of elements."""
        self.element = ELEMENT[code]
        Operation.__init__(self, f"view_{code}", _typing(self.element), None)

    def address(self, context: Any, builder: Any, table: Any, slot: Any, offset: Any) -> Any:
        """Emit where the array lies."""
        place = builder.add(builder.load(builder.gep(table, [slot])), offset)
        return builder.inttoptr(place, context.get_data_type(self.element).as_pointer())


def _typing(element: Any) -> Any:
    """Return the typing rule of views of elements of a type."""

    def typing(context: Any, table: Any, slot: Any, offset: Any, shape: Any) -> Any:
        if table != TABLE or not isinstance(shape, types.BaseTuple):
            return None
        axes = types.UniTuple(types.int64, len(shape))
        made = types.Array(element, len(shape), "C")
        return signature(made, TABLE, types.int64, types.int64, axes)

    return typing


view_f32 = View("f32")
view_f64 = View("f64")
view_i32 = View("i32")
view_i64 = View("i64")
view_u8 = View("u8")
view_b1 = View("b1")
