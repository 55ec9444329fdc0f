"""Split a data set into random parts that don't overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gradc.errors import ArgumentError
from gradc.tensor import Generator, randperm
from gradc.tensor.generator import drawn_on
from gradc.utils.data.dataset import Subset


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset]:
    """Split a data set at random.

    Args:
        dataset: what to split.
        lengths: the parts' sizes, which sum to the data set's length; or fractions that sum to 1,
            rounded down, the items left over going to the first parts, one each.
        generator: the source of randomness; the default generator when not given.

    Returns:
        One Subset per length.

    Raises:
        ArgumentError: lengths that don't sum to the data set's length, or an empty part.

    Example:
        >>> import gradc
        >>> train, test = random_split(range(10), [0.7, 0.3], gradc.Generator().manual_seed(1))
        >>> len(train), len(test)
        (7, 3)
    """
    sizes = _sizes(len(dataset), lengths)
    drawn = randperm(sum(sizes), generator=generator, device=drawn_on(generator))
    order: list[int] = drawn.cpu().numpy().tolist()
    parts: list[Subset] = []
    start = 0
    for size in sizes:
        parts.append(Subset(dataset, order[start : start + size]))
        start += size
    return parts


def _sizes(total: int, lengths: Sequence[int | float]) -> list[int]:
    """Return whole sizes that sum to `total`."""
    given = list(lengths)
    if math.isclose(sum(given), 1.0) and any(isinstance(n, float) for n in given):
        if any(n < 0 for n in given):
            raise ArgumentError(f"random_split: fractions must not be negative, got {given}")
        sizes = [math.floor(total * fraction) for fraction in given]
        for i in range(total - sum(sizes)):
            sizes[i % len(sizes)] += 1
    elif any(isinstance(n, bool) or n != int(n) or n < 0 for n in given):
        raise ArgumentError(
            f"random_split: expected whole lengths, or fractions that sum to 1, got {given}"
        )
    else:
        sizes = [int(n) for n in given]
    if sum(sizes) != total:
        raise ArgumentError(
            f"random_split: lengths {given} sum to {sum(sizes)}, the data set has {total} items"
        )
    return sizes
