"""Dropout as a module, active in training only."""

from __future__ import annotations

from gradc.errors import ArgumentError
from gradc.functional.dropout import dropout
from gradc.nn.module import Module
from gradc.tensor import Tensor


class Dropout(Module):
    """In training, sets each element to 0 with probability p and divides the others by 1 - p.

    Args:
        p: probability of 0.
        inplace: write the result into the input.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout", 2014.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ArgumentError(f"Dropout: p must be from 0 to 1, got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with random elements dropped; in evaluation the input itself."""
        return dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        """Return p and inplace."""
        return f"p={self.p}, inplace={self.inplace}"
