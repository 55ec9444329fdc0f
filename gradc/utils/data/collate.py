"""Turn a list of samples into one batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from gradc.errors import ArgumentError, ArgumentTypeError, ShapeError
from gradc.tensor import Tensor, as_tensor, float64, stack, tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """Stack samples along a new first axis, keeping their structure.

    Tensors and NumPy arrays are stacked; floats become a float64 tensor, ints int64, bools bool;
    strings and bytes stay a list; mappings, tuples, named tuples and lists are collated entry by
    entry (tuples become lists, as in PyTorch).

    Args:
        batch: the samples, all of one structure.

    Returns:
        The batch.

    Raises:
        ArgumentError: an empty batch.
        ShapeError: samples of different shapes or lengths.
        ArgumentTypeError: a sample of a type that can't be stacked.

    Example:
        >>> default_collate([(1, 0.5), (2, 1.5)])[0].tolist()
        [1, 2]
    """
    if len(batch) == 0:
        raise ArgumentError("default_collate: the batch is empty")
    first = batch[0]
    if isinstance(first, Tensor):
        return _stack(batch)
    if isinstance(first, np.ndarray | np.generic):
        return _stack([as_tensor(sample) for sample in batch])
    if isinstance(first, bool | int):
        return tensor(list(batch))
    if isinstance(first, float):
        return tensor(list(batch), dtype=float64)
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        keys = cast("Mapping[Any, Any]", first)
        return {key: default_collate([sample[key] for sample in batch]) for key in keys}
    if isinstance(first, Sequence):
        return _columns(cast("Sequence[Sequence[Any]]", batch))
    raise ArgumentTypeError(
        "default_collate: samples must be tensors, NumPy arrays, numbers, strings, mappings or "
        f"sequences, got {type(first).__name__}",
        hint="give the DataLoader a collate_fn",
    )


def default_convert(data: Any) -> Any:
    """Turn the NumPy arrays in one sample into tensors, keeping its structure."""
    if isinstance(data, np.ndarray | np.generic):
        return as_tensor(data)
    if isinstance(data, Mapping):
        entries = cast("Mapping[Any, Any]", data)
        return {key: default_convert(value) for key, value in entries.items()}
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _rebuild(data, [default_convert(v) for v in cast("Sequence[Any]", data)])
    return data


def _stack(samples: Sequence[Any]) -> Tensor:
    """Stack tensors, naming the sample whose shape differs."""
    shape = tuple(samples[0].shape)
    for i, sample in enumerate(samples):
        if tuple(sample.shape) != shape:
            raise ShapeError(
                f"default_collate: samples of one batch differ in shape: sample 0 has "
                f"{list(shape)}, sample {i} has {list(sample.shape)}",
                hint="pad them, or give the DataLoader a collate_fn",
            )
    return stack(list(samples), 0)


def _columns(batch: Sequence[Sequence[Any]]) -> Any:
    """Collate entry by entry."""
    lengths = sorted({len(sample) for sample in batch})
    if len(lengths) > 1:
        raise ShapeError(
            "default_collate: samples of one batch differ in length: "
            f"{', '.join(map(str, lengths))} entries"
        )
    columns = [default_collate(list(column)) for column in zip(*batch, strict=True)]
    return _rebuild(batch[0], columns, tuples_to_lists=True)


def _rebuild(like: Any, entries: list[Any], tuples_to_lists: bool = False) -> Any:
    """Return entries as the kind of sequence that `like` is."""
    make: Callable[..., Any] | None = getattr(like, "_make", None)
    if isinstance(like, tuple):
        if make is not None:
            return make(entries)
        return entries if tuples_to_lists else tuple(entries)
    return entries
