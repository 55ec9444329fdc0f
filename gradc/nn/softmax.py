"""Softmax and its kin as modules."""

from __future__ import annotations

from gradc.errors import ShapeError
from gradc.functional import softmax
from gradc.functional.reduction import check_tensor
from gradc.nn.module import Module
from gradc.tensor import Tensor


class Softmax(Module):
    """e^x_i / sum_j e^x_j along an axis.

    Args:
        dim: the axis whose entries sum to 1.
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Return the softmax of the input."""
        return softmax.softmax(input, self.dim)

    def extra_repr(self) -> str:
        """Return the axis."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """log(e^x_i / sum_j e^x_j) along an axis.

    Args:
        dim: the axis whose exponentials sum to 1.
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Return the logarithm of the softmax."""
        return softmax.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        """Return the axis."""
        return f"dim={self.dim}"


class Softmin(Module):
    """e^-x_i / sum_j e^-x_j along an axis.

    Args:
        dim: the axis whose entries sum to 1.
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Return the softmin of the input."""
        return softmax.softmin(input, self.dim)

    def extra_repr(self) -> str:
        """Return the axis."""
        return f"dim={self.dim}"


class Softmax2d(Module):
    """e^x_c / sum_k e^x_k over the channels of each pixel of `[N, C, H, W]` or `[C, H, W]`."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the softmax of each pixel."""
        check_tensor("Softmax2d", "input", input)
        if input.ndim not in (3, 4):
            raise ShapeError(
                f"Softmax2d: expected input [N, C, H, W] or [C, H, W], got {list(input.shape)}"
            )
        return softmax.softmax(input, -3)
