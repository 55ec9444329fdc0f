"""x[index] = value: through a view, by a mask, or at the places that index tensors pick."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradc.errors import ShapeError
from gradc.ir.dtype import bool_, int64
from gradc.ir.primitive import lookup
from gradc.tensor.arithmetic import add, sub
from gradc.tensor.axes import Ints, broadcast_shapes
from gradc.tensor.copying import clone
from gradc.tensor.core import is_tensor, resolve, shape_of
from gradc.tensor.creation import filled_with
from gradc.tensor.data import tensor
from gradc.tensor.dispatch import apply
from gradc.tensor.edges import edge_of
from gradc.tensor.elementwise import clamp
from gradc.tensor.index_plan import Plan, plan
from gradc.tensor.indexing import Picked, placed_index
from gradc.tensor.inplace import changed, check_writable, update
from gradc.tensor.joining import cat
from gradc.tensor.logic import gt, ne, where
from gradc.tensor.movement import between, broadcast_view, reshape_to, size_of
from gradc.tensor.moving import beside, device_of
from gradc.tensor.mutation import assign, fill_
from gradc.tensor.promotion import cast, is_number
from gradc.tensor.refusal import refuse_value

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

SORT, INDEX_ADD, INDEX_SELECT = map(lookup, ("sort", "index_add", "index_select"))


def setitem(x: Tensor, index: Any, value: Any) -> None:
    """Set x[index] to `value`, broadcast and converted."""
    found = plan(x, index)
    if found.basic:
        if is_number(value):
            fill_(found.view, value)
        else:
            given = as_value(value, x)
            if not same_place(found.view, given):
                assign(found.view, given, "setitem")
        return
    check_writable(resolve(found.view), "setitem")
    given = number(value, x) if is_number(value) else as_value(value, x)
    chosen = masked_value(found, given)
    if chosen is not None:
        mask, given = placed_index(chosen[0], found.view), chosen[1]
        update(found.view, lambda old: where(mask, cast(given, old._dtype), old), "setitem")
        return
    for mask in found.masks.values():
        refuse_value(
            resolve(mask),
            "x[mask] = values, an entry for each hit,",
            "x.masked_scatter_(mask, values), which writes them one after the other",
        )
    picked = Picked(found)
    on_host = resolve(found.view)._storage.place is None
    if on_host and edge_of(found.view) is None and edge_of(given) is None:
        write_arrays(picked, given)
        return
    put(picked, given, accumulate=False)


def as_value(value: Any, into: Tensor) -> Tensor:
    """Return what is written as a tensor; a number is copied to the device of the target."""
    if not is_tensor(value):
        return tensor(value, device=device_of(into))
    return value if shape_of(value) else beside(value, into)


def number(value: Any, like: Tensor) -> Tensor:
    """Return a number as a 0-d tensor; one that the dtype can't hold is converted."""
    return filled_with("setitem", value, (), like._dtype, device_of(like), False)


def same_place(x: Tensor, y: Tensor) -> bool:
    """Return whether two tensors are the same view of the same memory (after `x[i] += y`)."""
    a, b = resolve(x), resolve(y)
    return a._storage is b._storage and a._path == b._path


