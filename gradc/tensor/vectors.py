"""Products of vectors and matrices beyond sums of products, covariance, and running products."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING

from gradc.errors import ArgumentError, ShapeError, UnsupportedError
from gradc.ir.dtype import DType
from gradc.tensor.arithmetic import div, mul, sub
from gradc.tensor.axes import axis
from gradc.tensor.core import shape_of
from gradc.tensor.creation import ones
from gradc.tensor.elementwise import clamp, sqrt
from gradc.tensor.joining import cat, roll
from gradc.tensor.logic import logical_xor
from gradc.tensor.matrices import diag_embed, diagonal
from gradc.tensor.movement import narrow, ravel, reshape_to, transpose, unsqueeze
from gradc.tensor.products import dot, matmul
from gradc.tensor.promotion import need_floating, together
from gradc.tensor.reductions import accumulated, mean

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """Return the vector products along an axis of three entries.

    Args:
        input: `[*]`.
        other: of a shape that broadcasts.
        dim: the axis; the first of size 3 when not given.

    Raises:
        ArgumentError: no axis of size 3.
    """
    x, y = together("cross", input, other)
    shape = shape_of(x)
    if dim is None and 3 not in shape:
        raise ArgumentError(f"cross: no axis of size 3 in {list(shape)}")
    i = shape.index(3) if dim is None else axis("cross", dim, len(shape))
    if shape[i] != 3:
        raise ArgumentError(f"cross: expected an axis of size 3, got dim={dim} of {list(shape)}")
    ahead, behind = roll(x, -1, i), roll(x, 1, i)
    return sub(mul(ahead, roll(y, 1, i)), mul(behind, roll(y, -1, i)))


def kron(input: Tensor, other: Tensor) -> Tensor:
    """Return the Kronecker product: each entry of `input` times all of `other`, as blocks."""
    rank = max(len(shape_of(input)), len(shape_of(other)))
    a = (1,) * (rank - len(shape_of(input))) + shape_of(input)
    b = (1,) * (rank - len(shape_of(other))) + shape_of(other)
    x = reshape_to(input, tuple(n for size in a for n in (size, 1)))
    y = reshape_to(other, tuple(n for size in b for n in (1, size)))
    return reshape_to(mul(x, y), tuple(n * m for n, m in zip(a, b, strict=True)))


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """Return the square matrix with all elements on a diagonal."""
    return diag_embed(ravel(input), offset)


def vdot(input: Tensor, other: Tensor) -> Tensor:
    """Return the sum of products of two vectors."""
    return dot(input, other)


def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """Return the covariances of the rows: sum_k (x_ik - m_i) (x_jk - m_j) / (n - correction).

    Args:
        input: `[variables, observations]`, or one variable `[observations]`.
        correction: subtracted from the number of observations.
        fweights: must be None.
        aweights: must be None.

    Returns:
        `[variables, variables]`, or a scalar for one variable.

    Raises:
        ShapeError: more than two axes.
        UnsupportedError: weights.
    """
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is not None:
            raise UnsupportedError(f"cov: {name} is not supported")
    shape = shape_of(input)
    if len(shape) > 2:
        raise ShapeError(f"cov: expected input of at most two axes, got {list(shape)}")
    x = need_floating("cov", input)
    rows = x if len(shape) == 2 else unsqueeze(ravel(x), 0)
    count = shape_of(rows)[1] - correction
    centred = sub(rows, mean(rows, 1, True))
    product = div(matmul(centred, transpose(centred, 0, 1)), max(count, 0))
    return product if len(shape) == 2 else reshape_to(product, ())


def corrcoef(input: Tensor) -> Tensor:
    """Return the correlations of the rows: their covariances over their standard deviations.

    Args:
        input: `[variables, observations]`, or one variable `[observations]`.
    """
    product = cov(input)
    if not shape_of(product):
        return div(product, product)
    deviation = sqrt(diagonal(product))
    scaled = div(product, unsqueeze(deviation, 1))
    return clamp(div(scaled, unsqueeze(deviation, 0)), -1.0, 1.0)


def cumprod(input: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
    """Return the running product along an axis.

    Products of 1, 2, 4, ... neighbours are joined, so a zero has a derivative like any number.
    """
    x = accumulated("cumprod", input, dtype)
    shape = shape_of(x)
    i = axis("cumprod", dim, len(shape))
    size, step = shape[i] if shape else 1, 1
    while step < size:
        first = (*shape[:i], step, *shape[i + 1 :])
        before = ones(*first, dtype=x._dtype, device=x.device)
        x = mul(x, cat([before, narrow(x, i, 0, size - step)], i))
        step *= 2
    return x


def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """Return x_(i+1) - x_i along an axis, n times; for bool, whether neighbours differ.

    Args:
        input: `[*]` of at least one axis.
        n: how many times.
        dim: the axis.
        prepend: put before the axis first.
        append: put behind the axis first.

    Raises:
        ShapeError: a scalar.
        ArgumentError: n < 0.
    """
    if not shape_of(input):
        raise ShapeError("diff: expected input of at least one axis, got a scalar")
    if n < 0:
        raise ArgumentError(f"diff: n must not be negative, got {n}")
    i = axis("diff", dim, len(shape_of(input)))
    if n == 0:
        return input
    parts = [part for part in (prepend, input, append) if part is not None]
    x = cat(parts, i) if len(parts) > 1 else input
    minus = logical_xor if x._dtype.is_bool else sub
    for _ in range(min(n, shape_of(x)[i])):
        size = max(shape_of(x)[i] - 1, 0)
        x = minus(narrow(x, i, shape_of(x)[i] - size, size), narrow(x, i, 0, size))
    return x
