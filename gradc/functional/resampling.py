"""Give a signal or an image another size: by nearest elements, by lines between two, by means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc.errors import ArgumentError, ShapeError, UnsupportedError
from gradc.functional.adaptive_pooling import adaptive_avg_pool1d, adaptive_avg_pool2d
from gradc.functional.reduction import check_floating
from gradc.functional.spatial import Ints, listed, per_axis, sizes_of
from gradc.tensor import Tensor
from gradc.tensor.data import placed

LINES = {1: "linear", 2: "bilinear"}


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Return the input read at evenly spaced places of its spatial axes.

    Element i of the result lies at (i + 1/2) s - 1/2 of the input, s the ratio of the sizes; with
    align_corners at i (L - 1) / (P - 1). `linear` takes the line through the two neighbours.

    Args:
        input: `[N, C, L]` or `[N, C, H, W]`, floating.
        size: of the result: P, or (P, Q).
        scale_factor: the result's size over the input's, rounded down; one number, or one per axis.
        mode: `nearest` (element floor(i s)), `nearest-exact`, `linear` for three axes, `bilinear`
            for four, or `area` for means.
        align_corners: whether the first and last elements stay where they are; for `linear` and
            `bilinear` only.
        recompute_scale_factor: take s from the sizes instead of scale_factor.
        antialias: must be False.

    Returns:
        `[N, C, P]` or `[N, C, P, Q]`.

    Raises:
        ShapeError: an input of another rank, or without elements.
        ArgumentError: not exactly one of size and scale_factor, or arguments that don't belong
            to the mode.
        UnsupportedError: `bicubic`, `trilinear`, `lanczos`, or antialias.

    Example:
        >>> import gradc
        >>> x = gradc.tensor([[[0.0, 4.0]]])
        >>> interpolate(x, scale_factor=2, mode="linear").tolist()
        [[[0.0, 1.0, 3.0, 4.0]]]
    """
    name = "interpolate"
    check_floating(name, "input", input)
    count = input.ndim - 2
    _check_mode(count, input, mode, align_corners, antialias)
    sizes = sizes_of(input, count)
    factors = _factors(count, size, scale_factor)
    if size is not None and recompute_scale_factor:
        raise ArgumentError(f"{name}: recompute_scale_factor is for scale_factor, got size={size}")
    if factors is None:
        wanted = per_axis(name, "size", size, count, 1)
    else:
        wanted = tuple(math.floor(n * f) for n, f in zip(sizes, factors, strict=True))
    if 0 in sizes or min(wanted) < 1:
        raise ShapeError(
            f"{name}: sizes must be positive, got input {list(input.shape)} and output sizes "
            f"{list(wanted)}"
        )
    if mode == "area":
        pooled = adaptive_avg_pool1d if count == 1 else adaptive_avg_pool2d
        return pooled(input, wanted)
    given = None if recompute_scale_factor else factors
    for a in range(count):
        step = sizes[a] / wanted[a] if given is None else 1.0 / given[a]
        if mode in LINES.values():
            input = _by_lines(input, a + 2, wanted[a], step, bool(align_corners))
        else:
            input = _by_nearest(input, a + 2, wanted[a], step, mode == "nearest-exact")
    return input


def _check_mode(
    count: int, input: Tensor, mode: str, align_corners: bool | None, antialias: bool
) -> None:
    """Refuse modes that aren't there or don't fit the rank."""
    known = ("nearest", "nearest-exact", "linear", "bilinear", "area")
    if mode in ("bicubic", "trilinear", "lanczos"):
        raise UnsupportedError(f"interpolate: mode={mode!r} is not supported")
    if mode not in known:
        raise ArgumentError(f"interpolate: mode must be one of {', '.join(known)}, got {mode!r}")
    if antialias:
        raise UnsupportedError("interpolate: antialias=True is not supported")
    if count not in LINES:
        raise ShapeError(
            f"interpolate: expected input [N, C, L] or [N, C, H, W], got {list(input.shape)}"
        )
    if mode not in LINES.values():
        if align_corners is not None:
            raise ArgumentError(
                f"interpolate: align_corners is for linear and bilinear, got mode={mode!r}"
            )
    elif mode != LINES[count]:
        raise ShapeError(
            f"interpolate: mode={mode!r} doesn't fit input {list(input.shape)}",
            hint=f"mode={LINES[count]!r}",
        )


def _factors(count: int, size: Any, scale_factor: Any) -> tuple[float, ...] | None:
    """Return one factor per axis, or None where the size is given."""
    if (size is None) == (scale_factor is None):
        raise ArgumentError(
            f"interpolate: expected size or scale_factor, got size={size} and "
            f"scale_factor={scale_factor}"
        )
    if size is not None:
        return None
    given = listed(scale_factor)
    given = given if isinstance(scale_factor, Sequence) else given * count
    if len(given) != count or not all(isinstance(f, int | float) and f > 0 for f in given):
        raise ArgumentError(
            f"interpolate: scale_factor must be a positive number or {count} of them, got "
            f"{scale_factor!r}"
        )
    return tuple(float(f) for f in given)


def _by_nearest(x: Tensor, axis: int, wanted: int, step: float, centred: bool) -> Tensor:
    """Return the elements of one axis at floor(i step), or floor((i + 1/2) step)."""
    size = int(x.shape[axis])
    if wanted == size:
        return x
    if wanted % size == 0 and step * wanted == size:
        times = wanted // size
        shape = [*x.shape[: axis + 1], times, *x.shape[axis + 1 :]]
        return x.unsqueeze(axis + 1).expand(*shape).flatten(axis, axis + 1)
    # NOTE: in the input's precision, which decides where a place falls onto a whole number.
    real = x.dtype.numpy.type
    places = np.arange(wanted).astype(real) + real(0.5 if centred else 0.0)
    index = np.minimum(np.floor(places * real(step)).astype(np.int64), size - 1)
    return x.index_select(axis, placed(index, x.device))


def _by_lines(x: Tensor, axis: int, wanted: int, step: float, aligned: bool) -> Tensor:
    """Return the lines between neighbours along one axis, read at the places of the result."""
    size = int(x.shape[axis])
    if wanted == size:
        return x
    real = x.dtype.numpy.type
    places = np.arange(wanted).astype(real)
    if aligned:
        places = places * real((size - 1) / (wanted - 1) if wanted > 1 else 0.0)
    else:
        places = np.maximum((places + real(0.5)) * real(step) - real(0.5), real(0.0))
    low = np.minimum(places.astype(np.int64), size - 1)
    high = np.minimum(low + 1, size - 1)
    part = np.clip(places - low.astype(real), real(0.0), real(1.0))
    tail = (1,) * (x.ndim - 1 - axis)

    def made(array: Ints | np.ndarray[Any, Any]) -> Tensor:
        return placed(np.ascontiguousarray(array), x.device)

    before = x.index_select(axis, made(low)) * made(1 - part).reshape(-1, *tail)
    return before + x.index_select(axis, made(high)) * made(part).reshape(-1, *tail)
