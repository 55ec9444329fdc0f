"""A concrete tensor -> its stand-in while a trace runs, whose content is a graph Value."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING

from gradc.tensor.captured import Cell
from gradc.tensor.core import TensorCore, wrap_view
from gradc.tensor.edges import edge_of, rederive
from gradc.tensor.storage import Storage

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


class _Seat(TensorCore):
    """The fields of a concrete tensor, on the storage of its stand-in."""

    def __init__(self, storage: Storage, tensor: Tensor) -> None:
        self._storage = storage
        self._dtype = tensor._dtype


def stand_in(tensor: Tensor, cell: Cell) -> Tensor:
    """Return a stand-in, without base and gradient history.

    Args:
        tensor: the concrete one.
        cell: of its storage.
    """
    made = wrap_view(_Seat(cell.shadow, tensor), cell.value, tensor._path)
    made._untracked = tensor._untracked
    made._frozen_view = tensor._frozen_view
    return made


def take_history(made: Tensor, tensor: Tensor) -> None:
    """Let a stand-in want gradients as its tensor does: as a leaf, or through its base.

    Args:
        made: the stand-in, with its base.
        tensor: the concrete one.
    """
    if tensor._leaf:
        made._leaf, made._foreign = True, tensor._foreign
    elif edge_of(tensor) is not None:
        if made._base is not None and edge_of(made._base) is not None:
            rederive(made, made._base)
        else:
            made._leaf = made._foreign = True
