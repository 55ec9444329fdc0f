"""Turn a data set into an iterable of batches."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

import numpy as np

from gradc.cuda.devices import driver_of, is_available
from gradc.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from gradc.tensor import Generator
from gradc.utils.data.collate import default_collate, default_convert
from gradc.utils.data.dataset import SupportsFetchBatch
from gradc.utils.data.pinned import PinnedBatches
from gradc.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler


class DataLoader:
    """Batches of a data set, in order or shuffled anew at each iteration.

    A TensorDataset (or a Subset of one, or MNIST without transforms) is read by one
    `index_select` per tensor and batch; other data sets item by item.

    Args:
        dataset: has `__len__` and `__getitem__`.
        batch_size: items per batch; None gives single items, not batched.
        shuffle: visit the items in random order.
        sampler: gives the indices; excludes `shuffle`.
        batch_sampler: gives lists of indices; excludes `batch_size`, `shuffle`, `sampler` and
            `drop_last`.
        num_workers: must be 0: batches are made in this process.
        collate_fn: turns a list of items into a batch; `default_collate` when not given.
        pin_memory: put batches into pinned memory, from which `x.to("cuda", non_blocking=True)`
            copies while the program goes on; a warning says where there is no CUDA device.
        drop_last: leave the last batch away when it is shorter.
        timeout: must be 0.
        worker_init_fn: must be None.
        multiprocessing_context: must be None.
        generator: the source of the shuffle's randomness; the default one when not given.
        prefetch_factor: must be None.
        persistent_workers: must be False.
        pin_memory_device: the device that copies from pinned memory; "": the current one.
        in_order: must be True.

    Raises:
        ArgumentError: an empty data set, `drop_last` leaving no batch, or arguments that exclude
            each other.
        UnsupportedError: an argument that gradc has no meaning for.

    Example:
        >>> import gradc
        >>> data = gradc.utils.data.TensorDataset(gradc.arange(5))
        >>> [batch.tolist() for (batch,) in DataLoader(data, batch_size=2)]
        [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[list[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _refuse(num_workers=(num_workers, 0))
        _refuse(timeout=(timeout, 0), worker_init_fn=(worker_init_fn, None))
        _refuse(multiprocessing_context=(multiprocessing_context, None))
        _refuse(prefetch_factor=(prefetch_factor, None))
        _refuse(persistent_workers=(persistent_workers, False))
        _refuse(in_order=(in_order, True))
        _check_dataset(dataset)
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ArgumentError(
                    "DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ArgumentError("DataLoader: batch_size=None excludes drop_last")
        if sampler is not None and shuffle:
            raise ArgumentError("DataLoader: sampler excludes shuffle")
        if sampler is None:
            sampler = (
                RandomSampler(dataset, generator=generator)
                if shuffle
                else SequentialSampler(dataset)
            )
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
            _check_some_batch(sampler, batch_size, drop_last)
        self.dataset = dataset
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        self.num_workers = 0
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.collate_fn: Callable[[Any], Any] = collate_fn or (
            default_convert if batch_sampler is None else default_collate
        )

    def __iter__(self) -> Iterator[Any]:
        if self.pin_memory and not is_available():
            warnings.warn(
                "DataLoader: pin_memory=True, but there is no CUDA device: batches are not pinned",
                stacklevel=2,
            )
        elif self.pin_memory:
            return self._pinned()
        return self._batches()

    def _pinned(self) -> Iterator[Any]:
        """Give batches in pinned memory."""
        pinned = PinnedBatches(driver_of("DataLoader", self.pin_memory_device or "cuda"))
        for batch in self._batches():
            yield pinned.pin(batch)
            pinned.passed()

    def _batches(self) -> Iterator[Any]:
        """Give batches, or single items."""
        if self.batch_sampler is None:
            for index in self.sampler:
                yield self.collate_fn(self.dataset[index])
            return
        for indices in self.batch_sampler:
            yield self._batch(indices)

    def __len__(self) -> int:
        """Return the number of batches."""
        counted = self.sampler if self.batch_sampler is None else self.batch_sampler
        if not isinstance(counted, Sized):
            raise ArgumentTypeError(
                f"DataLoader: {type(counted).__name__} has no length, so the number of batches is "
                "not known"
            )
        return len(counted)

    def _batch(self, indices: list[int]) -> Any:
        """Return one batch, read at once where the data set can."""
        dataset: Any = self.dataset
        if self.collate_fn is default_collate and isinstance(self.dataset, SupportsFetchBatch):
            if len(indices) == 0:
                raise ArgumentError("DataLoader: the batch sampler gave an empty batch")
            batch = self.dataset.fetch_batch(np.asarray(indices, dtype=np.int64))
            if batch is not None:
                return batch
        return self.collate_fn([dataset[index] for index in indices])


def _check_dataset(dataset: Any) -> None:
    """Refuse what has no length or no items."""
    if not isinstance(dataset, Sized) or not callable(getattr(dataset, "__getitem__", None)):
        raise ArgumentTypeError(
            "DataLoader: dataset must have __len__ and __getitem__, "
            f"{type(dataset).__name__} has not"
        )
    if len(dataset) == 0:
        raise ArgumentError(f"DataLoader: the data set is empty ({type(dataset).__name__})")


def _check_some_batch(sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
    """Refuse a loader that would give no batch at all."""
    if drop_last and isinstance(sampler, Sized) and len(sampler) < batch_size:
        raise ArgumentError(
            f"DataLoader: drop_last=True leaves no batch: {len(sampler)} samples, "
            f"batch_size {batch_size}",
            hint="a smaller batch_size, or drop_last=False",
        )


def _refuse(**arguments: tuple[object, object]) -> None:
    """Raise UnsupportedError for an argument whose value is not the only one allowed."""
    for name, (given, allowed) in arguments.items():
        if given != allowed:
            raise UnsupportedError(
                f"DataLoader: {name}={given!r} is not supported: batches are made in this process",
                hint=f"leave {name} away",
            )
