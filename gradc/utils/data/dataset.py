"""Data sets: things with a length whose items are read by an integer."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gradc.errors import ArgumentError, ArgumentTypeError, ShapeError, TensorIndexError
from gradc.tensor import Tensor, from_numpy

ItemT = TypeVar("ItemT", covariant=True)


@runtime_checkable
class SupportsFetchBatch(Protocol):
    """A data set that can read many items at once."""

    def fetch_batch(self, indices: NDArray[np.int64]) -> list[Tensor] | None:
        """Return the items at `indices`, stacked, or None where they must be read singly."""
        ...


class Dataset(Generic[ItemT]):
    """Base of data sets: a subclass has `__len__` and `__getitem__`.

    Example:
        >>> class Squares(Dataset[int]):
        ...     def __len__(self): return 4
        ...     def __getitem__(self, index): return index * index
        >>> Squares()[3]
        9
    """

    def __getitem__(self, index: int) -> ItemT:
        """Return item `index`."""
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset:
        """Return this data set followed by another."""
        return ConcatDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Item i is `(t[i] for each tensor t)`.

    Args:
        tensors: at least one, all with the same size along axis 0.

    Raises:
        ShapeError: the first sizes differ, or a tensor has no axes.

    Example:
        >>> import gradc
        >>> data = TensorDataset(gradc.zeros(5, 2), gradc.arange(5))
        >>> len(data), data[3][1].item()
        (5, 3)
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ArgumentError("TensorDataset: expected at least one tensor, got none")
        for i, tensor in enumerate(tensors):
            given = cast("object", tensor)
            if not isinstance(given, Tensor):
                raise ArgumentTypeError(
                    f"TensorDataset: argument {i} is a {type(given).__name__}, expected a tensor",
                    hint="gradc.tensor(...) or gradc.from_numpy(...)",
                )
        shapes = [list(t.shape) for t in tensors]
        if any(not shape or shape[0] != shapes[0][0] for shape in shapes):
            listed = ", ".join(str(shape) for shape in shapes)
            raise ShapeError(
                f"TensorDataset: expected the same size along axis 0, got shapes {listed}"
            )
        self.tensors = tensors

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])

    def fetch_batch(self, indices: NDArray[np.int64]) -> list[Tensor] | None:
        """Return one batch per tensor by one `index_select` each."""
        if type(self).__getitem__ is not TensorDataset.__getitem__:
            return None
        index = index_tensor(indices, len(self))
        return [tensor.index_select(0, index.to(tensor.device)) for tensor in self.tensors]


class Subset(Dataset[Any]):
    """The items of a data set at given indices.

    Args:
        dataset: the whole.
        indices: which items of it, in this order.
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        self._positions = np.asarray(indices, dtype=np.int64).reshape(-1)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)

    def fetch_batch(self, indices: NDArray[np.int64]) -> list[Tensor] | None:
        """Return the whole set's batch at the positions that `indices` stand for."""
        if type(self).__getitem__ is not Subset.__getitem__:
            return None
        whole = self.dataset
        if not isinstance(whole, SupportsFetchBatch) or len(self._positions) != len(self.indices):
            return None
        return whole.fetch_batch(self._positions[checked_indices(indices, len(self))])


class ConcatDataset(Dataset[Any]):
    """Several data sets, one after the other.

    Args:
        datasets: at least one.

    Attributes:
        cumulative_sizes: number of items up to the end of each.
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets: list[Any] = list(datasets)
        if not self.datasets:
            raise ArgumentError("ConcatDataset: expected at least one data set, got none")
        self.cumulative_sizes: list[int] = list(accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise TensorIndexError(
                f"ConcatDataset: index {index} is outside a data set of {len(self)} items"
            )
        which = bisect_right(self.cumulative_sizes, position)
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][position - before]

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            for i in range(len(dataset)):
                yield dataset[i]


def checked_indices(indices: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Return indices counted from 0, negative ones from the end; refuse those outside."""
    low, high = int(indices.min(initial=0)), int(indices.max(initial=0))
    if low < -length or (high >= length and indices.size):
        wrong = low if low < -length else high
        raise TensorIndexError(f"index {wrong} is outside a data set of {length} items")
    return np.where(indices < 0, indices + length, indices) if low < 0 else indices


def index_tensor(indices: NDArray[np.int64], length: int) -> Tensor:
    """Return checked indices as an int64 tensor."""
    return from_numpy(np.ascontiguousarray(checked_indices(indices, length), dtype=np.int64))
