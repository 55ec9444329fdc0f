"""Sort an axis and read it between its elements: quantiles."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING

from gradc.errors import ArgumentError, DTypeError, ShapeError
from gradc.ir.dtype import int64
from gradc.tensor.arithmetic import add, mul, sub
from gradc.tensor.axes import axis
from gradc.tensor.core import elements, home, is_tensor, resolve, shape_of
from gradc.tensor.dispatch import constant
from gradc.tensor.elementwise import ceil, floor, round
from gradc.tensor.logic import isnan, where
from gradc.tensor.movement import movedim, narrow, ravel, reshape_to, unsqueeze
from gradc.tensor.promotion import cast
from gradc.tensor.selecting import index_select
from gradc.tensor.sorting import sort
from gradc.tensor.state import active_trace

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

WAYS = ("linear", "lower", "higher", "midpoint", "nearest")


def quantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """Return the number below which a share q of an axis lies: element q (n - 1) in order.

    Args:
        input: `[*]`, floating.
        q: from 0 to 1; a number, or a tensor `[k]` or `[]` of the input's dtype.
        dim: the axis; all elements when not given.
        keepdim: keep the axis with size 1.
        interpolation: between two elements `linear`, or the `lower`, the `higher`, their
            `midpoint` or the `nearest`.

    Returns:
        The input's shape without the axis; before it `[k]` for a vector q. NaN where there is one.

    Raises:
        ArgumentError: q outside [0, 1] (of tensors: eager only), or another interpolation.
        ShapeError: an empty axis, or a q of two axes.
        DTypeError: an input that isn't floating, or a q of another dtype.

    Example:
        >>> import gradc
        >>> gradc.quantile(gradc.tensor([4.0, 0.0, 2.0]), 0.25).item()
        1.0
    """
    if not input._dtype.is_floating_point:
        raise DTypeError(
            f"quantile: input must be floating, got {input._dtype}", hint="input.float()"
        )
    if interpolation not in WAYS:
        raise ArgumentError(
            f"quantile: interpolation must be one of {', '.join(WAYS)}, got {interpolation!r}"
        )
    share = _share(input, q)
    shape = shape_of(input)
    x = ravel(input) if dim is None else input
    i = 0 if dim is None else axis("quantile", dim, len(shape))
    x = movedim(x, i, 0) if shape_of(x) else reshape_to(x, (1,))
    count = shape_of(x)[0]
    if not count:
        raise ShapeError(f"quantile: the axis of input {list(shape)} has no elements")
    ordered = sort(x, 0).values
    place = mul(ravel(share), float(count - 1))
    y = _read(ordered, place, interpolation)
    # NaN comes last in order.
    y = where(isnan(narrow(ordered, 0, count - 1, 1)), float("nan"), y)
    rest = shape_of(y)[1:]
    if keepdim:
        rest = (1,) * len(shape) if dim is None else (*rest[:i], 1, *rest[i:])
    return reshape_to(y, (*shape_of(share), *rest))


def _share(input: Tensor, q: float | Tensor) -> Tensor:
    """Return q as a tensor, after all checks."""
    if not is_tensor(q):
        if not 0.0 <= q <= 1.0:
            raise ArgumentError(f"quantile: q must be from 0 to 1, got {q}")
        return constant(float(q), input._dtype, (), home(input))
    if q._dtype is not input._dtype:
        raise DTypeError(f"quantile: q must be of the input's dtype {input._dtype}, got {q._dtype}")
    if len(shape_of(q)) > 1:
        raise ShapeError(f"quantile: q must be a number or a vector, got {list(shape_of(q))}")
    if active_trace() is None:
        values = elements(resolve(q))
        wrong = values[(values < 0) | (values > 1)]
        if wrong.size:
            raise ArgumentError(f"quantile: q must be from 0 to 1, got {float(wrong.flat[0]):g}")
    return q


def _read(ordered: Tensor, place: Tensor, way: str) -> Tensor:
    """Return what lies at places of the first axis."""
    if way in ("lower", "higher", "nearest"):
        whole = {"lower": floor, "higher": ceil, "nearest": round}[way](place)
        return index_select(ordered, 0, cast(whole, int64))
    low = floor(place)
    below = index_select(ordered, 0, cast(low, int64))
    above = index_select(ordered, 0, cast(ceil(place), int64))
    part = sub(place, low)
    for _ in shape_of(ordered)[1:]:
        part = unsqueeze(part, -1)
    return add(below, mul(sub(above, below), 0.5 if way == "midpoint" else part))
