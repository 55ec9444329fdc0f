"""Activation functions of straight pieces: each turns every element by a line or a constant."""

from __future__ import annotations

from collections.abc import Callable

from gradc.errors import ArgumentError, DTypeError, ShapeError
from gradc.functional.activation import applied
from gradc.functional.reduction import check_floating, check_tensor
from gradc.tensor import Tensor, rand_like, where
from gradc.tensor.link import in_steps
from gradc.tensor.moving import check_beside


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Return x where x > 0, negative_slope * x elsewhere.

    Args:
        input: any shape, floating.
        negative_slope: slope below 0.
        inplace: write the result into `input`.

    Source: Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models",
    2013.
    """
    return _pieces(lambda x: where(x > 0, x, x * negative_slope), input, "leaky_relu", inplace)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """Return x, not below min_val and not above max_val; the derivative at both is 0.

    Args:
        input: any shape.
        min_val: smallest value.
        max_val: largest value.
        inplace: write the result into `input`.

    Raises:
        ArgumentError: min_val above max_val.
    """
    check_tensor("hardtanh", "input", input)
    if min_val > max_val:
        raise ArgumentError(
            f"hardtanh: min_val must not be above max_val, got {min_val} and {max_val}"
        )
    return _pieces(lambda x: _between(x, min_val, max_val), input, "hardtanh", inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Return min(max(x, 0), 6); the derivative at 0 and 6 is 0.

    Args:
        input: any shape.
        inplace: write the result into `input`.

    Source: Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.
    """
    check_tensor("relu6", "input", input)
    return _pieces(lambda x: _between(x, 0, 6), input, "relu6", inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """Return min(max(x + 3, 0), 6) / 6; the derivative at -3 and 3 is 0.

    Args:
        input: any shape, floating.
        inplace: write the result into `input`.
    """
    check_floating("hardsigmoid", "input", input)
    return _pieces(lambda x: _ramp(x) / 6.0, input, "hardsigmoid", inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """Return x min(max(x + 3, 0), 6) / 6; the derivative at -3 is 0, at 3 it is 1.

    Args:
        input: any shape, floating.
        inplace: write the result into `input`.

    Source: Howard, Sandler, Chu, et al., "Searching for MobileNetV3", 2019, arXiv:1905.02244.
    """
    check_floating("hardswish", "input", input)
    return applied(lambda x: x * _ramp(x) / 6.0, input, "hardswish", inplace)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Return x where x > threshold, value elsewhere.

    Args:
        input: any shape.
        threshold: what x must exceed to stay.
        value: what the others become.
        inplace: write the result into `input`.
    """
    check_tensor("threshold", "input", input)
    return _pieces(lambda x: where(x <= threshold, value, x), input, "threshold", inplace)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Return 0 where |x| <= lambd, x elsewhere."""
    check_floating("hardshrink", "input", input)
    x = in_steps(input)
    return where(x.abs() <= lambd, 0.0, x)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Return x - lambd where x > lambd, x + lambd where x < -lambd, 0 between.

    Args:
        input: any shape, floating.
        lambd: half the width of the flat piece, not negative.

    Raises:
        ArgumentError: lambd < 0.
    """
    check_floating("softshrink", "input", input)
    if lambd < 0:
        raise ArgumentError(f"softshrink: lambd must not be negative, got {lambd}")
    x = in_steps(input)
    moved = where(x > 0, x - lambd, x + lambd)
    return where(x.abs() <= lambd, 0.0, moved)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Return x where x > 0, w x elsewhere, w learned.

    Args:
        input: `[N, C, *]`, or any shape for a weight of one element.
        weight: `[C]`, one slope per channel, or one for all.

    Raises:
        ShapeError: a weight that doesn't fit the channels.
        DTypeError: input and weight of different dtypes.

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015, arXiv:1502.01852.
    """
    check_floating("prelu", "input", input)
    check_floating("prelu", "weight", weight)
    check_beside("prelu", input=input, weight=weight)
    if input.dtype is not weight.dtype:
        raise DTypeError(f"prelu: input is {input.dtype}, weight is {weight.dtype}")
    channels = int(input.shape[1]) if input.ndim > 1 else 1
    if weight.ndim > 1 or weight.numel() not in (1, channels):
        raise ShapeError(
            f"prelu: expected weight [1] or [{channels}] for input {list(input.shape)}, got "
            f"{list(weight.shape)}"
        )
    one = weight.numel() == 1
    slope = weight.reshape(()) if one else weight.reshape(-1, *(1,) * (input.ndim - 2))
    x = in_steps(input)
    positive = x > 0
    # The slope meets no positive element, which may be infinite: 0 * inf is NaN.
    return where(positive, x, slope * where(positive, 0.0, x))


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """Return x where x > 0, a x elsewhere, a drawn from U(lower, upper) for each element.

    Args:
        input: any shape, floating.
        lower: least slope.
        upper: largest slope.
        training: False takes the mean slope, (lower + upper) / 2.
        inplace: write the result into `input`.

    Raises:
        ArgumentError: lower above upper.

    Source: Xu, Wang, Chen, Li, "Empirical evaluation of rectified activations in convolutional
    network", 2015, arXiv:1505.00853.
    """
    check_floating("rrelu", "input", input)
    if lower > upper:
        raise ArgumentError(f"rrelu: lower must not be above upper, got {lower} and {upper}")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    slope = rand_like(input) * (upper - lower) + lower
    return _pieces(lambda x: where(x > 0, x, x * slope), input, "rrelu", inplace)


def _pieces(
    function: Callable[[Tensor], Tensor], input: Tensor, name: str, inplace: bool
) -> Tensor:
    """Return function(input), whose second derivative is zero rather than missing."""
    return applied(lambda x: function(in_steps(x)), input, name, inplace)


def _between(x: Tensor, low: float, high: float) -> Tensor:
    """Return x between two bounds; unlike clamp's, the derivative at them is 0."""
    return where(x <= low, low, where(x >= high, high, x))


def _ramp(x: Tensor) -> Tensor:
    """Return min(max(x + 3, 0), 6); the derivative at the bounds and at NaN is 0."""
    moved = x + 3.0
    return where(x.abs() < 3.0, moved, moved.detach().clamp(0.0, 6.0))
