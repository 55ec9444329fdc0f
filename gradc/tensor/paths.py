"""A path of movements into a storage, followed forward (read a view) or back (write through it)."""

from __future__ import annotations

from typing import Any

from gradc.ir.builder import Builder
from gradc.ir.dtype import bool_
from gradc.ir.graph import TensorType
from gradc.tensor.core import Path


def follow(b: Builder, path: Path, base: Any) -> Any:
    """Return the view of `base` that `path` leads to."""
    for primitive, params in path:
        base = b.apply(primitive, (base,), params)
    return base


def put(b: Builder, path: Path, base: Any, new: Any) -> Any:
    """Return `base` with the view that `path` leads to replaced by `new`."""
    if not path:
        return new
    stages = [base]
    for primitive, params in path[:-1]:
        stages.append(b.apply(primitive, (stages[-1],), params))
    for (primitive, params), stage in zip(reversed(path), reversed(stages), strict=True):
        new = _UNDO[primitive.name](b, stage, new, params)
    return new


def _put_reshape(b: Builder, stage: Any, new: Any, params: dict[str, Any]) -> Any:
    return b.reshape(new, b.typeof(stage).shape)


def _put_permute(b: Builder, stage: Any, new: Any, params: dict[str, Any]) -> Any:
    axes: tuple[int, ...] = params["axes"]
    return b.op("permute", new, axes=tuple(axes.index(i) for i in range(len(axes))))


def _put_slice(b: Builder, stage: Any, new: Any, params: dict[str, Any]) -> Any:
    """Overwrite a region: pad it to the full shape and choose by a padded mask."""
    whole, cut = b.typeof(stage).shape, b.typeof(new).shape
    if cut == whole:
        return new
    if 0 in cut:
        return stage
    start, step = params["start"], params["step"]
    ends = zip(whole, start, cut, step, strict=True)
    margins: dict[str, Any] = {
        "low": start,
        "high": tuple(n - a - (c - 1) * s - 1 for n, a, c, s in ends),
        "interior": tuple(s - 1 for s in step),
    }
    inside = b.full(TensorType(cut, bool_), True)
    mask = b.op("pad", inside, **margins, value=False)
    return b.op("where", mask, b.op("pad", new, **margins, value=0), stage)


def _put_same(b: Builder, stage: Any, new: Any, params: dict[str, Any]) -> Any:
    return new


_UNDO = {
    "reshape": _put_reshape,
    "permute": _put_permute,
    "slice": _put_slice,
    "broadcast": _put_reshape,  # only one that repeats nothing is ever written through
    "stop_gradient": _put_same,
}
