"""Turn scores along an axis into probabilities or their logarithms, without overflow."""

from __future__ import annotations

from gradc.errors import ArgumentError
from gradc.ir.dtype import DType
from gradc.tensor import Tensor


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Return e^(x_i - m) / sum_j e^(x_j - m), m = max_j x_j, along an axis.

    Args:
        input: any shape, floating.
        dim: the axis whose entries sum to 1.
        dtype: convert the input to it first.

    Example:
        >>> import gradc
        >>> softmax(gradc.tensor([0.0, 0.0]), dim=0).tolist()
        [0.5, 0.5]
    """
    exponentials = shifted(_converted("softmax", input, dim, dtype), _axis(dim)).exp()
    return exponentials / exponentials.sum(_axis(dim), keepdim=True)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Return x_i - m - log sum_j e^(x_j - m), m = max_j x_j, along an axis.

    Args:
        input: any shape, floating.
        dim: the axis whose exponentials sum to 1.
        dtype: convert the input to it first.
    """
    scores = shifted(_converted("log_softmax", input, dim, dtype), _axis(dim))
    return scores - scores.exp().sum(_axis(dim), keepdim=True).log()


def shifted(scores: Tensor, dim: int) -> Tensor:
    """Return the scores less their maximum along an axis, which the derivative takes as constant."""
    if scores.shape[dim] == 0 if scores.ndim else False:
        return scores
    return scores - scores.detach().amax(dim, keepdim=True)


def _axis(dim: int | None) -> int:
    """Return the axis; its absence was refused before."""
    assert dim is not None
    return dim


def _converted(name: str, input: Tensor, dim: int | None, dtype: DType | None) -> Tensor:
    """Return the input as `dtype`; refuse a missing axis."""
    if dim is None:
        raise ArgumentError(f"{name}: dim is missing", hint="dim=-1 for the last axis")
    return input if dtype is None else input.to(dtype)
