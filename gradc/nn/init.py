"""Fill tensors with PyTorch's initial distributions, in place and without recording."""

from __future__ import annotations

import math
from typing import cast

import numpy as np

from gradc.errors import ArgumentError, ShapeError
from gradc.ir.dtype import float64
from gradc.tensor import Generator, Tensor, eye, from_numpy, no_grad, rand, randn
from gradc.tensor.generator import drawn_on

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


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with draws from the normal distribution that lie in [a, b].

    x = mean + std sqrt(2) erfinv(u), u uniform between erf of the bounds.

    Args:
        tensor: what to fill, floating.
        mean: of the distribution before it is cut.
        std: of the distribution before it is cut.
        a: smallest value.
        b: largest value.
        generator: the source of randomness.

    Raises:
        ArgumentError: std <= 0, or a > b.
    """
    if not std > 0 or a > b:
        raise ArgumentError(
            f"trunc_normal_: expected std > 0 and a <= b, got std={std}, a={a}, b={b}"
        )
    low, high = (math.erf((end - mean) / (std * math.sqrt(2.0))) for end in (a, b))
    with no_grad():
        drawn = rand(*tensor.shape, dtype=float64, device=tensor.device, generator=generator)
        z = _erfinv(drawn * (high - low) + low)
        return tensor.copy_((z * (std * math.sqrt(2.0)) + mean).clamp(a, b))


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with ones on its diagonal and zeros elsewhere."""
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: expected a matrix, got shape {list(tensor.shape)}")
    rows, columns = (int(n) for n in tensor.shape)
    with no_grad():
        return tensor.copy_(eye(rows, columns, dtype=tensor.dtype, device=tensor.device))


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with gain times a random matrix of orthonormal rows or columns, whichever are fewer.

    Args:
        tensor: what to fill, at least two axes; those after the first are taken as one.
        gain: factor.
        generator: the source of randomness.

    Raises:
        ShapeError: fewer than two axes.

    Source: Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks", 2013, arXiv:1312.6120.
    """
    shape = [int(n) for n in tensor.shape]
    if len(shape) < 2:
        raise ShapeError(f"orthogonal_: expected a tensor of at least two axes, got shape {shape}")
    if 0 in shape:
        return tensor
    rows, columns = shape[0], math.prod(shape[1:])
    with no_grad():
        drawn = randn(rows, columns, dtype=float64, generator=generator, device=drawn_on(generator))
        matrix = drawn.cpu().numpy()
        q, r = np.linalg.qr(matrix.T if rows < columns else matrix)
        # Signs of the diagonal make the distribution uniform.
        q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
        q = gain * (q.T if rows < columns else q)
        return tensor.copy_(from_numpy(np.ascontiguousarray(q.reshape(shape))).to(tensor.device))


def _erfinv(x: Tensor) -> Tensor:
    """Return the inverse of erf: Winitzki's approximation and two of Halley's steps."""
    x = x.clamp(-1.0 + 1e-15, 1.0 - 1e-15)
    log = (1.0 - x * x).log()
    half = log * 0.5 + 2.0 / (math.pi * 0.147)
    z = x.sign() * ((half * half - log / 0.147).sqrt() - half).sqrt()
    for _ in range(2):
        step = (z.erf() - x) / ((2.0 / math.sqrt(math.pi)) * (-z * z).exp())
        z = z - step / (1.0 + z * step)
    return z


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
