"""Bring values to mean 0 and variance 1, or to length 1."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.errors import ArgumentError, ShapeError, UnsupportedError
from gradc.functional.reduction import check_floating
from gradc.tensor import Tensor, no_grad, norm
from gradc.tensor.moving import check_beside


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return (x - mean) / sqrt(var + eps) * weight + bias over the last axes.

    Args:
        input: `[*, *normalized_shape]`, floating.
        normalized_shape: sizes of the axes that mean and variance are taken over.
        weight: of normalized_shape.
        bias: of normalized_shape.
        eps: added to the variance (divided by N, not N - 1).

    Raises:
        ShapeError: shapes that don't end in normalized_shape.

    Source: Ba, Kiros, Hinton, "Layer normalization", 2016, arXiv:1607.06450.
    """
    check_floating("layer_norm", "input", input)
    check_beside("layer_norm", input=input, weight=weight, bias=bias)
    shape = tuple(int(n) for n in normalized_shape)
    if not shape or tuple(input.shape)[-len(shape) :] != shape:
        raise ShapeError(
            f"layer_norm: expected input [*, {', '.join(map(str, shape))}] for normalized_shape "
            f"{list(shape)}, got {list(input.shape)}"
        )
    for name, given in (("weight", weight), ("bias", bias)):
        if given is not None and tuple(given.shape) != shape:
            raise ShapeError(f"layer_norm: expected {name} {list(shape)}, got {list(given.shape)}")
    axes = tuple(range(-len(shape), 0))
    mean = input.mean(axes, keepdim=True)
    centred = input - mean
    variance = (centred * centred).mean(axes, keepdim=True)
    inverse = (variance + eps).rsqrt()
    normal = centred * inverse
    if weight is not None:
        normal = normal * weight
    return normal if bias is None else normal + bias


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return (x - mean) / sqrt(var + eps) * weight + bias for each channel.

    Args:
        input: `[N, C, *]`, floating.
        running_mean: `[C]`; in training moved towards the batch's mean, in place.
        running_var: `[C]`; likewise, towards the variance divided by one element less.
        weight: `[C]`.
        bias: `[C]`.
        training: take mean and variance (divided by the number of elements) of the batch;
            otherwise the running ones.
        momentum: share of the batch in the running statistics.
        eps: added to the variance.

    Raises:
        ShapeError: shapes that don't fit.
        ArgumentError: a single value per channel in training, or no statistics to use.

    Source: Ioffe, Szegedy, "Batch normalization", 2015, arXiv:1502.03167.
    """
    check_floating("batch_norm", "input", input)
    check_beside("batch_norm", input=input, running_mean=running_mean, weight=weight, bias=bias)
    if input.ndim < 2:
        raise ShapeError(f"batch_norm: expected input [N, C, *], got {list(input.shape)}")
    channels = int(input.shape[1])
    named = (("running_mean", running_mean), ("running_var", running_var))
    for name, given in (*named, ("weight", weight), ("bias", bias)):
        if given is not None and tuple(given.shape) != (channels,):
            raise ShapeError(
                f"batch_norm: expected {name} [{channels}] for input {list(input.shape)}, got "
                f"{list(given.shape)}"
            )
    spread = (channels, *(1,) * (input.ndim - 2))
    if training:
        mean, variance = _batch_statistics(input, running_mean, running_var, momentum)
    elif running_mean is None or running_var is None:
        raise ArgumentError("batch_norm: without training running_mean and running_var are needed")
    else:
        mean, variance = running_mean.reshape(spread), running_var.reshape(spread)
    normal = (input - mean) * (variance + eps).rsqrt()
    if weight is not None:
        normal = normal * weight.reshape(spread)
    return normal if bias is None else normal + bias.reshape(spread)


def _batch_statistics(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    momentum: float | Tensor,
) -> tuple[Tensor, Tensor]:
    """Return mean and variance of each channel, after moving the running ones."""
    count = input.numel() // max(int(input.shape[1]), 1)
    if count == 1:
        raise ArgumentError(
            "batch_norm: expected more than 1 value per channel when training, got input "
            f"{list(input.shape)}",
            hint="a larger batch, or eval()",
        )
    axes = (0, *range(2, input.ndim))
    mean = input.mean(axes, keepdim=True)
    centred = input - mean
    variance = (centred * centred).mean(axes, keepdim=True)
    with no_grad():
        if running_mean is not None:
            running_mean.copy_((1 - momentum) * running_mean + momentum * mean.reshape(-1))
        if running_var is not None:
            unbiased = variance.reshape(-1) * (count / max(count - 1, 1))
            running_var.copy_((1 - momentum) * running_var + momentum * unbiased)
    return mean, variance


def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """Return x / max(|x|_p, eps), the norm taken along an axis.

    Args:
        input: any shape, floating.
        p: order of the norm, `inf` for the largest absolute value.
        dim: the axis.
        eps: smallest divisor.
        out: must be None.
    """
    if out is not None:
        raise UnsupportedError("normalize: out is not supported")
    check_floating("normalize", "input", input)
    return input / norm(input, p, dim, keepdim=True).clamp(min=eps)
