"""Smooth activation functions, and relu: each bends a tensor element by element."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from gradc.errors import ArgumentError, ShapeError
from gradc.functional.reduction import check_floating
from gradc.ir.primitive import lookup
from gradc.tensor import Tensor, where
from gradc.tensor.dispatch import apply
from gradc.tensor.inplace import update

# Fixed points of mean 0 and variance 1, from the paper.
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
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
    return applied(lambda x: x * x.sigmoid(), input, "silu", inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x where x > 0, alpha (e^x - 1) elsewhere.

    Source: Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by
    exponential linear units (ELUs)", 2015, arXiv:1511.07289.
    """

    def branches(x: Tensor) -> Tensor:
        # NOTE: expm1 sees only x <= 0, so the branch not taken can't overflow into the gradient.
        below = x <= 0
        return where(below, alpha * where(below, x, 0.0).expm1(), x)

    return applied(branches, input, "elu", inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return s x where x > 0, s a (e^x - 1) elsewhere; s = 1.0507..., a = 1.6732...

    Args:
        input: any shape, floating.
        inplace: write the result into `input`.

    Source: Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks", 2017,
    arXiv:1706.02515.
    """
    check_floating("selu", "input", input)

    def branches(x: Tensor) -> Tensor:
        below = x <= 0
        low = (SELU_SCALE * SELU_ALPHA) * where(below, x, 0.0).expm1()
        return where(below, low, x * SELU_SCALE)

    return applied(branches, input, "selu", inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x where x > 0, alpha (e^(x / alpha) - 1) elsewhere.

    Args:
        input: any shape, floating.
        alpha: minus the limit for x to minus infinity, not 0.
        inplace: write the result into `input`.

    Raises:
        ArgumentError: alpha = 0.

    Source: Barron, "Continuously differentiable exponential linear units", 2017, arXiv:1704.07483.
    """
    check_floating("celu", "input", input)
    if alpha == 0:
        raise ArgumentError("celu: alpha must not be 0")

    def branches(x: Tensor) -> Tensor:
        below = x <= 0
        return where(below, alpha * (where(below, x, 0.0) / alpha).expm1(), x)

    return applied(branches, input, "celu", inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """Return x tanh(log(1 + e^x)).

    Args:
        input: any shape, floating.
        inplace: write the result into `input`.

    Source: Misra, "Mish: a self regularized non-monotonic activation function", 2019,
    arXiv:1908.08681.
    """
    check_floating("mish", "input", input)
    return applied(lambda x: x * apply(lookup("softplus"), x).tanh(), input, "mish", inplace)


def softsign(input: Tensor) -> Tensor:
    """Return x / (1 + |x|)."""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """Return x - tanh(x)."""
    return input - input.tanh()


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Return a sigmoid(b), a and b the halves of an axis.

    Args:
        input: any shape, floating.
        dim: the axis that is halved; its size must be even.

    Raises:
        ShapeError: a scalar, or an axis of odd size.

    Example:
        >>> import gradc
        >>> glu(gradc.tensor([3.0, 0.0])).tolist()
        [1.5]

    Source: Dauphin, Fan, Auli, Grangier, "Language modeling with gated convolutional networks",
    2016, arXiv:1612.08083.
    """
    check_floating("glu", "input", input)
    if input.ndim == 0 or input.shape[dim] % 2:
        raise ShapeError(
            f"glu: the axis to halve must be of even size, got dim={dim} of input "
            f"{list(input.shape)}"
        )
    half = int(input.shape[dim]) // 2
    return input.narrow(dim, 0, half) * input.narrow(dim, half, half).sigmoid()


def applied(
    function: Callable[[Tensor], Tensor], input: Tensor, name: str, inplace: bool
) -> Tensor:
    """Return function(input), in the memory of `input` where that is asked for."""
    return update(input, function, f"{name}_") if inplace else function(input)
