"""Typing rules of elementwise primitives: the full text of every refusal."""

from __future__ import annotations

import pytest

import gradc.primitives  # noqa: F401  (fills the registry)
from gradc.errors import DeviceError, DTypeError, GradcError, ShapeError
from gradc.ir.dtype import bool_, float32, float64, int64
from gradc.ir.graph import TensorType
from gradc.ir.primitive import lookup

F2, F3 = TensorType((2,), float32), TensorType((3,), float32)
D2, I2, B2 = (TensorType((2,), d) for d in (float64, int64, bool_))
GPU2 = TensorType((2,), float32, "cuda")

REFUSED = [
    ("add", (F2, F3), ShapeError, "add: shapes differ: float32[2] and float32[3]", ""),
    ("add", (F2, D2), DTypeError, "add: dtypes differ: float32[2] and float64[2]", ""),
    ("add", (F2, GPU2), DeviceError, "add: devices differ: float32[2] and float32[2] cuda", ""),
    (
        "add",
        (B2, B2),
        DTypeError,
        "add: takes numbers, got bool[2] and bool[2]",
        "logical_or or logical_and for bool, or convert with .to(gradc.int64)",
    ),
    (
        "neg",
        (B2,),
        DTypeError,
        "neg: takes numbers, got bool[2]",
        "~x for bool, or convert with .to(gradc.int64)",
    ),
    (
        "exp",
        (I2,),
        DTypeError,
        "exp: takes floating point, got int64[2]",
        "convert with .to(gradc.float32)",
    ),
    ("exp", (F2, F2), ShapeError, "exp: takes 1 operand (x), got 2", ""),
    ("add", (F2,), ShapeError, "add: takes 2 operands (x, y), got 1", ""),
    (
        "floor",
        (I2,),
        DTypeError,
        "floor: takes floating point, got int64[2]",
        "integers are whole already",
    ),
    (
        "logical_and",
        (F2, F2),
        DTypeError,
        "logical_and: takes bool, got float32[2] and float32[2]",
        "compare with 0 first: x != 0",
    ),
    (
        "where",
        (F2, F2, F2),
        DTypeError,
        "where: the condition must be bool, got float32[2]",
        "compare with 0 first: x != 0",
    ),
    (
        "where",
        (B2, F3, F3),
        ShapeError,
        "where: shapes differ: bool[2], float32[3] and float32[3]",
        "",
    ),
    (
        "where",
        (B2, GPU2, GPU2),
        DeviceError,
        "where: devices differ: bool[2], float32[2] cuda and float32[2] cuda",
        "",
    ),
    ("where", (B2, F2, D2), DTypeError, "where: dtypes differ: float32[2] and float64[2]", ""),
]


@pytest.mark.parametrize(("name", "types", "error", "message", "hint"), REFUSED)
def test_refusals(name, types, error, message, hint):
    with pytest.raises(GradcError) as caught:
        lookup(name).typing(*types)
    assert type(caught.value) is error
    assert caught.value.message == message
    assert caught.value.hint == hint


def test_comparisons_give_bool_and_cast_gives_its_dtype():
    assert lookup("lt").typing(F2, F2) == B2
    assert lookup("cast").typing(F2, dtype=int64) == I2
