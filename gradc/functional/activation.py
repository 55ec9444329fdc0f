"""Activation functions: each turns a tensor into one of the same shape, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from gradc.errors import ArgumentError
from gradc.ir.primitive import lookup
from gradc.tensor import Tensor, where
from gradc.tensor.dispatch import apply
from gradc.tensor.inplace import update

_SQRT_HALF = math.sqrt(0.5)
_SQRT_2_OVER_PI = math.sqrt(2.0 / math.pi)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return max(x, 0); the derivative at 0 is 0.

    Args:
        input: any shape.
        inplace: write the result into `input`.

    Example:
        >>> import gradc
        >>> relu(gradc.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """
    return input.relu_() if inplace else input.relu()


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Return x where x > 0, negative_slope * x elsewhere.

    Args:
        input: any shape, floating.
        negative_slope: slope below 0.
        inplace: write the result into `input`.

    Source: Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models",
    2013.
    """
    return _applied(lambda x: where(x > 0, x, x * negative_slope), input, "leaky_relu", inplace)


def sigmoid(input: Tensor) -> Tensor:
    """Return 1 / (1 + e^-x)."""
    return input.sigmoid()


def logsigmoid(input: Tensor) -> Tensor:
    """Return log(1 / (1 + e^-x)) = -softplus(-x), without overflow."""
    return -apply(lookup("softplus"), -input)


def tanh(input: Tensor) -> Tensor:
    """Return (e^x - e^-x) / (e^x + e^-x)."""
    return input.tanh()


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return log(1 + e^(beta x)) / beta, and x where beta x > threshold.

    Args:
        input: any shape, floating.
        beta: sharpness of the bend.
        threshold: above it the function is taken as the straight line that it nearly is.
    """
    scaled = input * beta
    return where(scaled > threshold, input, apply(lookup("softplus"), scaled) / beta)


def gelu(input: Tensor, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """Return x Phi(x), Phi the distribution function of the standard normal.

    x (1 + erf(x / sqrt 2)) / 2; with `approximate="tanh"`
    x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2

    Args:
        input: any shape, floating.
        approximate: `none` or `tanh`.

    Source: Hendrycks, Gimpel, "Gaussian error linear units (GELUs)", 2016, arXiv:1606.08415.
    """
    if approximate == "none":
        return 0.5 * input * (1.0 + (input * _SQRT_HALF).erf())
    if approximate == "tanh":
        inner = _SQRT_2_OVER_PI * (input + 0.044715 * (input * input * input))
        return 0.5 * input * (1.0 + inner.tanh())
    raise ArgumentError(f"gelu: expected approximate 'none' or 'tanh', got {approximate!r}")


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return x sigmoid(x).

    Source: Elfwing, Uchibe, Doya, "Sigmoid-weighted linear units", 2017, arXiv:1702.03118.
    """
    return _applied(lambda x: x * x.sigmoid(), input, "silu", inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x where x > 0, alpha (e^x - 1) elsewhere.

    Source: Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by
    exponential linear units (ELUs)", 2015, arXiv:1511.07289.
    """

    def branches(x: Tensor) -> Tensor:
        # NOTE: expm1 sees only x <= 0, so the branch not taken can't overflow into the gradient.
        return where(x > 0, x, alpha * where(x > 0, 0.0, x).expm1())

    return _applied(branches, input, "elu", inplace)


def _applied(
    function: Callable[[Tensor], Tensor], input: Tensor, name: str, inplace: bool
) -> Tensor:
    """Return function(input), in the memory of `input` where that is asked for."""
    return update(input, function, f"{name}_") if inplace else function(input)
