"""PyTorch's `torch.utils.dlpack`: a tensor -> a DLPack capsule, and back."""

from __future__ import annotations

from typing import Any

from gradc.tensor import Tensor, from_dlpack

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """Return a capsule with the memory of a tensor; it may be taken once.

    Example:
        >>> import gradc
        >>> x = gradc.ones(2)
        >>> y = from_dlpack(to_dlpack(x))
        >>> x.add_(1) is x, y.tolist()
        (True, [2.0, 2.0])
    """
    return tensor.__dlpack__()
