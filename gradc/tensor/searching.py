"""Find values among others: places in sorted rows, membership; largest elements so far."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradc.errors import ArgumentError, ShapeError, UnsupportedError
from gradc.ir.dtype import int32, int64
from gradc.ir.primitive import Primitive, lookup
from gradc.tensor.axes import axis
from gradc.tensor.copying import clone
from gradc.tensor.core import home, is_tensor, shape_of
from gradc.tensor.dispatch import apply, constant
from gradc.tensor.elementwise import clamp
from gradc.tensor.joining import cat
from gradc.tensor.logic import GE, GT, LT, eq, isnan, logical_and, logical_not, logical_or, where
from gradc.tensor.movement import between, broadcast_view, reshape_to, size_of
from gradc.tensor.promotion import Operand, cast, result_type
from gradc.tensor.selecting import gather
from gradc.tensor.sorting import Sorted, sort

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

IOTA = lookup("iota")


def searchsorted(
    sorted_sequence: Tensor,
    input: Operand,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Return before which element of a sorted row each value would be put.

    Args:
        sorted_sequence: `[n]`, or `[*, n]` with the leading axes of `input`; rows that rise.
        input: `[*, m]`, any shape for one row; or a number.
        out_int32: return int32 instead of int64.
        right: behind elements that are equal, not before.
        side: `left` or `right`, which says the same.
        sorter: must be None.

    Returns:
        Indices from 0 to n, of the input's shape.

    Raises:
        ShapeError: leading axes that differ.

    Example:
        >>> import gradc
        >>> gradc.searchsorted(gradc.tensor([1.0, 3.0, 5.0]), gradc.tensor([3.0, 9.0])).tolist()
        [1, 3]
    """
    name = "searchsorted"
    if sorter is not None:
        raise UnsupportedError(f"{name}: sorter is not supported", hint="sort the sequence first")
    if side not in (None, "left", "right"):
        raise ArgumentError(f"{name}: side must be 'left' or 'right', got {side!r}")
    behind = right or side == "right"
    x = (
        input
        if is_tensor(input)
        else constant(input, sorted_sequence._dtype, (), home(sorted_sequence))
    )
    rows, wanted = shape_of(sorted_sequence), shape_of(x)
    single = len(rows) == 1
    if not rows or (not single and rows[:-1] != wanted[:-1]):
        raise ShapeError(
            f"{name}: expected a sequence [n], or [*, n] with the leading axes of the input, got "
            f"{list(rows)} and input {list(wanted)}"
        )
    dtype = result_type(sorted_sequence, x)
    row, values = cast(sorted_sequence, dtype), cast(x, dtype)
    flat = reshape_to(values, (size_of(wanted),)) if single else values
    found = _places(row, flat, rows[-1], GT if behind else GE)
    found = reshape_to(found, wanted)
    return cast(found, int32) if out_int32 else found


def _places(rows: Tensor, x: Tensor, n: int, stops: Primitive) -> Tensor:
    """Halve what is left of each row until one place is."""
    low = apply(lookup("full"), shape=shape_of(x), dtype=int64, value=0, device=home(x))
    high = low + n
    if n == 0:
        return low
    for _ in range(n.bit_length()):
        middle = (low + high) // 2
        here = gather(rows, -1, clamp(middle, max=n - 1))
        open_ = low < high
        up = logical_and(open_, logical_not(apply(stops, here, x)))
        low = where(up, middle + 1, low)
        high = where(logical_and(open_, logical_not(up)), middle, high)
    return low


def bucketize(
    input: Operand, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """Return between which of rising boundaries each value lies: how many lie below it.

    Args:
        input: any shape, or a number.
        boundaries: `[n]`, rising.
        out_int32: return int32 instead of int64.
        right: whether a boundary belongs to the values below it.
    """
    if len(shape_of(boundaries)) != 1:
        raise ShapeError(f"bucketize: expected boundaries [n], got {list(shape_of(boundaries))}")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def isin(
    elements: Operand, test_elements: Operand, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Return whether each element is among others.

    Args:
        elements: any shape.
        test_elements: the others, any shape; or a number.
        assume_unique: accepted for PyTorch's sake: makes no difference.
        invert: whether it is not.
    """
    some = elements if is_tensor(elements) else test_elements
    x, others = (
        v if is_tensor(v) else constant(v, result_type(v), (), home(some))
        for v in (elements, test_elements)
    )
    dtype = result_type(x, others)
    x, others = cast(x, dtype), cast(others, dtype)
    count, shape = size_of(shape_of(others)), shape_of(x)
    if count == 0:
        found = logical_and(eq(x, x), False)
    elif count <= 16:
        wide = broadcast_view(reshape_to(x, (*shape, 1)), (*shape, count))
        found = eq(wide, reshape_to(others, (count,))).any(-1)
    else:
        row = sort(reshape_to(others, (count,))).values
        place = clamp(searchsorted(row, x), max=count - 1)
        found = eq(x, reshape_to(gather(row, 0, reshape_to(place, (size_of(shape),))), shape))
    return logical_not(found) if invert else found


def cummax(input: Tensor, dim: int) -> Sorted:
    """Return the largest element so far along an axis, and the index of the last of them."""
    return _extreme_so_far("cummax", input, dim, GT)


def cummin(input: Tensor, dim: int) -> Sorted:
    """Return the smallest element so far along an axis, and the index of the last of them."""
    return _extreme_so_far("cummin", input, dim, LT)


def _extreme_so_far(name: str, x: Tensor, dim: int, beats: Primitive) -> Sorted:
    """Double the stretch that each place knows of, until it is everything before."""
    shape = shape_of(x)
    i = axis(name, dim, len(shape))
    if not shape:
        return Sorted(clone(x), constant(0, int64, (), home(x)))
    n = shape[i]
    best = x.detach()
    index = apply(IOTA, shape=shape, dtype=int64, axis=i, device=home(x))
    step = 1
    while step < n:
        earlier, then = (_before(t, i, step, n) for t in (best, index))
        wins = apply(beats, earlier, best)
        if x._dtype.is_floating_point:
            # once there is a NaN, it stays
            wins = logical_and(logical_or(wins, isnan(earlier)), logical_not(isnan(best)))
        best, index = where(wins, earlier, best), where(wins, then, index)
        step *= 2
    return Sorted(gather(x, i, index), index)


def _before(x: Tensor, axis: int, step: int, n: int) -> Any:
    """Return what stands `step` places earlier; the first places keep their own."""
    return cat([between(x, axis, 0, step), between(x, axis, 0, n - step)], axis)
