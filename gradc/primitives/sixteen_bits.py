"""Numbers rounded to what 16 bits hold, in the dtype that they have: operands of products.

Two identities whose derivatives are each other's transpose: `round_bfloat16` rounds values and
tangents, and lets cotangents pass; `bfloat16_cotangent` lets values and tangents pass, and rounds
cotangents. Operands in the one and the result in the other make a product all of whose
derivatives are products of rounded operands too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from gradc.ir.builder import Builder
from gradc.ir.derivative import Linear
from gradc.ir.dtype import Format, bfloat16, float16
from gradc.ir.primitive import Primitive, Sample, register
from gradc.primitives.elementwise import Array, elementwise
from gradc.primitives.elementwise_samples import SPECIAL, spaced

# between two numbers of a format, where it overflows, and where its numbers become coarse
TIES = (1.00390625, 1.01171875, 1.00048828125, 1.00146484375)
FORMATS = {f.name: f for f in (bfloat16, float16)}
ENDS = (65504.0, 65519.0, 65520.0, -65520.0, 6.1e-5, 5.9e-8, 2.9e-8, -1e-8, 3.395e38)


def rounded(x: Array, to: Format) -> Array:
    """Return the nearest numbers that a format holds, ties to even; NaN and infinity stay."""
    about = np.finfo(x.dtype)
    whole = np.dtype(f"u{x.dtype.itemsize}").type
    cut = about.nmant - to.digits
    bits = np.ascontiguousarray(x).view(whole)
    odd = (bits >> whole(cut)) & whole(1)
    with np.errstate(all="ignore"):
        near = bits + (odd + whole((1 << (cut - 1)) - 1)) & ~whole((1 << cut) - 1)
        result = near.view(x.dtype).reshape(x.shape)
        if to.smallest > about.smallest_normal:  # below it steps are as wide as at it
            shift = x.dtype.type(to.quantum * 2.0**about.nmant)
            even = np.copysign((np.abs(x) + shift) - shift, x)
            result = np.where(np.abs(x) < to.smallest, even, result)
        infinite = np.copysign(x.dtype.type(np.inf), x)
        result = np.where(np.abs(result) > to.largest, infinite, result)
    return np.asarray(np.where(np.isnan(x), x, result))


def lowered(to: str, x: Array, y: Array) -> tuple[Array, Array]:
    """Return operands of a product rounded to the format called `to`; as they are for ""."""
    if not to:
        return x, y
    return rounded(x, FORMATS[to]), rounded(y, FORMATS[to])


def _samples() -> Iterable[Sample]:
    yield Sample((spaced(-3.0, 3.0, (3, 5)),), smooth=False)
    yield Sample((spaced(-3.0, 3.0, ()),), smooth=False)
    yield Sample((np.zeros((0, 3)),), smooth=False)
    yield Sample((np.array((*SPECIAL, *TIES, *ENDS)),), smooth=False)


def _transposed(name: str) -> Callable[..., tuple[Any]]:
    """Return the rule that applies another primitive to the cotangent."""

    def transpose(
        b: Builder, ct: Any, inputs: tuple[Any, ...], params: dict[str, Any]
    ) -> tuple[Any]:
        return (b.op(name, ct),)

    return transpose


def _pair(to: Format, reference: str) -> tuple[Primitive, Primitive]:
    """Return the two primitives of a format."""
    rounds, passes = f"round_{to.name}", f"{to.name}_cotangent"

    def meaning(x: Array) -> Array:
        return rounded(x, to)

    first = elementwise(
        rounds,
        meaning,
        Linear(_transposed(passes), rule="the same"),
        operands=("x",),
        maths=f"{to.name}({{0}})",
        code=f"{rounds}({{0}})",
        samples=_samples,
        reference=reference,
    )
    second = elementwise(
        passes,
        np.copy,
        Linear(_transposed(rounds), rule=f"rounded to {to.name}"),
        operands=("x",),
        maths="{0}",
        code="{0}",
        samples=_samples,
        reference="clone",
    )
    return register(first), register(second)


round_bfloat16, bfloat16_cotangent = _pair(bfloat16, "Tensor.bfloat16")
round_float16, float16_cotangent = _pair(float16, "Tensor.half")
ROUNDS: dict[str, Format] = {"round_bfloat16": bfloat16, "round_float16": float16}
COTANGENTS = ("bfloat16_cotangent", "float16_cotangent")
