"""Set random elements to zero, and scale the others so that the mean stays."""

from __future__ import annotations

from gradc.errors import ArgumentError
from gradc.functional.reduction import check_tensor
from gradc.tensor import Tensor, rand_like, zeros_like


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each element to 0 with probability p, and divide the others by 1 - p.

    Args:
        input: any shape, floating.
        p: probability of 0, from 0 to 1.
        training: False returns the input as it is.
        inplace: write the result into `input`.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout", 2014.
    """
    check_tensor("dropout", "input", input)
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"dropout: p must be from 0 to 1, got {p}")
    if not training or p == 0.0:
        return input
    if p == 1.0:
        scale = zeros_like(input)
    else:
        uniform = rand_like(input)
        mask = uniform >= p
        scale = mask.to(input.dtype) / (1.0 - p)
    return input.mul_(scale) if inplace else input * scale
