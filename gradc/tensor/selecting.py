"""Pick elements along an axis by index tensors, and put them back: gather, scatter and so on."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradc.errors import ArgumentError, DTypeError, ShapeError, TensorIndexError
from gradc.ir.dtype import int32, int64
from gradc.ir.primitive import lookup
from gradc.tensor.arithmetic import add, mul, sub
from gradc.tensor.axes import Ints, axis
from gradc.tensor.copying import clone
from gradc.tensor.core import elements, is_tensor, resolve, shape_of
from gradc.tensor.creation import filled_with
from gradc.tensor.dispatch import apply
from gradc.tensor.elementwise import clamp
from gradc.tensor.index_plan import wrapped
from gradc.tensor.index_write import fill_rows, put_rows, setitem
from gradc.tensor.indexing import getitem
from gradc.tensor.inplace import update
from gradc.tensor.joining import cat
from gradc.tensor.logic import gt, ne, where
from gradc.tensor.movement import between, broadcast_view, reshape_to, size_of, slice_view
from gradc.tensor.moving import device_of
from gradc.tensor.promotion import cast, common_shape, is_number

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

INDEX_SELECT, INDEX_ADD, GATHER, SCATTER_ADD, SORT = map(
    lookup, ("index_select", "index_add", "gather", "scatter_add", "sort")
)


def _index(name: str, index: Tensor, n: int, dim: int) -> Tensor:
    """Return an index tensor as non-negative int64; negative entries are errors, as in PyTorch."""
    if index._dtype is int32:
        index = cast(index, int64)
    if index._dtype is not int64:
        raise DTypeError(
            f"{name}(): Expected dtype int64 for index, got {index._dtype}", hint="index.long()"
        )
    of = resolve(index)
    if of._storage.traced:
        return of
    low = int(elements(of).min(initial=0))
    if low < 0:
        raise TensorIndexError(
            f"{name}: index {low} is out of bounds for dimension {dim} with size {n}"
        )
    return wrapped(of, n, dim)


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the entries of an axis at a vector of indices."""
    shape = shape_of(input)
    i = axis("index_select", dim, len(shape))
    if len(shape_of(index)) > 1:
        raise TensorIndexError("index_select(): Index is supposed to be a vector")
    flat = reshape_to(index, (size_of(shape_of(index)),))
    x = input if shape else reshape_to(input, (1,))
    found = _index("index_select", flat, shape_of(x)[i], i)
    out = apply(INDEX_SELECT, x, found, axis=i)
    return out if shape else reshape_to(out, ())


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """Return a copy with alpha * source added at a vector of indices along an axis."""
    i = axis("index_add", dim, len(shape_of(input)))
    found = _index("index_add", index, shape_of(input)[i], i)
    updates = source if alpha == 1 else mul(source, alpha)
    if updates._dtype is not input._dtype:
        raise DTypeError(
            f"index_add_(): self ({input._dtype}) and source ({source._dtype}) must have the same "
            "scalar type"
        )
    expected = (*shape_of(input)[:i], *shape_of(found), *shape_of(input)[i + 1 :])
    if shape_of(updates) != expected:
        raise ShapeError(
            f"index_add: source must be {list(expected)} for x {list(shape_of(input))} and index "
            f"{list(shape_of(index))}, got {list(shape_of(source))}"
        )
    return apply(INDEX_ADD, input, found, updates, axis=i)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Return a copy with `source` written at a vector of indices along an axis."""
    i = axis("index_copy", dim, len(shape_of(input)))
    return put_rows(input, _index("index_copy", index, shape_of(input)[i], i), source, i)


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """Return a copy with one value written at a vector of indices along an axis."""
    i = axis("index_fill", dim, len(shape_of(input)))
    found = _index("index_fill", index, shape_of(input)[i], i)
    return fill_rows(input, found, _value(value, input), i)


def _value(value: Any, like: Tensor) -> Tensor:
    if is_tensor(value):
        return cast(value, like._dtype)
    return filled_with("value", value, (), like._dtype, device_of(like), False)


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return out[i, j] = input[index[i, j], j] for dim 0, and so on.

    Args:
        input: `[*]`.
        dim: the axis that `index` picks along.
        index: int64, of input's rank and nowhere larger beside `dim`.
    """
    shape = shape_of(input)
    i = axis("gather", dim, len(shape))
    _check_rank("gather", input, index)
    if not shape:
        return reshape_to(gather(reshape_to(input, (1,)), 0, reshape_to(index, (1,))), ())
    _check_beside("gather", i, shape_of(index), shape, "input")
    return apply(GATHER, input, _index("gather", index, shape[i], i), axis=i)


def _check_rank(name: str, x: Tensor, index: Tensor) -> None:
    if len(shape_of(index)) != len(shape_of(x)):
        raise ShapeError(
            f"{name}: Index tensor must have the same number of dimensions as input tensor: x "
            f"{list(shape_of(x))}, index {list(shape_of(index))}"
        )


