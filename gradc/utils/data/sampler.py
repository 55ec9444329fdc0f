"""Samplers: the order in which a data set is visited, as an iterable of indices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from gradc.errors import ArgumentError, ArgumentTypeError
from gradc.tensor import Generator, Tensor, float64, rand, randint, randperm
from gradc.tensor.generator import drawn_on

IndexT = TypeVar("IndexT", covariant=True)


class Sampler(Generic[IndexT]):
    """Base of samplers: a subclass has `__iter__`, and `__len__` where the number is known."""

    def __iter__(self) -> Iterator[IndexT]:
        """Iterate over indices."""
        raise NotImplementedError(f"{type(self).__name__} has no __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ... in order.

    Args:
        data_source: the data set.
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices in random order, a new one at each iteration.

    Args:
        data_source: the data set.
        replacement: draw with replacement.
        num_samples: how many to draw; the data set's length when not given.
        generator: the source of randomness; the default generator when not given.

    Raises:
        ArgumentError: `num_samples` is not positive (an empty data set).
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(replacement, bool):  # pyright: ignore[reportUnnecessaryIsInstance]  # users pass anything
            raise ArgumentTypeError(
                f"RandomSampler: replacement must be a bool, got {type(replacement).__name__}"
            )
        self.data_source = data_source
        self.replacement = replacement
        self.generator = generator
        self._num_samples = num_samples
        if self.num_samples <= 0:
            raise ArgumentError(
                f"RandomSampler: num_samples must be a positive integer, got {self.num_samples}"
            )

    @property
    def num_samples(self) -> int:
        """How many indices one iteration draws."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n = len(self.data_source)
        if self.replacement:
            g, size = self.generator, (self.num_samples,)
            yield from _ints(randint(0, n, size, generator=g, device=drawn_on(g)))
            return
        left = self.num_samples
        while left > 0:
            order = _ints(_shuffled(n, self.generator))
            yield from order[:left]
            left -= n

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given indices in random order.

    Args:
        indices: the indices.
        generator: the source of randomness; the default generator when not given.
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in _ints(_shuffled(len(self.indices), self.generator)):
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with probabilities proportional to weights.

    Args:
        weights: one per item, not negative, finite; they need not sum to one.
        num_samples: how many to draw.
        replacement: draw with replacement.
        generator: the source of randomness; the default generator when not given.

    Raises:
        ArgumentError: a weight is negative or not finite, all are zero, or more are asked for
            than can be drawn.
    """

    def __init__(
        self,
        weights: Sequence[float] | Tensor,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        name = type(self).__name__
        values = weights.detach().cpu().numpy() if isinstance(weights, Tensor) else weights
        self._weights: NDArray[np.float64] = np.array(values, dtype=np.float64)
        if self._weights.ndim != 1:
            raise ArgumentError(
                f"{name}: weights must have one axis, got shape {list(self._weights.shape)}"
            )
        if not np.isfinite(self._weights).all() or (self._weights < 0).any():
            raise ArgumentError(f"{name}: weights must be finite and not negative")
        if isinstance(num_samples, bool) or num_samples <= 0:
            raise ArgumentError(
                f"{name}: num_samples must be a positive integer, got {num_samples}"
            )
        drawable = int((self._weights > 0).sum())
        if drawable == 0 or (not replacement and num_samples > drawable):
            raise ArgumentError(
                f"{name}: can't draw {num_samples} indices "
                f"{'with' if replacement else 'without'} replacement from {drawable} weights "
                "that are not zero"
            )
        self.weights = weights
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        count = self.num_samples if self.replacement else len(self._weights)
        g = self.generator
        u = rand(count, generator=g, dtype=float64, device=drawn_on(g)).cpu().numpy()
        if self.replacement:
            # NOTE: u < 1, but u * total may round up to total: clip to the last nonzero weight.
            running = np.cumsum(self._weights)
            places = running.searchsorted(u * running[-1], side="right")  # pyright: ignore[reportUnknownVariableType]  # NumPy's stubs lack it
            drawn = cast("NDArray[np.int64]", places)
            last = int(np.flatnonzero(self._weights)[-1])
            yield from np.minimum(drawn, last).tolist()
            return
        # The smallest of Exp(w_i) draws: sampling without replacement (Efraimidis, Spirakis 2006).
        with np.errstate(divide="ignore", invalid="ignore"):
            keys = -np.log1p(-u) / self._weights
        keys[self._weights == 0] = np.inf
        yield from np.argsort(keys, kind="stable")[: self.num_samples].tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of indices of another sampler.

    Args:
        sampler: gives single indices.
        batch_size: how many go into a list.
        drop_last: leave the last list away when it is shorter.

    Example:
        >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        given = cast("object", batch_size)
        if not isinstance(given, int) or isinstance(given, bool) or given <= 0:
            raise ArgumentError(
                f"BatchSampler: batch_size must be a positive integer, got {batch_size!r}"
            )
        if not isinstance(drop_last, bool):  # pyright: ignore[reportUnnecessaryIsInstance]  # users pass anything
            raise ArgumentTypeError(f"BatchSampler: drop_last must be a bool, got {drop_last!r}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        batch: list[int] = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        if not isinstance(self.sampler, Sized):
            raise ArgumentTypeError(
                f"BatchSampler: {type(self.sampler).__name__} has no length, so neither have its "
                "batches"
            )
        n = len(self.sampler)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


def _shuffled(count: int, generator: Generator | None) -> Tensor:
    """Return the numbers below count in random order."""
    return randperm(count, generator=generator, device=drawn_on(generator))


def _ints(tensor: Tensor) -> list[int]:
    """Return the elements of an integer tensor of one axis."""
    return tensor.cpu().numpy().tolist()
