"""Join tensors along an axis and cut them apart again; repeat and reorder elements."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import ArgumentError, ArgumentTypeError, ShapeError
from gradc.ir.dtype import promote
from gradc.ir.primitive import lookup
from gradc.tensor.axes import Ints, axes, axis, sizes
from gradc.tensor.copying import clone
from gradc.tensor.core import elements, is_tensor, resolve, shape_of, type_text, wrap_array
from gradc.tensor.dispatch import apply
from gradc.tensor.kinds import is_sequence
from gradc.tensor.movement import (
    between,
    broadcast_view,
    reshape_to,
    select,
    unsqueeze,
)
from gradc.tensor.moving import beside
from gradc.tensor.promotion import cast
from gradc.tensor.refusal import refuse_value

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

CONCATENATE, FLIP = lookup("concatenate"), lookup("flip")


def _listed(name: str, tensors: Any) -> list[Tensor]:
    """Return the tensors as a list; anything else in it is an error."""
    if is_tensor(tensors) or not is_sequence(tensors):
        raise ArgumentTypeError(
            f"{name}: expected a sequence of tensors, got {type(tensors).__name__}"
        )
    for i, t in enumerate(tensors):
        if not is_tensor(t):
            raise ArgumentTypeError(
                f"{name}: expected Tensor as element {i}, but got {type(t).__name__}"
            )
    if not tensors:
        raise ArgumentError(f"{name}: expected a non-empty list of Tensors")
    return list(tensors)


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Return tensors joined along an axis.

    Args:
        tensors: of one shape but for that axis; 1-d tensors without elements are left out.
        dim: the axis.

    Raises:
        ShapeError: sizes that differ in another axis.
    """
    given = _listed("cat", tensors)
    dtype = given[0]._dtype
    for t in given[1:]:
        dtype = promote(dtype, t._dtype)
    parts = [t for t in given if shape_of(t) != (0,)] or given[:1]
    first = shape_of(parts[0])
    if not first:
        raise ShapeError("cat: zero-dimensional tensors cannot be concatenated", hint="gradc.stack")
    i = axis("cat", dim, len(first))
    for k, t in enumerate(parts):
        shape = shape_of(t)
        if len(shape) != len(first) or shape[:i] + shape[i + 1 :] != first[:i] + first[i + 1 :]:
            raise ShapeError(
                f"cat: Sizes of tensors must match except in dimension {i}: tensor 0 has shape "
                f"{list(first)}, tensor {k} has shape {list(shape)}"
            )
    if len(parts) == 1:
        return clone(cast(parts[0], dtype))
    return apply(CONCATENATE, *[cast(t, dtype) for t in parts], axis=i)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Return tensors of one shape joined along a new axis."""
    given = _listed("stack", tensors)
    first = shape_of(given[0])
    for k, t in enumerate(given):
        if shape_of(t) != first:
            raise ShapeError(
                f"stack: expects each tensor to be equal size, but got {list(first)} at entry 0 "
                f"and {list(shape_of(t))} at entry {k}"
            )
    i = axis("stack", dim, len(first) + 1)
    return cat([unsqueeze(t, i) for t in given], i)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors joined along the second axis (the first of vectors)."""
    given = [t if shape_of(t) else reshape_to(t, (1,)) for t in _listed("hstack", tensors)]
    return cat(given, 0 if len(shape_of(given[0])) == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors joined along the first axis, vectors as rows."""
    given = _listed("vstack", tensors)
    rows = [
        t if len(shape_of(t)) > 1 else reshape_to(t, (1, shape_of(t)[0] if shape_of(t) else 1))
        for t in given
    ]
    return cat(rows, 0)


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Return views of consecutive parts of an axis.

    Args:
        tensor: `[*]`.
        split_size_or_sections: length of each part (the last may be shorter), or all lengths.
        dim: the axis.
    """
    shape = shape_of(tensor)
    i = axis("split", dim, len(shape))
    n = shape[i] if shape else 0
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0 or (size == 0 and n):
            raise ArgumentError(f"split: expects split_size be positive, but got {size}")
        lengths = [min(size, n - at) for at in range(0, n, size)] if n else [0]
    else:
        lengths = list(sizes("split", (split_size_or_sections,)))
        if sum(lengths) != n or min(lengths, default=0) < 0:
            raise ArgumentError(
                f"split: expects split_sizes to sum exactly to {n} (input tensor's size at "
                f"dimension {i}), but got {lengths}"
            )
    parts: list[Tensor] = []
    at = 0
    for length in lengths:
        parts.append(between(tensor, i, at, at + length))
        at += length
    return tuple(parts)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Return views of at most `chunks` equal parts of an axis; the last may be shorter."""
    if chunks <= 0:
        raise ArgumentError(f"chunk: expects `chunks` to be greater than 0, got: {chunks}")
    shape = shape_of(input)
    n = shape[axis("chunk", dim, len(shape))]
    if n == 0:
        return split(input, [0] * chunks, dim)
    return split(input, -(-n // chunks), dim)


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Return views cut at indices, or into as many parts whose lengths differ by at most one."""
    shape = shape_of(input)
    n = shape[axis("tensor_split", dim, len(shape))]
    if isinstance(indices_or_sections, int):
        whole, more = divmod(n, indices_or_sections)
        return split(input, [whole + (k < more) for k in range(indices_or_sections)], dim)
    cuts = [min(max(c + n if c < 0 else c, 0), n) for c in indices_or_sections]
    edges = [0, *cuts, n]
    i = axis("tensor_split", dim, len(shape))
    return tuple([between(input, i, a, max(a, b)) for a, b in pairwise(edges)])


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Return views of the entries of an axis, without that axis."""
    shape = shape_of(input)
    i = axis("unbind", dim, len(shape))
    if not shape:
        raise ShapeError("unbind: Dimension specified as 0 but tensor has no dimensions")
    return tuple([select(input, i, k) for k in range(shape[i])])


def flip(input: Tensor, *dims: Any) -> Tensor:
    """Return a copy with axes in reverse order."""
    given = sizes("flip", dims)
    ndim = len(shape_of(input))
    over = axes("flip", given, ndim) if given else ()
    return apply(FLIP, input, axes=over) if over else clone(input)


def fliplr(input: Tensor) -> Tensor:
    """Return a copy with the second axis reversed."""
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """Return a copy with the first axis reversed."""
    return flip(input, 0)


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Return elements moved along axes, those pushed out coming in at the other end.

    Args:
        input: `[*]`.
        shifts: how far, one number per axis.
        dims: the axes; None rolls the flattened tensor.
    """
    shape = shape_of(input)
    if dims is None:
        flat = reshape_to(input, (_size(shape),))
        return reshape_to(roll(flat, shifts, 0), shape)
    by = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    over = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(by) != len(over):
        raise ArgumentError(f"roll: shifts and dimensions must align, got {by} and {over}")
    x = input
    for shift, dim in zip(by, over, strict=True):
        i = axis("roll", dim, len(shape))
        n = shape[i]
        k = shift % n if n else 0
        if k:
            x = cat([between(x, i, n - k, n), between(x, i, 0, n - k)], i)
    return clone(x) if x is input else x


def _size(shape: Ints) -> int:
    n = 1
    for s in shape:
        n *= s
    return n


def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """Return copies of a tensor laid side by side along each axis."""
    times = sizes("repeat", repeats)
    shape = shape_of(input)
    lead = len(times) - len(shape)
    if lead < 0:
        raise ShapeError(
            "repeat: Number of dimensions of repeat dims can not be smaller than number of "
            f"dimensions of tensor: {list(times)} for x {list(shape)}"
        )
    old = (1,) * lead + shape
    apart = tuple(n for o in old for n in (1, o))
    wide = tuple(n for t, o in zip(times, old, strict=True) for n in (t, o))
    spread = broadcast_view(reshape_to(input, apart), wide)
    out = reshape_to(spread, tuple(t * o for t, o in zip(times, old, strict=True)))
    return clone(out) if out._storage is input._storage else out


def tile(input: Tensor, *dims: Any) -> Tensor:
    """Return copies of a tensor laid side by side; missing leading entries count as 1."""
    times = sizes("tile", dims)
    return repeat(input, (1,) * (len(shape_of(input)) - len(times)) + times)


def repeat_interleave(
    input: Tensor, repeats: Any, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Return each entry of an axis several times in a row.

    Args:
        input: `[*]`.
        repeats: how often, a number, or an integer tensor with one for each entry (eager only).
        dim: the axis; None flattens `input`.
        output_size: the size that the axis gets, which PyTorch needn't count then; not needed.
    """
    x = reshape_to(input, (_size(shape_of(input)),)) if dim is None else input
    shape = shape_of(x)
    i = axis("repeat_interleave", dim or 0, len(shape))
    if is_tensor(repeats):
        return _repeated(x, i, repeats, output_size)
    apart = broadcast_view(unsqueeze(x, i + 1), (*shape[: i + 1], repeats, *shape[i + 1 :]))
    out = reshape_to(apart, (*shape[:i], shape[i] * repeats, *shape[i + 1 :]))
    return clone(out) if out._storage is input._storage else out


def _repeated(x: Tensor, axis: int, repeats: Tensor, output_size: int | None) -> Tensor:
    """Return each entry of an axis as often as a vector says."""
    of = resolve(repeats)
    refuse_value(of, "repeat_interleave", "repeats as an int, or an index made before the call")
    counts, n = elements(of), shape_of(x)[axis]
    if counts.dtype.kind not in "iu" or counts.ndim > 1 or counts.size not in (1, n):
        raise ArgumentError(
            f"repeat_interleave: repeats must be integers, one or one for each of {n} entries, got "
            f"{type_text(repeats)}"
        )
    if (counts < 0).any():
        raise ArgumentError("repeat_interleave: repeats must not be negative")
    index = np.repeat(np.arange(n), counts.reshape(-1))
    if output_size not in (None, index.size):
        raise ArgumentError(
            f"repeat_interleave: output_size is {output_size}, the repeats sum to {index.size}"
        )
    return apply(lookup("index_select"), x, beside(wrap_array(index), x), axis=axis)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Return one grid per vector: the coordinates of all combinations.

    Args:
        tensors: vectors, as several arguments or one sequence.
        indexing: `ij` (axis i belongs to vector i) or `xy` (the first two swapped).
    """
    if indexing not in ("ij", "xy"):
        raise ArgumentError(f"meshgrid: indexing must be 'ij' or 'xy', got {indexing!r}")
    first = tensors[0] if len(tensors) == 1 else tensors
    given = [first] if is_tensor(first) else _listed("meshgrid", first)
    swap = indexing == "xy" and len(given) > 1
    if swap:
        given[:2] = given[1::-1]
    lengths = tuple([shape_of(v)[0] if shape_of(v) else 1 for v in given])
    grids: list[Tensor] = []
    for i, v in enumerate(given):
        column = tuple([n if k == i else 1 for k, n in enumerate(lengths)])
        grids.append(broadcast_view(reshape_to(v, column), lengths))
    if swap:
        grids[:2] = grids[1::-1]
    return tuple(grids)
