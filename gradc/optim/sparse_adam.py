"""SparseAdam: refused, since no gradient is sparse here."""

from __future__ import annotations

from gradc.errors import UnsupportedError
from gradc.optim.optimizer import Optimizer


class SparseAdam(Optimizer):
    """Refused: PyTorch's optimizer for sparse gradients, which gradc doesn't have.

    Args:
        args: whatever PyTorch's takes.
        kwargs: the same.

    Raises:
        UnsupportedError: always.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise UnsupportedError(
            "SparseAdam: gradients of embeddings are dense, there is nothing for it to do",
            hint="Adam",
        )