def _check_beside(name: str, i: int, index: Ints, shape: Ints, what: str) -> None:
    if any(a != i and n > m for a, (n, m) in enumerate(zip(index, shape, strict=True))):
        raise ShapeError(
            f"{name}: Size does not match at some dimension: expected index {list(index)} to be "
            f"no larger than {what} {list(shape)} apart from dimension {i}"
        )


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Return the elements at `indices` along an axis, other axes broadcast."""
    if dim is None:
        flat = reshape_to(input, (size_of(shape_of(input)),))
        return gather(flat, 0, reshape_to(indices, (size_of(shape_of(indices)),)))
    i = axis("take_along_dim", dim, len(shape_of(input)))
    x, p, q = input, list(shape_of(input)), list(shape_of(indices))
    for a in range(len(p)):
        if a != i:
            p[a] = q[a] = max(p[a], q[a])
    return gather(broadcast_view(x, tuple(p)), i, broadcast_view(indices, tuple(q)))


def take(input: Tensor, index: Tensor) -> Tensor:
    """Return the elements at positions of the flattened tensor."""
    return getitem(reshape_to(input, (size_of(shape_of(input)),)), index)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Return a copy with src[i, j] added at [index[i, j], j] for dim 0, and so on."""
    i, found, cut = _scattered("scatter_add", input, dim, index, src)
    return apply(SCATTER_ADD, input, found, cut, axis=i)


def _scattered(
    name: str, x: Tensor, dim: int, index: Tensor, src: Tensor
) -> tuple[int, Tensor, Tensor]:
    """Return (axis, index, the part of src that belongs to it)."""
    i = axis(name, dim, len(shape_of(x)))
    _check_rank(name, x, index)
    shape = shape_of(index)
    if src._dtype is not x._dtype:
        raise DTypeError(
            f"{name}(): Expected self.dtype to be equal to src.dtype, got {x._dtype} and "
            f"{src._dtype}"
        )
    if len(shape_of(src)) != len(shape) or any(
        n > m for n, m in zip(shape, shape_of(src), strict=True)
    ):
        raise ShapeError(
            f"{name}: expected index {list(shape)} to be no larger than src {list(shape_of(src))}"
        )
    _check_beside(name, i, shape, shape_of(x), "self")
    zeros = (0,) * len(shape)
    cut = slice_view(src, zeros, shape, (1,) * len(shape))
    return i, _index(name, index, shape_of(x)[i], i), cut


def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: Any = None,
) -> Tensor:
    """Return a copy with src[i, j] written at [index[i, j], j] for dim 0, and so on.

    Where several land on one place the last one wins.

    Args:
        input: `[*]`.
        dim: the axis that `index` points along.
        index: int64, of input's rank.
        src: tensor at least as large as `index`, or a number.
        value: a number, the same as a number for `src`.
        reduce: `add` adds instead; `multiply` is not supported.
    """
    given = src if src is not None else value
    if reduce not in (None, "add"):
        raise ArgumentError(f"scatter: reduce must be None or 'add', got {reduce!r}")
    if is_number(given):
        given = broadcast_view(_value(given, input), shape_of(index))
    if not is_tensor(given):
        raise ArgumentError("scatter: expected src or value")
    if reduce == "add":
        return scatter_add(input, dim, index, given)
    i, found, cut = _scattered("scatter", input, dim, index, given)
    return _put_elements(input, i, found, cut)


def _put_elements(x: Tensor, i: int, index: Tensor, src: Tensor) -> Tensor:
    """Write elements along an axis; the last of those that land on one place wins."""
    shape, part = shape_of(x), shape_of(index)
    if 0 in part:
        return clone(x)
    ordered, came_from = apply(SORT, index, axis=i, descending=False)
    n = part[i]
    changes = ne(between(ordered, i, 1, n), between(ordered, i, 0, n - 1))
    ones = filled_with(
        "scatter",
        True,
        tuple([1 if a == i else m for a, m in enumerate(part)]),
        changes._dtype,
        device_of(x),
        False,
    )
    number = where(cat([changes, ones], i), add(came_from, 1), 0)
    window = tuple([shape[i] if a == i else m for a, m in enumerate(part)])
    empty = filled_with("scatter", 0, window, int64, device_of(x), False)
    place = apply(SCATTER_ADD, empty, ordered, number, axis=i)
    source = apply(GATHER, src, clamp(sub(place, 1), min=0), axis=i)
    zeros, step = (0,) * len(shape), (1,) * len(shape)
    inner = slice_view(x, zeros, window, step)
    new = where(gt(place, 0), source, inner)
    if window == shape:
        return new
    out = clone(x)
    setitem(out, tuple([slice(0, m) for m in window]), new)
    return out


def in_place(name: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the in-place version of a function."""

    def method(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return update(x, lambda old: function(old, *args, **kwargs), name)

    method.__name__ = name
    method.__doc__ = f"Apply `{function.__name__}` in place."
    return method


scatter_ = in_place("scatter_", scatter)
scatter_add_ = in_place("scatter_add_", scatter_add)
index_add_ = in_place("index_add_", index_add)
index_copy_ = in_place("index_copy_", index_copy)
index_fill_ = in_place("index_fill_", index_fill)


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """Return the elements where the mask holds, as a vector."""
    if not mask._dtype.is_bool:
        raise DTypeError(f"masked_select: expected BoolTensor for mask, got {mask._dtype}")
    shape = common_shape("masked_select", (input, mask))
    return getitem(broadcast_view(input, shape), broadcast_view(mask, shape))


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Return a copy with consecutive elements of `source` written where the mask holds."""
    mask = broadcast_view(mask, shape_of(input))
    flat_mask = reshape_to(mask, (size_of(shape_of(input)),))
    hits = sub(apply(lookup("cumsum"), cast(flat_mask, int64), axis=0, reverse=False), 1)
    flat = reshape_to(source, (size_of(shape_of(source)),))
    picked = apply(INDEX_SELECT, flat, clamp(hits, 0, size_of(shape_of(source)) - 1), axis=0)
    return where(mask, reshape_to(picked, shape_of(input)), input)


masked_scatter_ = in_place("masked_scatter_", masked_scatter)
