"""Turn parameters into one vector, and a vector back into parameters."""

from __future__ import annotations

from collections.abc import Iterable

from gradc.errors import ArgumentError, ShapeError
from gradc.tensor import Tensor, cat, no_grad


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return all elements of the parameters, one after the other.

    Args:
        parameters: at least one tensor.

    Returns:
        A tensor of one axis; gradients flow back to the parameters.
    """
    listed = list(parameters)
    if not listed:
        raise ArgumentError("parameters_to_vector: expected at least one parameter, got none")
    return cat([p.reshape(-1) for p in listed])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy slices of a vector into the parameters.

    Args:
        vec: as many elements as the parameters have together.
        parameters: tensors, changed in place.

    Raises:
        ShapeError: the number of elements differs; nothing was changed.
    """
    listed = list(parameters)
    expected = sum(p.numel() for p in listed)
    if tuple(vec.shape) != (expected,):
        raise ShapeError(
            f"vector_to_parameters: the parameters have {expected} elements, vec has shape "
            f"{list(vec.shape)}"
        )
    start = 0
    with no_grad():
        for p in listed:
            p.copy_(vec[start : start + p.numel()].reshape(p.shape))
            start += p.numel()
