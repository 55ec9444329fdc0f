"""Losses of distributions: how unlikely a target is, or how far two distributions are apart."""

from __future__ import annotations

import math

from gradc.errors import ArgumentError, ShapeError
from gradc.functional.reduction import check_floating, check_reduction, check_tensor, warn
from gradc.functional.reduction import reduce as reduced
from gradc.tensor import Tensor, where
from gradc.tensor.moving import check_beside
from gradc.tensor.state import active_trace


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Return t (log t - x), the divergence of exp(x) from t, reduced; 0 log 0 is 0.

    Args:
        input: log-probabilities x, any shape, floating.
        target: probabilities t that broadcast with the input.
        size_average: must be None.
        reduce: must be None.
        reduction: `batchmean` is the sum divided by the first axis' size; `mean` divides by the
            number of all elements, with a warning, since that isn't the divergence; `sum`, `none`.
        log_target: the target holds logarithms.

    Raises:
        ArgumentError: an unknown reduction.

    Source: Kullback, Leibler, "On information and sufficiency", 1951.
    """
    check_reduction(
        "kl_div", "sum" if reduction == "batchmean" else reduction, size_average, reduce
    )
    check_floating("kl_div", "input", input)
    check_floating("kl_div", "target", target)
    check_beside("kl_div", input=input, target=target)
    if reduction == "mean":
        warn(
            "kl_div: reduction='mean' divides by the number of all elements; 'batchmean' is the "
            "mean divergence of the samples"
        )
    if log_target:
        losses = target.exp() * (target - input)
    else:
        # The logarithm never sees 0, so no 0 * inf comes about.
        losses = target * where(target == 0, 1.0, target).log() - target * input
    if reduction != "batchmean":
        return reduced(losses, reduction)
    return losses.sum() / int(input.shape[0]) if input.ndim else losses.sum()


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return e^x - t x, or x - t log(x + eps) without log_input, reduced.

    Args:
        input: the logarithm of the expectation, or the expectation; any shape, floating.
        target: the count t, of a shape that broadcasts.
        log_input: the input is the logarithm.
        full: add Stirling's approximation of log t!, t log t - t + log(2 pi t) / 2 for t > 1.
        size_average: must be None.
        eps: keeps log(x) finite where log_input is False.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.
    """
    name = "poisson_nll_loss"
    check_reduction(name, reduction, size_average, reduce)
    check_floating(name, "input", input)
    check_tensor(name, "target", target)
    check_beside(name, input=input, target=target)
    losses = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        large = where(target > 1, target, 1.0)
        stirling = target * large.log() - target + 0.5 * (2.0 * math.pi * large).log()
        losses = losses + where(target > 1, stirling, 0.0)
    return reduced(losses, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Return (log v + (x - t)^2 / v) / 2, v = max(var, eps), reduced.

    The gradient of a variance below eps is the one at eps, as in PyTorch.

    Args:
        input: expectations x, any shape, floating.
        target: observations t, of a shape that broadcasts.
        var: variances of the input's shape; without its last axis, or with one axis of size 1, for
            common ones; or one number.
        full: add the constant log(2 pi) / 2.
        eps: least variance.
        reduction: `mean`, `sum` or `none`.

    Raises:
        ShapeError: variances of another shape.
        ArgumentError: a negative variance (of tensors: eager only).

    Source: Nix, Weigend, "Estimating the mean and variance of the target probability
    distribution", 1994.
    """
    name = "gaussian_nll_loss"
    check_reduction(name, reduction)
    check_floating(name, "input", input)
    check_tensor(name, "target", target)
    spread = _variances(name, input, var)
    check_beside(name, input=input, target=target, var=spread)
    least = where(spread < eps, eps + (spread - spread.detach()), spread)
    error = input - target
    losses = 0.5 * (least.log() + error * error / least)
    return reduced(losses + 0.5 * math.log(2.0 * math.pi) if full else losses, reduction)


def _variances(name: str, input: Tensor, var: object) -> Tensor:
    """Return variances in a shape that broadcasts with the input, after all checks."""
    if isinstance(var, int | float):
        if var < 0:
            raise ArgumentError(f"{name}: var must not be negative, got {var}")
        return input.new_full((), float(var))
    check_floating(name, "var", var)  # pyright: ignore[reportArgumentType]  # refuses the rest
    assert isinstance(var, Tensor)
    if active_trace() is None:
        values = var.detach().cpu().numpy()
        wrong = values[values < 0]
        if wrong.size:
            raise ArgumentError(f"{name}: var must not be negative, got {float(wrong.flat[0]):g}")
    shape, given = list(input.shape), list(var.shape)
    if given == shape:
        return var
    if given == shape[:-1]:
        return var.unsqueeze(-1)
    differing = [v for n, v in zip(shape, given, strict=False) if n != v]
    if len(given) == len(shape) and differing == [1]:
        return var
    raise ShapeError(
        f"{name}: expected var {shape}, {shape[:-1]} or with one axis of size 1, got {given}"
    )
