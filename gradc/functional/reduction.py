"""Turn losses of single samples into what `reduction` asks for; check arguments of losses."""

from __future__ import annotations

import warnings

from gradc.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError, UnsupportedError
from gradc.origin import here
from gradc.tensor import Tensor

REDUCTIONS = ("none", "mean", "sum")


def check_reduction(
    name: str, reduction: str, size_average: object = None, reduce: object = None
) -> None:
    """Refuse unknown reductions and the arguments that PyTorch deprecates."""
    for argument, given in (("size_average", size_average), ("reduce", reduce)):
        if given is not None:
            raise UnsupportedError(
                f"{name}: {argument}={given!r} is not supported",
                hint="reduction='mean', 'sum' or 'none'",
            )
    if reduction not in REDUCTIONS:
        raise ArgumentError(
            f"{name}: expected reduction 'none', 'mean' or 'sum', got {reduction!r}"
        )


def reduce(loss: Tensor, reduction: str) -> Tensor:
    """Return the losses themselves, their sum, or their mean (NaN where there are none)."""
    if reduction == "none":
        return loss
    return loss.sum() if reduction == "sum" else loss.mean()


def check_tensor(name: str, argument: str, given: object) -> None:
    """Refuse anything but a tensor."""
    if not isinstance(given, Tensor):
        raise ArgumentTypeError(f"{name}: {argument} must be a Tensor, got {type(given).__name__}")


def check_floating(name: str, argument: str, given: Tensor) -> None:
    """Refuse tensors whose values have no fractions."""
    check_tensor(name, argument, given)
    if not given.dtype.is_floating_point:
        raise DTypeError(
            f"{name}: {argument} must be floating, got {given.dtype}", hint=f"{argument}.float()"
        )


def warn_of_broadcast(name: str, input: Tensor, target: Tensor) -> None:
    """Warn where input and target are of different shapes, as PyTorch does."""
    check_tensor(name, "input", input)
    check_tensor(name, "target", target)
    if tuple(input.shape) != tuple(target.shape):
        warn(
            f"{name}: input {list(input.shape)} and target {list(target.shape)} differ in shape; "
            "they are broadcast, which is seldom meant"
        )


def warn(message: str) -> None:
    """Warn at the user's own line, however many layers lie between."""
    origin = here()
    file, line = (origin.file, origin.line) if origin else (__file__, 1)
    warnings.warn_explicit(message, UserWarning, file, line)


def check_same_shape(name: str, input: Tensor, target: Tensor) -> None:
    """Refuse input and target of different shapes."""
    check_floating(name, "input", input)
    check_floating(name, "target", target)
    if tuple(input.shape) != tuple(target.shape):
        raise ShapeError(
            f"{name}: input and target must have one shape, got input {list(input.shape)} and "
            f"target {list(target.shape)}"
        )
