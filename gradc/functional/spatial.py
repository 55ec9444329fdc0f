"""Arguments of layers over space -> one number per spatial axis; inputs -> batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from gradc.errors import ArgumentError, ArgumentTypeError, ShapeError
from gradc.functional.reduction import check_tensor
from gradc.tensor import Tensor

Ints = tuple[int, ...]
AXES = ("L", "H W", "D H W")


def per_axis(name: str, argument: str, given: Any, count: int, least: int) -> Ints:
    """Return one number per spatial axis from an int or a sequence of them.

    Args:
        name: of the function, for messages.
        argument: its name, for messages.
        given: an int, or a sequence of 1 or `count` ints.
        count: number of spatial axes.
        least: smallest value allowed.
    """
    values = listed(given)
    if any(isinstance(n, bool) or not isinstance(n, int) for n in values):
        raise ArgumentTypeError(f"{name}: {argument} must be an int or ints, got {given!r}")
    if len(values) not in (1, count):
        raise ArgumentError(f"{name}: {argument} must be an int or {count} ints, got {given!r}")
    if min(values) < least:
        raise ArgumentError(f"{name}: {argument} must be at least {least}, got {given!r}")
    return tuple(values) if len(values) == count else tuple(values) * count


def listed(given: Any) -> list[Any]:
    """Return the entries of a sequence, or anything else alone."""
    if not isinstance(given, Sequence) or isinstance(given, str):
        return [given]
    return list(cast("Sequence[Any]", given))


def batched(name: str, input: Tensor, count: int) -> tuple[Tensor, bool]:
    """Return the input with its axis of samples, and whether that axis had to be added."""
    check_tensor(name, "input", input)
    if input.ndim not in (count + 1, count + 2):
        axes = AXES[count - 1].replace(" ", ", ")
        raise ShapeError(
            f"{name}: expected input [N, C, {axes}] or [C, {axes}], got {list(input.shape)}"
        )
    alone = input.ndim == count + 1
    return (input.unsqueeze(0) if alone else input), alone


def sizes_of(input: Tensor, count: int) -> Ints:
    """Return the sizes of the last `count` axes."""
    return tuple(int(n) for n in input.shape[input.ndim - count :])
