"""Dropout of elements and channels as modules, active in training only."""

from __future__ import annotations

from gradc.functional.dropout import (
    alpha_dropout,
    check_probability,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
)
from gradc.nn.module import Module
from gradc.tensor import Tensor


class _Dropout(Module):
    """What the layers of dropout share."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        check_probability(self._get_name(), p)
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Return p and inplace."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, sets each element to 0 with probability p and divides the others by 1 - p.

    Args:
        p: probability of 0.
        inplace: write the result into the input.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout", 2014.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with random elements dropped; in evaluation the input itself."""
        return dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """In training, sets each channel of a signal to 0 with probability p.

    Args:
        p: probability of 0; what stays is divided by 1 - p.
        inplace: write the result into the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return `[N, C, L]` or `[C, L]` with random channels dropped."""
        return dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """In training, sets each channel of an image to 0 with probability p.

    Args:
        p: probability of 0; what stays is divided by 1 - p.
        inplace: write the result into the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return `[N, C, H, W]` with random channels dropped."""
        return dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """In training, sets each channel of a volume to 0 with probability p.

    Args:
        p: probability of 0; what stays is divided by 1 - p.
        inplace: write the result into the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return `[N, C, D, H, W]` or `[C, D, H, W]` with random channels dropped."""
        return dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """In training, sets each element to SELU's limit with probability p; mean and variance stay.

    Args:
        p: probability of the limit.
        inplace: write the result into the input.

    Source: Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks", 2017,
    arXiv:1706.02515.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with random elements replaced; in evaluation the input itself."""
        return alpha_dropout(input, self.p, self.training, self.inplace)
