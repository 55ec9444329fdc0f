"""The sum of products over a sliding window that every convolution layer rides on.

Channels lie last, as the kernels want them; layers that keep them elsewhere permute, and the
passes merge these permutations. Windows never leave the operand: padding is `pad`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradc.errors import DTypeError, ShapeError
from gradc.ir.builder import Builder
from gradc.ir.derivative import Bilinear
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, Primitive, Sample, register
from gradc.primitives.sixteen_bits import lowered
from gradc.primitives.typing_rules import same_dtype

Array = np.ndarray[Any, Any]
Ints = tuple[int, ...]
Params = dict[str, Any]


def reach(window: Ints, dilation: Ints) -> Ints:
    """Return how many positions a window covers along each axis."""
    return tuple(d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True))


def _conv(x: Array, w: Array, stride: Ints, dilation: Ints, rounds: str = "") -> Array:
    """Compute as one stacked matrix product, so that float products use BLAS.

    With `rounds`, the name of a 16-bit format, operands are rounded to it.
    """
    x, w = lowered(rounds, x, w)
    n = len(stride)
    window, (groups, inner, outer) = w.shape[:n], w.shape[n:]
    axes = tuple(range(1, n + 1))
    seen = np.lib.stride_tricks.sliding_window_view(x, reach(window, dilation), axes)
    seen = seen[(slice(None), *(slice(None, None, s) for s in stride))]
    seen = seen[(..., *(slice(None, None, d) for d in dilation))]
    # axes of seen: sample, places, group, channel, window
    places, ndim = seen.shape[1 : n + 1], seen.ndim
    seen = seen.transpose(n + 1, *range(n + 1), *range(n + 3, ndim), n + 2)
    rows, terms = x.shape[0] * _size(places), _size(window) * inner
    left = seen.reshape(groups, rows, terms)
    right = np.moveaxis(w, n, 0).reshape(groups, terms, outer)
    with np.errstate(all="ignore"):
        product = np.matmul(left, right)
    return np.moveaxis(product, 0, 1).reshape(x.shape[0], *places, groups, outer)


def _size(shape: Ints) -> int:
    n = 1
    for s in shape:
        n *= s
    return n


def _typing(
    x: TensorType, w: TensorType, stride: Ints, dilation: Ints, rounds: str = ""
) -> TensorType:
    del rounds
    same_dtype("conv", x, w)
    n = len(stride)
    if x.dtype.is_bool:
        raise DTypeError(f"conv: takes numbers, got {x}", hint="convert with .to(gradc.int64)")
    shapes_fit = x.ndim == w.ndim == n + 3 and x.shape[n + 1 :] == w.shape[n : n + 2]
    if not shapes_fit or min((*stride, *dilation, *w.shape[:n]), default=1) < 1:
        raise ShapeError(f"conv: stride {stride} and dilation {dilation} don't fit {x} and {w}")
    covered = reach(w.shape[:n], dilation)
    sizes = x.shape[1 : n + 1]
    if any(size < c for size, c in zip(sizes, covered, strict=True)):
        raise ShapeError(f"conv: the window covers {list(covered)} positions, {x} has fewer")
    steps = zip(sizes, covered, stride, strict=True)
    places = tuple((size - c) // s + 1 for size, c, s in steps)
    return x.with_shape((x.shape[0], *places, x.shape[n + 1], w.shape[n + 2]))


def _left(b: Builder, ct: Any, x: Any, w: Any, params: Params) -> Any:
    """x_bar: y_bar spread out by the stride, convolved with the turned window."""
    stride, dilation = params["stride"], params["dilation"]
    n = len(stride)
    sizes, places = b.typeof(x).shape[1 : n + 1], b.typeof(ct).shape[1 : n + 1]
    window = b.typeof(w).shape[:n]
    around = tuple(c - 1 for c in reach(window, dilation))
    used = tuple((p - 1) * s + 1 + a for p, s, a in zip(places, stride, around, strict=True))
    high = tuple(a + size - u for a, size, u in zip(around, sizes, used, strict=True))
    interior = tuple(s - 1 for s in stride)
    if any((*around, *high, *interior)):
        ct = b.op(
            "pad", ct, low=(0, *around, 0, 0), high=(0, *high, 0, 0),
            interior=(0, *interior, 0, 0), value=0,
        )  # fmt: skip
    turned = b.op("flip", w, axes=tuple(range(n))) if n else w
    turned = b.op("permute", turned, axes=(*range(n), n, n + 2, n + 1))
    return b.op("conv", ct, turned, stride=(1,) * n, dilation=dilation)


def _right(b: Builder, ct: Any, x: Any, w: Any, params: Params) -> Any:
    """w_bar: x convolved with y_bar, summed over the samples."""
    stride, dilation = params["stride"], params["dilation"]
    n = len(stride)
    shape, places = b.typeof(x).shape, b.typeof(ct).shape[1 : n + 1]
    covered = reach(b.typeof(w).shape[:n], dilation)
    used = tuple((p - 1) * s + c for p, s, c in zip(places, stride, covered, strict=True))
    if used != shape[1 : n + 1]:
        stop = (shape[0], *used, *shape[n + 1 :])
        x = b.op("slice", x, start=(0,) * (n + 3), stop=stop, step=(1,) * (n + 3))
    spatial = tuple(range(1, n + 1))
    swapped = b.op("permute", x, axes=(n + 2, *spatial, n + 1, 0))
    window = b.op("permute", ct, axes=(*spatial, n + 1, 0, n + 2))
    product = b.op("conv", swapped, window, stride=dilation, dilation=stride)
    return b.op("permute", product, axes=(*spatial, n + 1, 0, n + 2))


def _samples() -> Iterable[Sample]:
    rng = np.random.default_rng(11)
    x, w = rng.standard_normal((2, 6, 5, 1, 3)), rng.standard_normal((3, 2, 1, 3, 4))
    yield Sample((x, w), {"stride": (1, 1), "dilation": (1, 1)})
    yield Sample((x, w), {"stride": (2, 3), "dilation": (1, 1)})
    yield Sample((x, w), {"stride": (1, 2), "dilation": (2, 1)})
    line, taps = rng.standard_normal((3, 9, 2, 2)), rng.standard_normal((3, 2, 2, 5))
    yield Sample((line, taps), {"stride": (2,), "dilation": (3,)})
    yield Sample((line, taps[:1]), {"stride": (1,), "dilation": (1,)})
    yield Sample((line[:, :7], taps), {"stride": (1,), "dilation": (1,)})
    deep = rng.standard_normal((1, 4, 3, 3, 1, 2)), rng.standard_normal((2, 2, 2, 1, 2, 2))
    yield Sample(deep, {"stride": (1, 1, 1), "dilation": (1, 1, 1)})
    yield Sample(
        (np.zeros((0, 4, 1, 1)), np.zeros((2, 1, 1, 3))), {"stride": (1,), "dilation": (1,)}
    )
    whole = np.arange(10).reshape(1, 10, 1, 1), np.array([1, -2, 3]).reshape(3, 1, 1, 1)
    yield Sample(whole, {"stride": (3,), "dilation": (2,)})


conv = register(
    Primitive(
        name="conv",
        kind=Kind.CONTRACTION,
        meaning=_conv,
        typing=_typing,
        derivative=Bilinear(_left, _right, "conv({y_bar}, {w} turned)", "conv({x}, {y_bar})"),
        maths="conv({0}, {1})",
        samples=_samples,
    )
)
