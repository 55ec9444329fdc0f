"""Folds over axes: sum, mean, prod, largest and smallest elements, any and all."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gradc.errors import DTypeError, ShapeError
from gradc.ir.dtype import DType, int64
from gradc.ir.primitive import Primitive, lookup
from gradc.tensor.arithmetic import add, div, maximum, minimum, sub
from gradc.tensor.axes import Ints, axes, axis
from gradc.tensor.copying import detach
from gradc.tensor.core import home, is_tensor, shape_of
from gradc.tensor.dispatch import apply, constant
from gradc.tensor.logic import isfinite, isnan, truth, where
from gradc.tensor.movement import reshape_to, size_of
from gradc.tensor.promotion import cast, check_dtype, need_floating

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

SUM, PROD, MAX, MIN, ANY, ALL = map(lookup, ("sum", "prod", "max", "min", "any", "all"))
ARGMAX, ARGMIN, GATHER = map(lookup, ("argmax", "argmin", "gather"))


class Extreme(NamedTuple):
    """Largest or smallest elements along an axis, and where they were found."""

    values: Tensor
    indices: Tensor


class Extremes(NamedTuple):
    """Smallest and largest elements."""

    min: Tensor
    max: Tensor


def fold(primitive: Primitive, x: Tensor, over: Ints, keepdim: bool) -> Tensor:
    """Fold axes; none at all leaves the tensor as it is."""
    return apply(primitive, x, axes=over, keepdims=keepdim)


def sum(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """Return the sum over axes; bool and integers give int64.

    Args:
        input: `[*]`.
        dim: an axis, several, or None for all.
        keepdim: keep the folded axes with size 1.
        dtype: convert to it first.
    """
    x = accumulated("sum", input, dtype)
    return fold(SUM, x, axes("sum", dim, len(shape_of(x))), keepdim)


def accumulated(name: str, x: Tensor, dtype: DType | None) -> Tensor:
    """Return `x` in the dtype in which it is added up."""
    if dtype is not None:
        return cast(x, check_dtype(name, dtype))
    return x if x._dtype.is_floating_point else cast(x, int64)


def mean(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """Return the mean over axes.

    Args: as for `sum`.

    Raises:
        DTypeError: integers or bool without a floating `dtype`.
    """
    x = input if dtype is None else cast(input, check_dtype("mean", dtype))
    if not x._dtype.is_floating_point:
        raise DTypeError(
            "mean(): could not infer output dtype. Input dtype must be a floating point dtype. "
            f"Got: {x._dtype}",
            hint=".float().mean()",
        )
    over = axes("mean", dim, len(shape_of(x)))
    return div(fold(SUM, x, over, keepdim), count(x, over))


def count(x: Tensor, over: Ints) -> int:
    """Return how many elements are folded into one."""
    shape = shape_of(x)
    return size_of(tuple([shape[i] for i in over]))


def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """Return the product of all elements, or along one axis."""
    x = accumulated("prod", input, dtype)
    return fold(PROD, x, axes("prod", dim, len(shape_of(x))), keepdim)


def nansum(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """Return the sum with NaN counted as 0."""
    x = where(isnan(input), 0, input) if input._dtype.is_floating_point else input
    return sum(x, dim, keepdim, dtype=dtype)


def nanmean(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """Return the mean of the elements that are not NaN."""
    x = need_floating("nanmean", input) if dtype is None else cast(input, dtype)
    seen = cast(isnan(x), x._dtype)
    return div(nansum(x, dim, keepdim), sum(sub(1, seen), dim, keepdim))


def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Return whether some element is non-zero."""
    return fold(ANY, truth(input), axes("any", dim, len(shape_of(input))), keepdim)


