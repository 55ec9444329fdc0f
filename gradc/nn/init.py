"""Fill tensors with PyTorch's initial distributions, in place and without recording."""

from __future__ import annotations

import math
from typing import cast

from gradc.errors import ArgumentError, ShapeError
from gradc.tensor import Generator, Tensor, no_grad

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 0.75,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor that keeps the variance of activations after a nonlinearity.

    Args:
        nonlinearity: `linear`, `conv2d` (and its kin), `sigmoid`, `tanh`, `relu`, `leaky_relu` or
            `selu`.
        param: the negative slope of `leaky_relu`, 0.01 when not given.

    Example:
        >>> calculate_gain("tanh")
        1.6666666666666667
    """
    if nonlinearity == "leaky_relu":
        given = cast("object", 0.01 if param is None else param)
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise ArgumentError(f"calculate_gain: negative slope {given!r} is not a number")
        return math.sqrt(2.0 / (1.0 + given * given))
    if nonlinearity not in _GAINS:
        known = ", ".join(sorted([*_GAINS, "leaky_relu"]))
        raise ArgumentError(
            f"calculate_gain: expected nonlinearity to be one of {known}; got {nonlinearity!r}"
        )
    return _GAINS[nonlinearity]


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with draws from the uniform distribution on [a, b)."""
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with draws from the normal distribution of a mean and a standard deviation."""
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value."""
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return constant_(tensor, 0.0)


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with draws from U(-a, a), a = gain sqrt(6 / (fan_in + fan_out)).

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010.
    """
    fan_in, fan_out = _fans("xavier_uniform_", tensor)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with draws from N(0, s^2), s = gain sqrt(2 / (fan_in + fan_out)).

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010.
    """
    fan_in, fan_out = _fans("xavier_normal_", tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with draws from U(-b, b), b = gain sqrt(3 / fan).

    Args:
        tensor: what to fill, at least two axes, `[out, in, ...]`.
        a: negative slope of the leaky ReLU that follows.
        mode: `fan_in` keeps the variance of activations, `fan_out` that of gradients.
        nonlinearity: what follows, as for `calculate_gain`.
        generator: the source of randomness.

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015.
    """
    std = _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    bound = math.sqrt(3.0) * std
    return tensor if std == 0.0 else uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with draws from N(0, s^2), s = gain / sqrt(fan); arguments as for kaiming_uniform_.

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015.
    """
    std = _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity)
    return tensor if std == 0.0 else normal_(tensor, 0.0, std, generator)


def _kaiming_std(name: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """Return gain / sqrt(fan); 0 for a tensor without elements."""
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"{name}: expected mode 'fan_in' or 'fan_out', got {mode!r}")
    if 0 in tensor.shape:
        return 0.0
    fan_in, fan_out = _fans(name, tensor)
    fan = fan_in if mode == "fan_in" else fan_out
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _fans(name: str, tensor: Tensor) -> tuple[int, int]:
    """Return the number of inputs and outputs that each element connects."""
    shape = list(tensor.shape)
    if len(shape) < 2:
        raise ShapeError(f"{name}: expected a tensor of at least two axes, got shape {shape}")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field
