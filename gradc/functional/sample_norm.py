"""Bring each sample, groups of its channels, or each channel alone, to one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradc.errors import ArgumentError, ShapeError
from gradc.functional.pad import pad
from gradc.functional.reduction import check_floating
from gradc.tensor import Tensor, no_grad
from gradc.tensor.moving import check_beside


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Return x / sqrt(mean(x^2) + eps) * weight, the mean taken over the last axes.

    Args:
        input: `[*, *normalized_shape]`, floating.
        normalized_shape: sizes of the axes that the mean is taken over.
        weight: of normalized_shape.
        eps: added to the mean of squares; not given, the dtype's machine epsilon.

    Raises:
        ShapeError: shapes that don't end in normalized_shape.

    Source: Zhang, Sennrich, "Root mean square layer normalization", 2019, arXiv:1910.07467.
    """
    check_floating("rms_norm", "input", input)
    check_beside("rms_norm", input=input, weight=weight)
    shape = tuple(int(n) for n in normalized_shape)
    if not shape or tuple(input.shape)[-len(shape) :] != shape:
        raise ShapeError(
            f"rms_norm: expected input [*, {', '.join(map(str, shape))}] for normalized_shape "
            f"{list(shape)}, got {list(input.shape)}"
        )
    if weight is not None and tuple(weight.shape) != shape:
        raise ShapeError(f"rms_norm: expected weight {list(shape)}, got {list(weight.shape)}")
    small = float(np.finfo(input.dtype.numpy).eps) if eps is None else eps
    square = (input * input).mean(tuple(range(-len(shape), 0)), keepdim=True)
    normal = input * (square + small).rsqrt()
    return normal if weight is None else normal * weight


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return (x - mean) / sqrt(var + eps) * weight + bias, both of a group of a sample's channels.

    Args:
        input: `[N, C, *]`, floating.
        num_groups: into how many groups of neighbours the channels are cut.
        weight: `[C]`.
        bias: `[C]`.
        eps: added to the variance (divided by the number of elements).

    Raises:
        ShapeError: shapes that don't fit.
        ArgumentError: channels that can't be cut so, or a single value in each group of all.

    Source: Wu, He, "Group normalization", 2018, arXiv:1803.08494.
    """
    check_floating("group_norm", "input", input)
    check_beside("group_norm", input=input, weight=weight, bias=bias)
    channels = _channels("group_norm", input, weight=weight, bias=bias)
    if num_groups < 1 or channels % num_groups:
        raise ArgumentError(
            f"group_norm: num_groups must divide the {channels} channels of input "
            f"{list(input.shape)}, got {num_groups}"
        )
    samples = int(input.shape[0])
    if input.numel() == num_groups:
        raise ArgumentError(
            "group_norm: expected more than 1 value per group, got input "
            f"{list(input.shape)} for num_groups={num_groups}"
        )
    size = input.numel() // max(samples * num_groups, 1)
    normal = _standard(input.reshape(samples, num_groups, size), (2,), eps)
    return _affine(normal.reshape(input.shape), weight, bias)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return (x - mean) / sqrt(var + eps) * weight + bias for each channel of each sample.

    Args:
        input: `[N, C, *]`, floating.
        running_mean: `[C]`; with use_input_stats moved in place towards the mean of the samples'
            means.
        running_var: `[C]`; likewise, variances divided by one element less.
        weight: `[C]`.
        bias: `[C]`.
        use_input_stats: take mean and variance of the input; otherwise the running ones.
        momentum: share of the input in the running statistics.
        eps: added to the variance.

    Raises:
        ShapeError: shapes that don't fit.
        ArgumentError: a single value per channel, or no statistics to use.

    Source: Ulyanov, Vedaldi, Lempitsky, "Instance normalization", 2016, arXiv:1607.08022.
    """
    name = "instance_norm"
    check_floating(name, "input", input)
    check_beside(name, input=input, running_mean=running_mean, weight=weight, bias=bias)
    channels = _channels(
        name, input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ArgumentError(
                f"{name}: without use_input_stats running_mean and running_var are needed"
            )
        spread = (channels, *(1,) * (input.ndim - 2))
        scale = (running_var.reshape(spread) + eps).rsqrt()
        return _affine((input - running_mean.reshape(spread)) * scale, weight, bias)
    axes = tuple(range(2, input.ndim))
    count = input.numel() // max(channels * int(input.shape[0]), 1)
    if count == 1:
        raise ArgumentError(
            f"{name}: expected more than 1 value per channel of a sample, got input "
            f"{list(input.shape)}"
        )
    mean = input.mean(axes, keepdim=True)
    centred = input - mean
    variance = (centred * centred).mean(axes, keepdim=True)
    with no_grad():
        if running_mean is not None:
            batch = mean.reshape(-1, channels).mean(0)
            running_mean.copy_((1 - momentum) * running_mean + momentum * batch)
        if running_var is not None:
            batch = variance.reshape(-1, channels).mean(0) * (count / max(count - 1, 1))
            running_var.copy_((1 - momentum) * running_var + momentum * batch)
    return _affine(centred * (variance + eps).rsqrt(), weight, bias)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Return x_c / (k + alpha / size sum_d x_d^2)^beta, d the `size` channels around c.

    Args:
        input: `[N, C, *]` with at least three axes, floating.
        size: how many channels count; size // 2 of them lie before c.
        alpha: weight of the mean of squares.
        beta: exponent.
        k: what is added.

    Raises:
        ShapeError: fewer than three axes.
        ArgumentError: size < 1.

    Source: Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural
    networks", 2012.
    """
    check_floating("local_response_norm", "input", input)
    if input.ndim < 3:
        raise ShapeError(
            f"local_response_norm: expected input of 3 axes or more, got {list(input.shape)}"
        )
    if size < 1:
        raise ArgumentError(f"local_response_norm: size must be at least 1, got {size}")
    channels = int(input.shape[1])
    around = (0, 0) * (input.ndim - 2) + (size // 2, (size - 1) // 2)
    squares = pad(input * input, around)
    total = squares.narrow(1, 0, channels)
    for i in range(1, size):
        total = total + squares.narrow(1, i, channels)
    return input / (total * (alpha / size) + k) ** beta


def _channels(name: str, input: Tensor, **vectors: Tensor | None) -> int:
    """Return the number of channels, after the checks of all that has one entry for each."""
    if input.ndim < 2:
        raise ShapeError(f"{name}: expected input [N, C, *], got {list(input.shape)}")
    channels = int(input.shape[1])
    for argument, given in vectors.items():
        if given is not None and tuple(given.shape) != (channels,):
            raise ShapeError(
                f"{name}: expected {argument} [{channels}] for input {list(input.shape)}, got "
                f"{list(given.shape)}"
            )
    return channels


def _standard(x: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
    """Return x with mean 0 and variance 1 over axes."""
    centred = x - x.mean(axes, keepdim=True)
    return centred * ((centred * centred).mean(axes, keepdim=True) + eps).rsqrt()


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Return x * weight + bias, one of each per channel."""
    spread = (-1, *(1,) * (x.ndim - 2))
    if weight is not None:
        x = x * weight.reshape(spread)
    return x if bias is None else x + bias.reshape(spread)
