"""What stands in the brackets of x[...] -> one view, then index tensors on some of its axes."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import ArgumentError, ArgumentTypeError, TensorIndexError
from gradc.ir.dtype import bool_, from_numpy, int64, uint8
from gradc.ir.primitive import lookup
from gradc.tensor.axes import Ints
from gradc.tensor.core import elements, is_tensor, resolve, shape_of, wrap_array
from gradc.tensor.data import tensor
from gradc.tensor.dispatch import apply, constant
from gradc.tensor.kinds import is_array, is_numpy_number, is_sequence, is_slice, several
from gradc.tensor.movement import reshape_to, slice_view
from gradc.tensor.moving import beside
from gradc.tensor.promotion import cast

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


@dataclass(slots=True)
class Plan:
    """How x[index] is read.

    Args:
        view: the part of x that slices, ints, None and Ellipsis select, a view.
        indices: axis of the view -> int64 tensor that picks along it.
        masks: first axis of the view -> bool tensor over as many axes as it has.
    """

    view: Tensor
    indices: dict[int, Tensor] = field(default_factory=dict["int", "Tensor"])
    masks: dict[int, Tensor] = field(default_factory=dict["int", "Tensor"])

    @property
    def basic(self) -> bool:
        """Whether the result is a view."""
        return not self.indices and not self.masks


def plan(x: Tensor, index: Any) -> Plan:
    """Return how x[index] is read."""
    shape = shape_of(x)
    items = _spread(index, len(shape), shape)
    start, stop, step = [0] * len(shape), list(shape), [1] * len(shape)
    out: list[int] = []
    indices: dict[int, Tensor] = {}
    masks: dict[int, Tensor] = {}
    a = 0
    for item in items:
        if item is None or item is True:
            out.append(1)
        elif is_slice(item):
            start[a], stop[a], step[a] = _bounds(item, shape[a])
            out.append(len(range(start[a], stop[a], step[a])))
            a += 1
        elif isinstance(item, int):
            k = _inside(item, a, shape[a], shape)
            start[a], stop[a] = k, k + 1
            a += 1
        elif item._dtype.is_bool:
            ndim = len(shape_of(item))
            if shape_of(item) != shape[a : a + ndim]:
                raise TensorIndexError(
                    f"The shape of the mask {list(shape_of(item))} at index {a} does not match the "
                    f"shape of the indexed tensor {list(shape)} at index {a}"
                )
            masks[len(out)] = item
            out.extend(shape[a : a + ndim])
            a += ndim
        else:
            indices[len(out)] = item
            out.append(shape[a])
            a += 1
    view = slice_view(x, tuple(start), tuple(stop), tuple(step))
    if shape_of(view) != tuple(out):
        view = reshape_to(view, tuple(out))
    return Plan(view, indices, masks)


def _spread(index: Any, ndim: int, shape: Ints) -> list[Any]:
    """Return one entry per axis or None, with Ellipsis and missing axes made full slices."""
    items = [_item(i) for i in several(index)]
    used = 0
    for item in items:
        if is_tensor(item) and item._dtype.is_bool:
            used += len(shape_of(item))
        elif item is not None and item is not Ellipsis and item is not True:
            used += 1
    if used > ndim:
        raise TensorIndexError(f"too many indices for tensor of dimension {ndim}: {list(shape)}")
    rest = [slice(None)] * (ndim - used)
    dots = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(dots) > 1:
        raise TensorIndexError("an index can only have a single ellipsis ('...')")
    at = dots[0] if dots else len(items)
    return [*items[:at], *rest, *items[at + 1 :]]


def _item(item: Any) -> Any:
    """Return an entry as None, Ellipsis, a slice, an int, True, or a bool or int64 tensor."""
    if item is None or item is Ellipsis or is_slice(item) or item is True:
        return item
    if is_numpy_number(item):
        return _item(item.item())
    if item is False:
        return constant(False, bool_)
    if isinstance(item, int):
        return item
    if isinstance(item, str):
        raise _wrong(item)
    if is_sequence(item):
        item = tensor(list(item)) if len(item) else wrap_array(np.zeros(0, np.int64))
    elif is_array(item):
        item = wrap_array(item if from_numpy(item.dtype) else item.astype(np.int64))
    if is_tensor(item):
        return _tensor_item(item)
    if hasattr(item, "__index__"):
        return operator.index(item)
    raise _wrong(item)


def _wrong(item: object) -> ArgumentTypeError:
    return ArgumentTypeError(
        "indices must be ints, slices, None, Ellipsis, bool or int64 tensors, or sequences of "
        f"ints, got {type(item).__name__}",
        hint="x[gradc.tensor([0, 2])]",
    )


def _tensor_item(item: Tensor) -> Any:
    if item._dtype.is_bool:
        return item
    if item._dtype.is_floating_point or item._dtype is uint8:
        raise TensorIndexError(
            f"tensors used as indices must be int64, int32 or bool tensors, got {item._dtype}",
            hint="index.long()",
        )
    of = resolve(item)
    if not shape_of(of) and not of._storage.traced:
        return int(elements(of))
    return cast(item, int64)


def _bounds(item: slice, n: int) -> tuple[int, int, int]:
    """Return a slice as start <= stop inside the axis, and its step."""
    for part in (item.start, item.stop, item.step):
        if part is not None and not hasattr(part, "__index__"):
            raise ArgumentTypeError(
                f"slice indices must be integers or None, got {type(part).__name__}"
            )
    step = 1 if item.step is None else operator.index(item.step)
    if step <= 0:
        raise ArgumentError("step must be greater than zero", hint="gradc.flip(x, (0,))")
    start, stop, step = slice(
        None if item.start is None else operator.index(item.start),
        None if item.stop is None else operator.index(item.stop),
        step,
    ).indices(n)
    return start, max(start, stop), step


def _inside(k: int, axis: int, n: int, shape: Ints) -> int:
    if not -n <= k < n:
        raise TensorIndexError(
            f"index {k} is out of bounds for dimension {axis} with size {n}: x {list(shape)}"
        )
    return k % n


def wrapped(index: Tensor, n: int, axis: int) -> Tensor:
    """Return an index tensor with negative entries counted from the end."""
    of = resolve(index)
    if not of._storage.traced:
        array = elements(of)
        if array.size:
            low, high = int(array.min()), int(array.max())
            if low < -n or high >= n:
                bad = low if low < -n else high
                raise TensorIndexError(
                    f"index {bad} is out of bounds for dimension {axis} with size {n}"
                )
            if low >= 0:
                return of
        return beside(wrap_array(np.where(array < 0, array + n, array)), of)
    shape = shape_of(of)
    negative = apply(lookup("lt"), of, constant(0, int64, shape))
    return apply(lookup("where"), negative, apply(lookup("add"), of, constant(n, int64, shape)), of)