def masked_value(found: Plan, value: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return (mask, value) that broadcast to the view, where one mask alone picks.

    None where the value has an entry for each hit, whose number is not known beforehand.
    """
    if found.indices or len(found.masks) != 1:
        return None
    ((axis, mask),) = found.masks.items()
    shape, covered, given = shape_of(found.view), len(shape_of(mask)), shape_of(value)
    after = len(shape) - axis - covered
    inner = given[len(given) - after :] if after else ()
    outer = given[: len(given) - after] if after else given
    if len(given) < after:
        inner, outer = given, ()
    if outer and outer[-1] != 1:
        return None
    ones = (1,) * covered
    lined_up = (*outer[:-1], *ones, *inner) if outer else inner
    wide_mask = reshape_to(mask, (*shape_of(mask), *(1,) * after))
    if broadcast_shapes(lined_up, shape) != shape:
        return None
    wide_value = broadcast_view(reshape_to(value, lined_up), shape)
    return broadcast_view(wide_mask, shape), wide_value


def write_arrays(picked: Picked, value: Tensor) -> None:
    """Write straight into memory, where nothing is recorded."""
    into = resolve(picked.view)
    wanted = checked(picked, value)
    values = broadcast_view(cast(value, into._dtype), wanted)
    key: list[Any] = [slice(None)] * len(shape_of(into))
    for axis, index in picked.indices.items():
        key[axis] = resolve(index)._data
    into._data[tuple(key)] = resolve(values)._data
    changed(into)


def checked(picked: Picked, value: Tensor) -> Ints:
    """Return the shape of x[index], to which `value` must broadcast."""
    wanted = picked.taken_shape()
    given = shape_of(value)
    if broadcast_shapes(given, wanted) != wanted:
        raise ShapeError(
            f"setitem: shape mismatch: value tensor of shape {list(given)} cannot be broadcast to "
            f"indexing result of shape {list(wanted)}"
        )
    return wanted


def put(picked: Picked, value: Tensor, accumulate: bool) -> None:
    """Write, or add, `value` at the picked places."""
    into = picked.view
    wanted = checked(picked, value)
    single = size_of(shape_of(value)) == 1 and not accumulate
    values = cast(value, into._dtype)
    spread = values if single else broadcast_view(values, wanted)

    def written(old: Tensor) -> Tensor:
        picked.view = old
        rows = picked.rows()
        if accumulate:
            new = apply(INDEX_ADD, rows, picked.index, spread, axis=picked.axis)
        elif single:
            new = fill_rows(rows, picked.index, spread, picked.axis)
        else:
            new = put_rows(rows, picked.index, spread, picked.axis)
        return picked.back(new)

    update(into, written, "setitem")


def fill_rows(x: Tensor, index: Tensor, value: Tensor, axis: int) -> Tensor:
    """Return `x` with the entries at `index` along an axis set to one value."""
    n = shape_of(x)[axis]
    hits = apply(
        INDEX_ADD,
        zeros(n, x),
        index,
        filled_with("put", 1, shape_of(index), int64, device_of(x), False),
        axis=0,
    )
    return where(along(gt(hits, 0), axis, shape_of(x)), reshape_to(value, ()), x)


def put_rows(x: Tensor, index: Tensor, values: Tensor, axis: int) -> Tensor:
    """Return `x` with the entries at `index` along an axis replaced; the last of equals wins."""
    shape, count = shape_of(x), size_of(shape_of(index))
    if count == 0:
        return x
    flat = reshape_to(index, (count,))
    rows = reshape_to(values, (*shape[:axis], count, *shape[axis + 1 :]))
    ordered, came_from = apply(SORT, flat, axis=0, descending=False)
    changes = ne(between(ordered, 0, 1, count), between(ordered, 0, 0, count - 1))
    last = cat([changes, filled_with("put", True, (1,), bool_, device_of(x), False)], 0)
    number_from_1 = where(last, add(came_from, 1), 0)
    place = apply(INDEX_ADD, zeros(shape[axis], x), ordered, number_from_1, axis=0)
    source = apply(INDEX_SELECT, rows, clamp(sub(place, 1), min=0), axis=axis)
    return where(along(gt(place, 0), axis, shape), source, x)


def zeros(n: int, like: Tensor) -> Tensor:
    """Return n int64 zeros on the device of a tensor."""
    return filled_with("put", 0, (n,), int64, device_of(like), False)


def along(mask: Tensor, axis: int, shape: Ints) -> Tensor:
    """Return a mask of one axis broadcast to `shape`."""
    column = tuple([n if i == axis else 1 for i, n in enumerate(shape)])
    return broadcast_view(reshape_to(mask, column), shape)


def index_put(
    input: Tensor, indices: tuple[Tensor, ...], values: Tensor, accumulate: bool = False
) -> Tensor:
    """Return a copy with `values` written, or added, at the places that index tensors pick."""
    return index_put_(clone(input), indices, values, accumulate)


def index_put_(
    x: Tensor, indices: tuple[Tensor, ...], values: Tensor, accumulate: bool = False
) -> Tensor:
    """Write, or add, `values` at the places that index tensors pick."""
    if not accumulate:
        setitem(x, tuple(indices), values)
        return x
    found = plan(x, tuple(indices))
    check_writable(resolve(found.view), "index_put_")
    put(Picked(found), as_value(values, x), accumulate=True)
    return x
