"""Limit the size of gradients, in place."""

from __future__ import annotations

import math
from collections.abc import Iterable

from gradc.errors import ArgumentError, GradientError, UnsupportedError
from gradc.tensor import Tensor, no_grad, norm, stack, tensor
from gradc.tensor.state import active_trace


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients together so that their common norm is at most `max_norm`.

    g <- g min(1, max_norm / (norm + 1e-6)), norm = |(|g_1|, |g_2|, ...)|

    Args:
        parameters: tensors whose `.grad` is clipped in place; those without one are passed over.
        max_norm: the largest norm that is left as it is.
        norm_type: p of the p-norm, `inf` for the largest absolute value.
        error_if_nonfinite: raise when the norm is NaN or infinite (eager mode only).
        foreach: must be None or False.

    Returns:
        The norm before clipping, a 0-d tensor.

    Raises:
        GradientError: the norm is not finite and `error_if_nonfinite` is set; no gradient was
            changed.

    Example:
        >>> import gradc
        >>> p = gradc.zeros(2, requires_grad=True)
        >>> p.grad = gradc.tensor([3.0, 4.0])
        >>> clip_grad_norm_([p], max_norm=1.0).item()
        5.0
    """
    if foreach:
        raise UnsupportedError("clip_grad_norm_: foreach=True is not supported")
    gradients = _gradients(parameters)
    with no_grad():
        total = get_total_norm(gradients, norm_type, error_if_nonfinite)
        if gradients:
            factor = (float(max_norm) / (total + 1e-6)).clamp(max=1.0)
            for gradient in gradients:
                gradient.mul_(factor.to(gradient.dtype))
    return total


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Clamp every element of every gradient to [-clip_value, clip_value].

    Args:
        parameters: tensors whose `.grad` is clamped in place.
        clip_value: the largest absolute value left.
        foreach: must be None or False.
    """
    if foreach:
        raise UnsupportedError("clip_grad_value_: foreach=True is not supported")
    limit = float(clip_value)
    with no_grad():
        for gradient in _gradients(parameters):
            gradient.clamp_(-limit, limit)


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Return the norm of several tensors taken as one vector; 0 for none.

    Args:
        tensors: the tensors.
        norm_type: p of the p-norm.
        error_if_nonfinite: raise when it is NaN or infinite (eager mode only).
        foreach: must be None or False.
    """
    if foreach:
        raise UnsupportedError("get_total_norm: foreach=True is not supported")
    listed = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    p = float(norm_type)
    if math.isnan(p):
        raise ArgumentError("get_total_norm: norm_type is NaN")
    if not listed:
        return tensor(0.0)
    norms = [norm(t, p) for t in listed]
    total = norms[0] if len(norms) == 1 else norm(stack([n.to(norms[0]) for n in norms]), p)
    if error_if_nonfinite:
        if active_trace() is not None:
            raise UnsupportedError(
                "get_total_norm: error_if_nonfinite=True can't be used in a compiled function",
                hint="check the returned norm outside",
            )
        if not math.isfinite(total.item()):
            raise GradientError(
                f"the norm of order {p} of the gradients is {total.item()}, so they can't be "
                "clipped",
                hint="gradc.autograd.detect_anomaly() names where it came from",
            )
    return total


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """Return the gradients that are there."""
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p.grad for p in listed if p.grad is not None]
