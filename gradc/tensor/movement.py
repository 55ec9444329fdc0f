"""Views of a tensor: the same memory in another shape or order."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import ArgumentError, ShapeError, TensorIndexError
from gradc.ir.primitive import lookup
from gradc.tensor.axes import Ints, axis, filled, sizes
from gradc.tensor.copying import clone
from gradc.tensor.core import resolve, shape_of
from gradc.tensor.dispatch import apply_view
from gradc.tensor.kinds import is_sequence
from gradc.tensor.strides import reshaped, strides

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

RESHAPE, PERMUTE, BROADCAST, SLICE = map(lookup, ("reshape", "permute", "broadcast", "slice"))


def size_of(shape: Ints) -> int:
    """Return the number of elements of a shape."""
    n = 1
    for s in shape:
        n *= s
    return n


def reshape_view(x: Tensor, shape: Ints) -> Tensor | None:
    """Return a view of another shape, or None where only a copy would do."""
    of = resolve(x)
    if of._storage.place is None:
        data = of._data.reshape(shape)
        shares = of._data.flags.c_contiguous or data.size == 0
        if not shares and not np.may_share_memory(data, of._data):
            return None
        return apply_view(RESHAPE, of, data, {"shape": shape})
    if reshaped(shape_of(of), strides(of), shape) is None:
        return None
    return apply_view(RESHAPE, of, None, {"shape": shape})


def reshape_to(x: Tensor, shape: Ints) -> Tensor:
    """Return `x` in a shape of the same size: a view where possible, else a copy."""
    found = reshape_view(x, shape)
    if found is not None:
        return found
    found = reshape_view(clone(x), shape)
    assert found is not None
    return found


def reshape(x: Tensor, *shape: Any) -> Tensor:
    """Return the same elements in another shape: a view where possible, else a copy.

    Args:
        x: `[*]`.
        shape: sizes, as several ints or one sequence; one may be -1.
    """
    return reshape_to(x, filled("reshape", sizes("reshape", shape), size_of(shape_of(x))))


def view(x: Tensor, *shape: Any) -> Tensor:
    """Return a view in another shape.

    Args:
        x: `[*]`.
        shape: sizes, as several ints or one sequence; one may be -1.

    Raises:
        ShapeError: where the elements don't lie in memory so that a view could be made.
    """
    new = filled("view", sizes("view", shape), size_of(shape_of(x)))
    found = reshape_view(x, new)
    if found is None:
        raise ShapeError(
            f"view: size {list(new)} is not compatible with input tensor's size "
            f"{list(shape_of(x))} and stride {list(strides(x))} (at least one dimension spans "
            "across two contiguous subspaces)",
            hint=".reshape(...)",
        )
    return found


def view_as(x: Tensor, other: Tensor) -> Tensor:
    """Return a view of `x` in the shape of `other`."""
    return view(x, *shape_of(other))


def reshape_as(x: Tensor, other: Tensor) -> Tensor:
    """Return `x` in the shape of `other`."""
    return reshape(x, *shape_of(other))


def permute_to(x: Tensor, order: Ints) -> Tensor:
    """Return a view with the axes in the order given."""
    of = resolve(x)
    data = of._data.transpose(order) if of._storage.place is None else None
    return apply_view(PERMUTE, of, data, {"axes": order})


def permute(x: Tensor, *dims: Any) -> Tensor:
    """Return a view with the axes in another order.

    Args:
        x: `[d0, d1, ...]`.
        dims: old axes in the new order, as several ints or one sequence.
    """
    ndim = len(shape_of(x))
    given = sizes("permute", dims)
    if len(given) != ndim:
        raise ShapeError(
            f"permute: number of dimensions in the tensor input does not match the length of "
            f"the desired ordering of dimensions: x {list(shape_of(x))}, dims {list(given)}"
        )
    order = tuple([axis("permute", d, ndim) for d in given])
    if len(set(order)) != ndim:
        raise ShapeError(f"permute: repeated dim in {list(given)}")
    return permute_to(x, order)


def transpose(x: Tensor, dim0: int, dim1: int) -> Tensor:
    """Return a view with two axes swapped."""
    ndim = len(shape_of(x))
    i, j = axis("transpose", dim0, ndim), axis("transpose", dim1, ndim)
    if ndim == 0:
        return x
    order = list(range(ndim))
    order[i], order[j] = j, i
    return permute_to(x, tuple(order))


def movedim(x: Tensor, source: Any, destination: Any) -> Tensor:
    """Return a view with axes moved to other places, the rest in their old order."""
    ndim = len(shape_of(x))
    moved = [axis("movedim", s, ndim) for s in _several(source)]
    to = [axis("movedim", d, ndim) for d in _several(destination)]
    if len(moved) != len(to) or len(set(moved)) != len(moved) or len(set(to)) != len(to):
        raise ArgumentError(
            f"movedim: source {source} and destination {destination} must name as many axes, each "
            "once"
        )
    rest = iter(i for i in range(ndim) if i not in moved)
    places = dict(zip(to, moved, strict=True))
    return permute_to(x, tuple([places[i] if i in places else next(rest) for i in range(ndim)]))


def _several(dims: Any) -> tuple[Any, ...]:
    return tuple(dims) if is_sequence(dims) else (dims,)


def t(x: Tensor) -> Tensor:
    """Return the transpose of a matrix; a vector or scalar as it is."""
    if len(shape_of(x)) > 2:
        raise ShapeError(
            f"t: expects a tensor with <= 2 dimensions, but self is {len(shape_of(x))}D",
            hint=".mT or .transpose(dim0, dim1)",
        )
    return x if len(shape_of(x)) < 2 else permute_to(x, (1, 0))


def transposed(x: Tensor) -> Tensor:
    """Return a view with all axes in reverse order (`.T`)."""
    return permute_to(x, tuple(reversed(range(len(shape_of(x))))))


def matrix_transposed(x: Tensor) -> Tensor:
    """Return a view with the last two axes swapped (`.mT`)."""
    if len(shape_of(x)) < 2:
        raise ShapeError(f"mT: needs at least two axes, got {list(shape_of(x))}")
    return transpose(x, -2, -1)


def squeeze(x: Tensor, dim: Any = None) -> Tensor:
    """Return a view without axes of size 1.

    Args:
        x: `[*]`.
        dim: the axes to drop where their size is 1; None: all of size 1.
    """
    shape = shape_of(x)
    chosen = (
        range(len(shape))
        if dim is None
        else [axis("squeeze", d, len(shape)) for d in _several(dim)]
    )
    return reshape_to(x, tuple([n for i, n in enumerate(shape) if n != 1 or i not in chosen]))


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """Return a view with an axis of size 1 put in at `dim`."""
    shape = shape_of(x)
    i = axis("unsqueeze", dim, len(shape) + 1)
    return reshape_to(x, (*shape[:i], 1, *shape[i:]))


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Return `x` with the axes from start_dim to end_dim made one."""
    shape = shape_of(x)
    if not shape:
        return reshape_to(x, (1,))
    i, j = axis("flatten", start_dim, len(shape)), axis("flatten", end_dim, len(shape))
    if i > j:
        raise ShapeError("flatten: has invalid args: start_dim cannot come after end_dim")
    return x if i == j else reshape_to(x, (*shape[:i], size_of(shape[i : j + 1]), *shape[j + 1 :]))


