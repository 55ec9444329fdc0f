"""`f32[64,256]` -> a Numba type that is one pointer: `x[i, j]` is arithmetic with constants.

An array of a CUDA kernel brings no shape or strides along: its sizes are part of its type, so an
index is multiplied by constants, in 32 bits where the array is small enough. Indices are never
negative, so there is no test for that.
"""

from __future__ import annotations

import math
import operator
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing import templates
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate
from numba.extending import lower_builtin, lower_getattr, models, register_model

from gradc.runtime.operation import signature

_templates: Any = templates
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
        """Whether 32 bits hold every index, and are to."""
        return not self.wide and 0 <= min(self.sizes) and math.prod(self.sizes) < _SMALL


@register_model(DeviceArrayType)
class _DeviceArrayModel(models.PrimitiveModel):
    """A pointer to the elements as they lie in memory."""

    def __init__(self, manager: Any, array: DeviceArrayType) -> None:
        """Lay the type out."""
        pointer = manager[array.dtype].get_data_type().as_pointer(array.space)
        models.PrimitiveModel.__init__(self, manager, array, pointer)


def _fits(array: Any, index: Any) -> bool:
    """Return whether an index has a whole number for each axis of a device array."""
    if not isinstance(array, DeviceArrayType):
        return False
    parts = index.types if isinstance(index, types.BaseTuple) else (index,)
    whole = all(isinstance(types.unliteral(part), types.Integer) for part in parts)
    return whole and len(parts) == len(array.sizes)


def _plain(index: Any) -> Any:
    """Return an index without literal types."""
    if isinstance(index, types.BaseTuple):
        return types.Tuple([types.unliteral(part) for part in index.types])
    return types.unliteral(index)


class _GetItem(AbstractTemplate):
    """array[index] -> an element."""

    def generic(self, args: Any, kws: Any) -> Any:
        """Return the signature, or None for other operands."""
        array, index = args
        return signature(array.dtype, array, _plain(index)) if _fits(array, index) else None


class _SetItem(AbstractTemplate):
    """array[index] = element."""

    def generic(self, args: Any, kws: Any) -> Any:
        """Return the signature, or None for other operands."""
        array, index, _ = args
        if not _fits(array, index):
            return None
        return signature(types.none, array, _plain(index), array.dtype)


class _Attributes(AttributeTemplate):
    """array.shape."""

    key = DeviceArrayType

    def resolve_shape(self, array: DeviceArrayType) -> Any:
        """Return the type of the shape; unknown lengths have none."""
        return None if -1 in array.sizes else types.UniTuple(types.int64, len(array.sizes))


_templates.infer_global(operator.getitem)(_GetItem)
_templates.infer_global(operator.setitem)(_SetItem)
_templates.infer_getattr(_Attributes)


def _address(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Return the address of array[index]."""
    array, kind = sig.args[0], sig.args[1]
    if isinstance(kind, types.BaseTuple):
        parts = cgutils.unpack_tuple(builder, args[1], len(kind))
        kinds = kind.types
    else:
        parts, kinds = [args[1]], [kind]
    word = _I32 if array.is_small else _I64
    place = ir.Constant(word, 0)
    for axis, (part, own, size) in enumerate(zip(parts, kinds, array.sizes, strict=True), 1):
        scaled = builder.mul(place, ir.Constant(word, max(size, 1)), flags=["nuw", "nsw"])
        if array.space and axis == len(parts):
            # the last axis in 64 bits in any case: LLVM sees neighbours that are stored at once
            scaled, word = _resized(builder, scaled, _I64, signed=False), _I64
        at = _resized(builder, part, word, own.signed)
        place = builder.add(scaled, at, flags=["nuw", "nsw"])
    wide = _resized(builder, place, _I64, signed=False)
    return builder.gep(args[0], [wide], inbounds=True)


def _resized(builder: Any, value: Any, word: Any, signed: bool) -> Any:
    """Return an integer in another width."""
    if value.type.width > word.width:
        return builder.trunc(value, word)
    if value.type.width == word.width:
        return value
    return builder.sext(value, word) if signed else builder.zext(value, word)


@lower_builtin(operator.getitem, DeviceArrayType, types.Any)
def _get(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Load an element."""
    pointer = _address(context, builder, sig, args)
    return context.unpack_value(builder, sig.args[0].dtype, pointer)


@lower_builtin(operator.setitem, DeviceArrayType, types.Any, types.Any)
def _set(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Store an element."""
    pointer = _address(context, builder, sig, args)
    context.pack_value(builder, sig.args[0].dtype, args[2], pointer)
    return context.get_dummy_value()


@lower_getattr(DeviceArrayType, "shape")
def _shape(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Return the sizes as constants."""
    sizes = [ir.Constant(_I64, size) for size in kind.sizes]
    return context.make_tuple(builder, types.UniTuple(types.int64, len(sizes)), sizes)
