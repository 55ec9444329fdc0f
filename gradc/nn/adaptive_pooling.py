"""Pooling to a given size: the functions with their arguments kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradc.functional.adaptive_max_pooling import adaptive_max_pool1d, adaptive_max_pool2d
from gradc.functional.adaptive_pooling import adaptive_avg_pool1d, adaptive_avg_pool2d
from gradc.nn.module import Module
from gradc.tensor import Tensor


class AdaptiveAvgPool1d(Module):
    """Means of windows that part the input evenly.

    Args:
        output_size: how many windows.

    Example:
        >>> import gradc
        >>> gradc.nn.AdaptiveAvgPool1d(1)(gradc.tensor([[1.0, 4.0, 4.0]])).tolist()
        [[3.0]]
    """

    def __init__(self, output_size: int | Sequence[int | None]) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Return the means of an input `[N, C, L]` or `[C, L]`."""
        return adaptive_avg_pool1d(input, self.output_size)

    def extra_repr(self) -> str:
        """Return the output's size."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool2d(Module):
    """Means of windows that part the input evenly.

    Args:
        output_size: rows and columns of windows, or one number for both; None keeps the input's.

    Example:
        >>> import gradc
        >>> gradc.nn.AdaptiveAvgPool2d((1, None))(gradc.ones(2, 3, 4, 5)).shape
        gradc.Size([2, 3, 1, 5])
    """

    def __init__(self, output_size: int | Sequence[int | None] | None) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Return the means of an input `[N, C, H, W]` or `[C, H, W]`."""
        return adaptive_avg_pool2d(input, self.output_size)

    def extra_repr(self) -> str:
        """Return the output's size."""
        return f"output_size={self.output_size}"


class AdaptiveMaxPoolBase(Module):
    """What the layers of largest elements share."""

    def __init__(
        self, output_size: int | Sequence[int | None] | None, return_indices: bool = False
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def extra_repr(self) -> str:
        """Return the output's size."""
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(AdaptiveMaxPoolBase):
    """The largest elements of windows that part the input evenly.

    Args:
        output_size: how many windows.
        return_indices: return also where along the axis the largest elements are.
    """

    def forward(self, input: Tensor) -> Any:
        """Return the largest elements of an input `[N, C, L]` or `[C, L]`."""
        return adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(AdaptiveMaxPoolBase):
    """The largest elements of windows that part the input evenly.

    Args:
        output_size: rows and columns of windows, or one number for both; None keeps the input's.
        return_indices: return also where in the flattened image the largest elements are.
    """

    def forward(self, input: Tensor) -> Any:
        """Return the largest elements of an input `[N, C, H, W]` or `[C, H, W]`."""
        return adaptive_max_pool2d(input, self.output_size, self.return_indices)
