"""Turn class labels into counts and into weights that balance rare classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradc.errors import ArgumentError, DTypeError
from gradc.tensor import Tensor, from_numpy


def class_counts(targets: Tensor, num_classes: int | None = None) -> Tensor:
    """Count the labels of each class.

    Args:
        targets: int64 (or other integer) labels of any shape, from 0.
        num_classes: how many classes there are; the largest label + 1 when not given.

    Returns:
        int64 [num_classes].

    Raises:
        DTypeError: labels that aren't integers.
        ArgumentError: no labels, or a label outside [0, num_classes).

    Example:
        >>> import gradc
        >>> class_counts(gradc.tensor([0, 2, 2])).tolist()
        [1, 0, 2]
    """
    return from_numpy(_counts("class_counts", targets, num_classes))


def class_weights(targets: Tensor, num_classes: int | None = None) -> Tensor:
    """Return weights that make all classes count the same, for CrossEntropyLoss.

    weight[c] = N / (num_classes * count[c])

    Args:
        targets: integer labels of any shape, from 0.
        num_classes: how many classes there are; the largest label + 1 when not given.

    Returns:
        float32 [num_classes].

    Raises:
        ArgumentError: a class has no label at all, so no weight could balance it.

    Example:
        >>> import gradc
        >>> class_weights(gradc.tensor([0, 1, 1, 1])).tolist()
        [2.0, 0.6666666865348816]

    Source: King, Zeng, "Logistic regression in rare events data", 2001.
    """
    counts = _counts("class_weights", targets, num_classes)
    if (counts == 0).any():
        missing = ", ".join(str(c) for c in np.flatnonzero(counts == 0))
        raise ArgumentError(
            f"class_weights: no label for class {missing} of {counts.size}",
            hint="a smaller num_classes, or training data that holds every class",
        )
    return from_numpy((counts.sum() / (counts.size * counts)).astype(np.float32))


def _counts(name: str, targets: Tensor, num_classes: int | None) -> NDArray[np.int64]:
    """Return the number of labels of each class."""
    labels = targets.cpu().numpy().reshape(-1)
    if labels.dtype.kind not in "iu":
        raise DTypeError(f"{name}: targets must be integers, got {targets.dtype}")
    if labels.size == 0:
        raise ArgumentError(f"{name}: targets is empty")
    low, high = int(labels.min()), int(labels.max())
    classes = high + 1 if num_classes is None else num_classes
    if low < 0 or high >= classes:
        raise ArgumentError(f"{name}: labels must be from 0 to {classes - 1}, got {low} to {high}")
    return np.bincount(labels, minlength=classes).astype(np.int64)