def unflatten(x: Tensor, dim: int, sizes: Any) -> Tensor:
    """Return a view with one axis cut into several; one size may be -1."""
    shape = shape_of(x)
    i = axis("unflatten", dim, len(shape))
    return reshape_to(
        x, (*shape[:i], *filled("unflatten", tuple(sizes), shape[i]), *shape[i + 1 :])
    )


def ravel(x: Tensor) -> Tensor:
    """Return `x` as one axis: a view where possible."""
    return reshape_to(x, (size_of(shape_of(x)),))


def broadcast_view(x: Tensor, shape: Ints) -> Tensor:
    """Return a view repeated to `shape`; the tensor itself where it has that shape."""
    of = resolve(x)
    old = shape_of(of)
    if old == shape:
        return x
    if size_of(old) == size_of(shape) and 0 not in shape:
        return reshape_to(of, shape)
    data = np.broadcast_to(of._data, shape) if of._storage.place is None else None
    return apply_view(BROADCAST, of, data, {"shape": shape})


def expand(x: Tensor, *shape: Any) -> Tensor:
    """Return a view in which axes of size 1 repeat.

    Args:
        x: `[*]`.
        shape: sizes, as several ints or one sequence; -1 keeps a size.
    """
    old, new = shape_of(x), list(sizes("expand", shape))
    lead = len(new) - len(old)
    for i, n in enumerate(new):
        here = old[i - lead] if i >= lead else None
        if n == -1 and here is not None:
            new[i] = here
        elif n < 0 or (here is not None and here not in (1, n)):
            lead = -1
            break
    if lead < 0:
        raise ShapeError(
            f"expand: x {list(old)} doesn't expand to {list(sizes('expand', shape))}: axes are "
            "matched from the last, and only sizes 1 repeat"
        )
    return broadcast_view(x, tuple(new))


def expand_as(x: Tensor, other: Tensor) -> Tensor:
    """Return a view of `x` repeated to the shape of `other`."""
    return expand(x, shape_of(other))


def broadcast_to(x: Tensor, size: Any) -> Tensor:
    """Return a view of `x` repeated to a shape."""
    return expand(x, size)


def slice_view(x: Tensor, start: Ints, stop: Ints, step: Ints) -> Tensor:
    """Return a view of a box of elements; the tensor itself where that is all of it."""
    of = resolve(x)
    if start == (0,) * len(start) and stop == shape_of(of) and step == (1,) * len(step):
        return x
    if of._storage.place is None:
        cut = tuple([slice(a, o, s) for a, o, s in zip(start, stop, step, strict=True)])
        data = of._data[cut]
    else:
        data = None
    return apply_view(SLICE, of, data, {"start": start, "stop": stop, "step": step})


def narrow(x: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """Return a view of `length` entries from `start` on, along one axis."""
    shape = shape_of(x)
    i = axis("narrow", dim, len(shape))
    first = int(start) + (shape[i] if int(start) < 0 else 0)
    if length < 0 or not 0 <= first <= first + length <= shape[i]:
        raise ShapeError(
            f"narrow: start ({start}) + length ({length}) exceeds dimension size ({shape[i]})"
        )
    return between(x, i, first, first + length)


def between(x: Tensor, i: int, first: int, last: int) -> Tensor:
    """Return a view of the entries first ... last - 1 along axis i."""
    shape = shape_of(x)
    start, stop = [0] * len(shape), list(shape)
    start[i], stop[i] = first, last
    return slice_view(x, tuple(start), tuple(stop), (1,) * len(shape))


def select(x: Tensor, dim: int, index: int) -> Tensor:
    """Return a view of one entry along an axis, without that axis."""
    shape = shape_of(x)
    i = axis("select", dim, len(shape))
    k = int(index) + (shape[i] if int(index) < 0 else 0)
    if not 0 <= k < shape[i]:
        raise TensorIndexError(
            f"select: index {index} is out of bounds for dimension {i} with size {shape[i]}"
        )
    return reshape_to(between(x, i, k, k + 1), (*shape[:i], *shape[i + 1 :]))
