"""cast changes the dtype; stop_gradient is the identity whose derivative is zero."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradc.ir.builder import Builder
from gradc.ir.derivative import Linear, Zero
from gradc.ir.dtype import DType, Format, bool_, float32, float64, int32, int64, uint8
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Sample, register
from gradc.primitives.elementwise import Accepts, Array, check_count, elementwise
from gradc.primitives.elementwise_samples import spaced, unary


def _cast(x: Array, dtype: DType) -> Array:
    """Convert; floats to integers truncate, anything to bool is `!= 0` (so NaN is True)."""
    return x.astype(dtype.numpy)


def _cast_typing(*types: TensorType, dtype: DType) -> TensorType:
    check_count("cast", ("x",), types)
    if isinstance(dtype, Format):
        raise dtype.not_stored()
    return types[0].with_dtype(dtype)


def _cast_transpose(
    b: Builder, ct: Any, inputs: tuple[Any, ...], params: dict[str, Any]
) -> tuple[Any]:
    """x_bar is y_bar in x's dtype; through integers and bool nothing flows."""
    source = b.typeof(inputs[0])
    if not (source.dtype.is_floating_point and params["dtype"].is_floating_point):
        return (None,)
    return (b.cast(ct, source.dtype),)


def _cast_samples() -> Iterable[Sample]:
    x = spaced(-3.0, 3.0, (2, 3))
    yield Sample((x,), {"dtype": float64})
    yield Sample((x,), {"dtype": float32}, smooth=False)  # rounding spoils differences
    for dtype in (bool_, int32, int64):
        yield Sample((x,), {"dtype": dtype}, smooth=False)
        yield Sample((np.array([0, 1, -1, 300]),), {"dtype": dtype})
    yield Sample((np.array([0.0, 1.9, 200.5]),), {"dtype": uint8}, smooth=False)
    yield Sample((np.array([-0.0, np.nan, np.inf, 1e-300]),), {"dtype": bool_}, smooth=False)
    yield Sample((np.array([True, False]),), {"dtype": float32})
    yield Sample((np.array(2.75),), {"dtype": int64}, smooth=False)
    yield Sample((np.zeros((0, 2)),), {"dtype": int32}, smooth=False)


cast = register(
    elementwise(
        "cast",
        _cast,
        Linear(_cast_transpose, rule="the same, in the operand's dtype"),
        operands=("x",),
        maths="{0} as {dtype}",
        code="{dtype}({0})",
        typing=_cast_typing,
        samples=_cast_samples,
        reference="Tensor.to",
    )
)
stop_gradient = register(
    elementwise(
        "stop_gradient",
        np.copy,
        Zero(),
        operands=("x",),
        maths="{0}, held constant",
        code="{0}",
        accepts=Accepts.ANY,
        samples=unary(integers=True),
        reference="Tensor.detach",
    )
)
