"""Losses of numbers: how far an input is from its target."""

from __future__ import annotations

from gradc.errors import ArgumentError, ShapeError
from gradc.functional.reduction import check_reduction, warn_of_broadcast
from gradc.functional.reduction import reduce as reduced
from gradc.tensor import Tensor, where


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return (x - y)^2, reduced.

    Args:
        input: any shape, floating.
        target: the same shape; other shapes are broadcast, with a warning.
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`; the mean of no elements is NaN.
        weight: of each element; the mean is then divided by the sum of the weights.

    Example:
        >>> import gradc
        >>> mse_loss(gradc.tensor([1.0, 3.0]), gradc.tensor([1.0, 1.0])).item()
        2.0
    """
    check_reduction("mse_loss", reduction, size_average, reduce)
    warn_of_broadcast("mse_loss", input, target)
    error = input - target
    return _mean_by_weight(_weighted("mse_loss", error * error, weight), weight, reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return |x - y|, reduced; arguments as for `mse_loss`."""
    check_reduction("l1_loss", reduction, size_average, reduce)
    warn_of_broadcast("l1_loss", input, target)
    losses = _weighted("l1_loss", (input - target).abs(), weight)
    return _mean_by_weight(losses, weight, reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Return e^2 / (2 beta) where |e| < beta, |e| - beta / 2 elsewhere; e = x - y; reduced.

    Args: as for `mse_loss`, and
        beta: where the parabola ends, >= 0.

    Source: Girshick, "Fast R-CNN", 2015, arXiv:1504.08083.
    """
    check_reduction("smooth_l1_loss", reduction, size_average, reduce)
    if beta < 0:
        raise ArgumentError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    if beta == 0.0:
        return l1_loss(input, target, reduction=reduction)
    warn_of_broadcast("smooth_l1_loss", input, target)
    error = input - target
    size = error.abs()
    far = size >= beta
    small = where(far, 0.0, error)  # so that an infinite error has its gradient, not inf * 0
    return reduced(where(far, size - 0.5 * beta, 0.5 * small * small / beta), reduction)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Return e^2 / 2 where |e| <= delta, delta (|e| - delta / 2) elsewhere; e = x - y; reduced.

    Args: as for `mse_loss`, and
        delta: where the parabola ends, > 0.

    The mean of weighted losses is by their number here, as in PyTorch.

    Source: Huber, "Robust estimation of a location parameter", 1964.
    """
    check_reduction("huber_loss", reduction)
    if not delta > 0:
        raise ArgumentError(f"huber_loss: delta must be positive, got {delta}")
    warn_of_broadcast("huber_loss", input, target)
    error = input - target
    size = error.abs()
    far = size > delta
    small = where(far, 0.0, error)  # so that an infinite error has its gradient, not inf * 0
    losses = where(far, delta * (size - 0.5 * delta), 0.5 * small * small)
    return reduced(_weighted("huber_loss", losses, weight), reduction)


def _weighted(name: str, losses: Tensor, weight: Tensor | None) -> Tensor:
    """Return the losses times their weights."""
    if weight is None:
        return losses
    if tuple(weight.shape) != tuple(losses.shape):
        raise ShapeError(
            f"{name}: expected weight {list(losses.shape)}, as the losses, got {list(weight.shape)}"
        )
    return losses * weight


def _mean_by_weight(losses: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """Reduce losses; the mean of weighted ones is by the sum of the weights."""
    if weight is None or reduction != "mean":
        return reduced(losses, reduction)
    return losses.sum() / weight.sum()
