"""`f32[64,256]` -> a Numba type that is one pointer: `x[i, j]` is arithmetic with constants.

An array of a CUDA kernel brings no shape or strides along: its sizes are part of its type, so an
index is multiplied by constants, in 32 bits where the array is small enough. Indices are never
negative, so there is no test for that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import models, register_model

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_SMALL = 2**31  # elements; a smaller array is indexed with 32 bits


class DeviceArrayType(types.Type):
    """An array in device memory, in C order.

    Args:
        dtype: Numba's element type.
        sizes: of each axis; (-1,) for one axis of unknown length.
        space: LLVM's address space: 0, or that of the memory which a block's threads share.
        wide: whether indices have 64 bits in any case: LLVM sees that neighbours are neighbours.
    """

    def __init__(
        self, dtype: Any, sizes: tuple[int, ...], space: int = 0, wide: bool = False
    ) -> None:
        """Make the type; equal arguments give equal types."""
        self.dtype, self.sizes, self.space, self.wide = dtype, sizes, space, wide
        types.Type.__init__(self, name=f"device({dtype}, {sizes}, {space}, {wide})")

    @property
    def is_small(self) -> bool:
        """Whether 32 bits hold every index, and are to; they hide neighbours in shared memory."""
        return (
            not self.wide
            and not self.space
            and 0 <= min(self.sizes)
            and math.prod(self.sizes) < _SMALL
        )


@register_model(DeviceArrayType)
class _DeviceArrayModel(models.PrimitiveModel):
    """A pointer to the elements as they lie in memory."""

    def __init__(self, manager: Any, array: DeviceArrayType) -> None:
        """Lay the type out."""
        pointer = manager[array.dtype].get_data_type().as_pointer(array.space)
        models.PrimitiveModel.__init__(self, manager, array, pointer)


def address(builder: Any, array: DeviceArrayType, data: Any, index: Sequence[Any]) -> Any:
    """Return the address of an element; its index has 64 bits."""
    word = _I32 if array.is_small else _I64
    place = ir.Constant(word, 0)
    for axis, (part, size) in enumerate(zip(index, array.sizes, strict=True), 1):
        scaled = builder.mul(place, ir.Constant(word, max(size, 1)), flags=["nuw", "nsw"])
        if array.space and axis == len(index):
            # the last axis on its own: LLVM sees neighbours that are stored at once
            row = builder.gep(data, [_wide(builder, scaled)], inbounds=True)
            return builder.gep(row, [part], inbounds=True)
        at = builder.trunc(part, word) if word == _I32 else part
        place = builder.add(scaled, at, flags=["nuw", "nsw"])
    return builder.gep(data, [_wide(builder, place)], inbounds=True)


def _wide(builder: Any, value: Any) -> Any:
    """Return a position, which is not negative, in 64 bits."""
    return value if value.type == _I64 else builder.zext(value, _I64)
