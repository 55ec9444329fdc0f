"""Losses of yes/no predictions, given as probabilities or as logits."""

from __future__ import annotations

from gradc.errors import ArgumentError
from gradc.functional.activation import logsigmoid
from gradc.functional.reduction import check_reduction, check_same_shape
from gradc.functional.reduction import reduce as reduced
from gradc.tensor import Tensor, where
from gradc.tensor.state import active_trace

_LOWEST_LOG = -100.0
_SMALL = 1e-12


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return -w (t log p + (1 - t) log(1 - p)), reduced; logarithms are clamped at -100.

    Where p or 1 - p is below 1e-12 the derivative of its logarithm is taken as 1e12, so that
    neither loss nor gradient is ever infinite.

    Args:
        input: probabilities p, any shape, floating.
        target: t of the same shape, floating, from 0 to 1.
        weight: of each element, broadcast.
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`; the mean of no elements is NaN.

    Raises:
        ArgumentError: a probability outside [0, 1] (eager only).
    """
    name = "binary_cross_entropy"
    check_reduction(name, reduction, size_average, reduce)
    check_same_shape(name, input, target)
    _check_probabilities(name, input)
    small = input < _SMALL
    yes = where(small, _clamped(input), where(small, 1.0, input).log())
    rest = 1.0 - input
    small = rest < _SMALL
    no = where(small, _clamped(rest), (-where(small, 0.0, input)).log1p())
    losses = (target - 1.0) * no - target * yes
    return reduced(losses if weight is None else losses * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return -w (q t log s(x) + (1 - t) log(1 - s(x))), s the sigmoid, reduced, without overflow.

    Args:
        input: logits x, any shape, floating.
        target: t of the same shape, floating, from 0 to 1.
        weight: of each element, broadcast.
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`; the mean of no elements is NaN.
        pos_weight: q of the positive class, broadcast.

    Example:
        >>> import gradc
        >>> loss = binary_cross_entropy_with_logits(gradc.zeros(2), gradc.tensor([0.0, 1.0]))
        >>> round(loss.item(), 4)
        0.6931
    """
    name = "binary_cross_entropy_with_logits"
    check_reduction(name, reduction, size_average, reduce)
    check_same_shape(name, input, target)
    log_yes = logsigmoid(input)
    if pos_weight is not None:
        log_yes = ((pos_weight - 1.0) * target + 1.0) * log_yes
    losses = (1.0 - target) * input - log_yes
    return reduced(losses if weight is None else losses * weight, reduction)


def _clamped(p: Tensor) -> Tensor:
    """Return max(log p, -100) with slope 1e12, for p below 1e-12."""
    value = p.detach().log().clamp(min=_LOWEST_LOG)
    return value + (p - p.detach()) / _SMALL


def _check_probabilities(name: str, input: Tensor) -> None:
    """Refuse values outside [0, 1]; eager only. NaN passes, and shows in the loss."""
    if active_trace() is not None:
        return
    values = input.detach().cpu().numpy()
    wrong = values[(values < 0) | (values > 1)]
    if wrong.size:
        raise ArgumentError(
            f"{name}: input must hold probabilities from 0 to 1, got {float(wrong.flat[0]):g}",
            hint="binary_cross_entropy_with_logits takes logits",
        )
