"""Set random elements to zero, and scale the others so that the mean stays."""

from __future__ import annotations

import math

from gradc.errors import ArgumentError, ShapeError
from gradc.functional.reduction import check_floating, check_tensor
from gradc.tensor import Tensor, rand, rand_like, zeros_like

# Minus the limit of SELU for x to minus infinity: its scale times its alpha.
_SELU_LIMIT = 1.7580993408473766


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each element to 0 with probability p, and divide the others by 1 - p.

    Args:
        input: any shape, floating.
        p: probability of 0, from 0 to 1.
        training: False returns the input as it is.
        inplace: write the result into `input`.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout", 2014.
    """
    check_tensor("dropout", "input", input)
    check_probability("dropout", p)
    if not training or p == 0.0:
        return input
    if p == 1.0:
        scale = zeros_like(input)
    else:
        uniform = rand_like(input)
        mask = uniform >= p
        scale = mask.to(input.dtype) / (1.0 - p)
    return input.mul_(scale) if inplace else input * scale


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Set each channel of a signal to 0 with probability p, and divide the others by 1 - p.

    Args:
        input: `[N, C, L]` or `[C, L]`, floating.
        p: probability of 0, from 0 to 1.
        training: False returns the input as it is.
        inplace: write the result into `input`.

    Raises:
        ShapeError: an input of another rank.

    Source: Tompson, Goroshin, Jain, LeCun, Bregler, "Efficient object localization using
    convolutional networks", 2014, arXiv:1411.4280.
    """
    check_tensor("dropout1d", "input", input)
    if input.ndim not in (2, 3):
        raise ShapeError(f"dropout1d: expected input [N, C, L] or [C, L], got {list(input.shape)}")
    return _of_channels("dropout1d", input, p, training, inplace, 1)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Set each channel of an image to 0 with probability p, and divide the others by 1 - p.

    Args:
        input: `[N, C, H, W]`, floating; three axes are taken as `[N, C, L]`, as PyTorch does.
        p: probability of 0, from 0 to 1.
        training: False returns the input as it is.
        inplace: write the result into `input`.

    Raises:
        ShapeError: an input of another rank.
    """
    check_tensor("dropout2d", "input", input)
    if input.ndim not in (3, 4):
        raise ShapeError(f"dropout2d: expected input [N, C, H, W], got {list(input.shape)}")
    return _of_channels("dropout2d", input, p, training, inplace, input.ndim - 2)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Set each channel of a volume to 0 with probability p, and divide the others by 1 - p.

    Args:
        input: `[N, C, D, H, W]` or `[C, D, H, W]`, floating.
        p: probability of 0, from 0 to 1.
        training: False returns the input as it is.
        inplace: write the result into `input`.

    Raises:
        ShapeError: an input of another rank.
    """
    check_tensor("dropout3d", "input", input)
    if input.ndim not in (4, 5):
        raise ShapeError(
            f"dropout3d: expected input [N, C, D, H, W] or [C, D, H, W], got {list(input.shape)}"
        )
    return _of_channels("dropout3d", input, p, training, inplace, 3)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Set each element to SELU's limit with probability p; keep mean 0 and variance 1.

    a (x or -l) + a l p, with l = 1.758..., a = ((1 - p) (1 + p l^2))^(-1/2)

    Args:
        input: any shape, floating.
        p: probability of the limit, from 0 to 1; 1 gives zeros.
        training: False returns the input as it is.
        inplace: write the result into `input`.

    Source: Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks", 2017,
    arXiv:1706.02515.
    """
    check_floating("alpha_dropout", "input", input)
    check_probability("alpha_dropout", p)
    if not training or p == 0.0:
        return input
    if p == 1.0:
        return input.mul_(zeros_like(input)) if inplace else input * zeros_like(input)
    scale = 1.0 / math.sqrt((1.0 + p * _SELU_LIMIT**2) * (1.0 - p))
    kept = (rand_like(input) >= p).to(input.dtype)
    shift = (kept - 1.0) * (_SELU_LIMIT * scale) + _SELU_LIMIT * scale * p
    factor = kept * scale
    return input.mul_(factor).add_(shift) if inplace else input * factor + shift


def check_probability(name: str, p: float) -> None:
    """Refuse numbers that aren't probabilities."""
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"{name}: p must be from 0 to 1, got {p}")


def _of_channels(
    name: str, input: Tensor, p: float, training: bool, inplace: bool, space: int
) -> Tensor:
    """Drop whole channels; the last `space` axes are theirs."""
    check_probability(name, p)
    if not training or p == 0.0:
        return input
    if p == 1.0:
        scale = zeros_like(input)
    else:
        channels = tuple(input.shape)[: input.ndim - space]
        uniform = rand(*channels, *(1,) * space, dtype=input.dtype, device=input.device)
        scale = (uniform >= p).to(input.dtype) / (1.0 - p)
    return input.mul_(scale) if inplace else input * scale
