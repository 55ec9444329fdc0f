"""Refuse sizes and probabilities that make no recurrent layer."""

from __future__ import annotations

import warnings

from gradc.errors import ArgumentError, ArgumentTypeError


def check_sizes(
    name: str, input_size: object, hidden_size: object, num_layers: object, proj_size: int
) -> None:
    """Refuse sizes that make no layer."""
    for what, size in (
        ("input_size", input_size),
        ("hidden_size", hidden_size),
        ("num_layers", num_layers),
    ):
        if isinstance(size, bool) or not isinstance(size, int):
            raise ArgumentTypeError(
                f"{name}: {what} should be of type int, got: {type(size).__name__}"
            )
        if size <= 0 and what != "input_size":
            raise ArgumentError(f"{name}: {what} must be greater than zero")
        if size < 0:
            raise ArgumentError(f"{name}: {what} must not be negative")
    if proj_size < 0:
        raise ArgumentError(
            f"{name}: proj_size should be a positive integer or zero to disable projections"
        )
    if isinstance(hidden_size, int) and proj_size >= hidden_size:
        raise ArgumentError(f"{name}: proj_size has to be smaller than hidden_size")


def check_dropout(name: str, probability: object, num_layers: int) -> None:
    """Refuse what is no probability; warn where it has nothing to act on."""
    if (
        isinstance(probability, bool)
        or not isinstance(probability, int | float)
        or not 0 <= probability <= 1
    ):
        raise ArgumentError(
            f"{name}: dropout should be a number in range [0, 1] representing the probability of "
            "an element being zeroed"
        )
    if probability > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={probability} and num_layers=1",
            stacklevel=4,
        )
