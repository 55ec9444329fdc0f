"""Spread and size of values: variance, standard deviation, norms, softmax."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gradc.errors import ArgumentError, DTypeError
from gradc.ir.dtype import DType
from gradc.tensor.arithmetic import div, mul, pow, sub
from gradc.tensor.axes import axes, axis
from gradc.tensor.copying import detach
from gradc.tensor.core import shape_of
from gradc.tensor.elementwise import abs, exp, log, sqrt
from gradc.tensor.logic import eq, ne, where
from gradc.tensor.promotion import cast, check_dtype, need_floating
from gradc.tensor.reductions import MAX, SUM, amax, amin, count, fold, mean, sum

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """Return the variance, sum((x - mean)^2) / (n - correction).

    Args:
        input: `[*]`, floating.
        dim: an axis, several, or None for all.
        unbiased: True stands for correction 1, False for 0.
        keepdim: keep the folded axes with size 1.
        correction: 1 where nothing is given.
    """
    dim, correction = _corrected("var", dim, unbiased, correction)
    if not input._dtype.is_floating_point:
        raise DTypeError(
            f"var: only floating point dtypes are supported, got {input._dtype}", hint=".float()"
        )
    over = axes("var", dim, len(shape_of(input)))
    centred = sub(input, mean(input, over or None, True) if shape_of(input) else input)
    total = fold(SUM, mul(centred, centred), over, keepdim)
    left = count(input, over) - correction
    return div(total, left if left > 0 else 0.0)


def _corrected(
    name: str, dim: Any, unbiased: bool | None, correction: float | None
) -> tuple[Any, float]:
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise ArgumentError(f"{name}: give either unbiased or correction")
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    return dim, correction


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """Return the standard deviation, the square root of `var`; equal elements get gradient 0."""
    return root(var(input, dim, unbiased, keepdim, correction=correction))


def var_mean(
    input: Tensor, dim: Any = None, *, correction: float = 1, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    """Return (variance, mean)."""
    return var(input, dim, keepdim=keepdim, correction=correction), mean(input, dim, keepdim)


def std_mean(
    input: Tensor, dim: Any = None, *, correction: float = 1, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    """Return (standard deviation, mean)."""
    return std(input, dim, keepdim=keepdim, correction=correction), mean(input, dim, keepdim)


def norm(
    input: Tensor,
    p: Any = "fro",
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
) -> Tensor:
    """Return the p-norm, (sum |x|^p)^(1/p), of all elements or over axes.

    Args:
        input: `[*]`, floating.
        p: number, `inf`, `-inf`, or `fro` for 2.
        dim: an axis, several, or None for all.
        keepdim: keep the folded axes with size 1.
        dtype: convert to it first.
    """
    x = input if dtype is None else cast(input, check_dtype("norm", dtype))
    if not x._dtype.is_floating_point:
        raise DTypeError(
            f"norm: expected a floating point tensor as input, got {x._dtype}", hint=".float()"
        )
    if p == "nuc":
        raise ArgumentError("norm: the nuclear norm is not supported")
    power = 2.0 if p in ("fro", None) else float(p)
    if power == math.inf:
        return amax(abs(x), dim, keepdim)
    if power == -math.inf:
        return amin(abs(x), dim, keepdim)
    if power == 0.0:
        return sum(cast(ne(x, 0), x._dtype), dim, keepdim)
    if power == 1.0:
        return sum(abs(x), dim, keepdim)
    if power == 2.0:
        return root(sum(mul(x, x), dim, keepdim))
    size = abs(x)
    if power < 0.0:
        return pow(sum(pow(size, power), dim, keepdim), 1.0 / power)
    return _without_zeros(sum(_without_zeros(size, power), dim, keepdim), 1.0 / power)


def _without_zeros(x: Tensor, power: float) -> Tensor:
    """Return x ** power for x, power >= 0; the gradient at 0 is 0, as PyTorch's norm has it."""
    if power >= 1.0:
        return pow(x, power)
    zero = eq(x, 0)
    return where(zero, 0.0, pow(where(zero, 1.0, x), power))


def root(squares: Tensor) -> Tensor:
    """Return the square root, with derivative 0 at 0, as PyTorch's norm and std have it."""
    zero = eq(squares, 0)
    return where(zero, 0.0, sqrt(where(zero, 1.0, squares)))


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """Return the p-norm of the difference."""
    return norm(sub(input, other), p)


def softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """Return e^x / sum(e^x) along an axis, without overflow."""
    powers, total = _powers("softmax", input, dim, dtype)
    return div(powers, total)


def _powers(name: str, x: Tensor, dim: int, dtype: DType | None) -> tuple[Tensor, Tensor]:
    powers = exp(shifted(name, x, dim, dtype))
    i = axis(name, dim, len(shape_of(x)))
    return powers, fold(SUM, powers, (i,) if shape_of(x) else (), True)


def shifted(name: str, x: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """Return x minus its maximum along an axis, so that e^x can't overflow."""
    x = need_floating(name, x) if dtype is None else cast(x, check_dtype(name, dtype))
    i = axis(name, dim, len(shape_of(x)))
    if 0 in shape_of(x):
        return x
    return sub(x, detach(fold(MAX, x, (i,) if shape_of(x) else (), True)))


def log_softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """Return log(softmax(x)) along an axis, without overflow."""
    moved = shifted("log_softmax", input, dim, dtype)
    i = axis("log_softmax", dim, len(shape_of(input)))
    return sub(moved, log(fold(SUM, exp(moved), (i,) if shape_of(input) else (), True)))
