"""An array as Numba passes it around (one LLVM structure) <-> its address, sizes and strides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

_I64 = ir.IntType(64)
_NO_OWNER = ("meminfo", "parent")


@dataclass(frozen=True, slots=True)
class Parts:
    """What an array is made of.

    Attributes:
        data: the address of its first element.
        shape: sizes.
        strides: in bytes.
        itemsize: bytes of an element.
    """

    data: Any
    shape: list[Any]
    strides: list[Any]
    itemsize: Any


def parts(context: Any, builder: Any, kind: Any, value: Any) -> Parts:
    """Take an array apart."""
    model = context.data_model_manager[kind]

    def field(name: str, *more: int) -> Any:
        return builder.extract_value(value, [model.get_field_position(name), *more])

    return Parts(
        field("data"),
        [field("shape", i) for i in range(kind.ndim)],
        [field("strides", i) for i in range(kind.ndim)],
        _I64(context.get_abi_sizeof(context.get_data_type(kind.dtype))),
    )


def array(
    context: Any, builder: Any, kind: Any, data: Any, shape: Sequence[Any], strides: Sequence[Any]
) -> Any:
    """Put an array together; strides in bytes."""
    model, type_ = context.data_model_manager[kind], context.get_value_type(kind)
    made = ir.Constant(type_, ir.Undefined)

    def put(made: Any, value: Any, name: str, *more: int) -> Any:
        return builder.insert_value(made, value, [model.get_field_position(name), *more])

    for name in _NO_OWNER:
        made = put(made, ir.Constant(type_.elements[model.get_field_position(name)], None), name)
    count = _I64(1)
    for i, (size, stride) in enumerate(zip(shape, strides, strict=True)):
        made = put(put(made, size, "shape", i), stride, "strides", i)
        count = builder.mul(count, size)
    itemsize = _I64(context.get_abi_sizeof(context.get_data_type(kind.dtype)))
    return put(put(put(made, data, "data"), itemsize, "itemsize"), count, "nitems")
