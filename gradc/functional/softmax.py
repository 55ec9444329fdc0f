"""Turn scores along an axis into probabilities or their logarithms, without overflow."""

from __future__ import annotations

from gradc.errors import ArgumentError
from gradc.functional.reduction import check_tensor
from gradc.ir.dtype import DType
from gradc.tensor import Tensor, statistics


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Return e^(x_i - m) / sum_j e^(x_j - m), m = max_j x_j, along an axis.

    Args:
        input: any shape, floating.
        dim: the axis whose entries sum to 1.
        _stacklevel: PyTorch's; says where its warnings point, and here there are none.
        dtype: convert the input to it first.

    Example:
        >>> import gradc
        >>> softmax(gradc.tensor([0.0, 0.0]), dim=0).tolist()
        [0.5, 0.5]
    """
    return statistics.softmax(input, _checked("softmax", input, dim), dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Return x_i - m - log sum_j e^(x_j - m), m = max_j x_j, along an axis.

    Args: as for `softmax`.
    """
    return statistics.log_softmax(input, _checked("log_softmax", input, dim), dtype)


def _checked(name: str, input: Tensor, dim: int | None) -> int:
    """Return the axis; refuse a missing one."""
    check_tensor(name, "input", input)
    if dim is None:
        raise ArgumentError(f"{name}: dim is missing", hint="dim=-1 for the last axis")
    return dim