def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Return whether all elements are non-zero."""
    return fold(ALL, truth(input), axes("all", dim, len(shape_of(input))), keepdim)


def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """Return how many elements are non-zero."""
    return sum(truth(input), dim)


def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """Return the largest element over axes; ties share the gradient evenly."""
    return _extreme(MAX, "amax", input, dim, keepdim)


def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """Return the smallest element over axes; ties share the gradient evenly."""
    return _extreme(MIN, "amin", input, dim, keepdim)


def aminmax(input: Tensor, *, dim: Any = None, keepdim: bool = False) -> Extremes:
    """Return (min, max), of all elements or along an axis; ties share the gradient evenly."""
    over = () if dim is None else dim
    return Extremes(amin(input, over, keepdim), amax(input, over, keepdim))


def _extreme(primitive: Primitive, name: str, x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    over = axes(name, dim, len(shape_of(x)))
    check_some(name, x, over)
    if x._dtype.is_bool:
        return fold(ANY if primitive is MAX else ALL, x, over, keepdim)
    return fold(primitive, x, over, keepdim)


def check_some(name: str, x: Tensor, over: Ints) -> None:
    """Raise if there is nothing to choose from."""
    shape = shape_of(x)
    if 0 in [shape[i] for i in over]:
        raise ShapeError(
            f"{name}: expected reduction dim to be specified for input.numel() == 0, or to have "
            f"elements: x {list(shape)}",
            hint="check that the batch isn't empty",
        )


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the index of the first largest element, of all or along an axis."""
    return _arg(ARGMAX, "argmax", input, dim, keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the index of the first smallest element, of all or along an axis."""
    return _arg(ARGMIN, "argmin", input, dim, keepdim)


def _arg(primitive: Primitive, name: str, x: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    shape = shape_of(x)
    if x._dtype.is_bool:
        x = cast(x, int64)
    if dim is None:
        check_some(name, x, tuple(range(len(shape))))
        flat = reshape_to(x, (size_of(shape),))
        found = apply(primitive, flat, axis=0, keepdims=False)
        return reshape_to(found, (1,) * len(shape)) if keepdim else found
    i = axis(name, dim, len(shape))
    if not shape:
        return constant(0, int64, (), home(x))
    check_some(name, x, (i,))
    return apply(primitive, x, axis=i, keepdims=keepdim)


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the largest element; with `dim`, (values, indices); with a tensor, the larger.

    Args:
        input: `[*]`.
        dim: None for all elements, an axis, or a second tensor (see `maximum`).
        keepdim: keep the folded axis with size 1.
    """
    return _max_or_min(MAX, ARGMAX, "max", input, dim, keepdim)


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the smallest element; with `dim`, (values, indices); with a tensor, the smaller."""
    return _max_or_min(MIN, ARGMIN, "min", input, dim, keepdim)


def _max_or_min(
    primitive: Primitive, arg: Primitive, name: str, x: Tensor, dim: Any, keepdim: bool
) -> Any:
    if dim is None:
        return _extreme(primitive, name, x, None, False)
    if is_tensor(dim):
        return (maximum if primitive is MAX else minimum)(x, dim)
    shape = shape_of(x)
    i = axis(name, dim, len(shape))
    if not shape:
        return Extreme(x, constant(0, int64, (), home(x)))
    index = _arg(arg, name, x, i, True)
    values = apply(GATHER, x, index, axis=i)
    if keepdim:
        return Extreme(values, index)
    left = (*shape[:i], *shape[i + 1 :])
    return Extreme(reshape_to(values, left), reshape_to(index, left))


def cumsum(input: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
    """Return the running sum along an axis."""
    x = accumulated("cumsum", input, dtype)
    i = axis("cumsum", dim, len(shape_of(x)))
    return x if not shape_of(x) else apply(lookup("cumsum"), x, axis=i, reverse=False)


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """Return log(sum(e^x)) over axes, without overflow."""
    x = need_floating("logsumexp", input)
    over = axes("logsumexp", dim, len(shape_of(x)))
    top = detach(fold(MAX, x, over, True))
    # NOTE: where all elements are -inf (or one is inf), x - top would be NaN
    top = where(isfinite(top), top, 0)
    total = apply(lookup("log"), fold(SUM, apply(lookup("exp"), sub(x, top)), over, True))
    out = add(total, top)
    left = tuple([n for i, n in enumerate(shape_of(x)) if i not in over])
    return out if keepdim else reshape_to(out, left)
