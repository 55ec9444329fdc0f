"""Turn features into ones of mean 0 and standard deviation 1, by figures of the training data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradc.errors import ArgumentError, ShapeError
from gradc.tensor import Tensor, from_numpy


@dataclass(frozen=True)
class Standardize:
    """The map x -> (x - mean) / std.

    Fit it on the training data only and apply it to all: figures that have seen the test data
    make its score too good.

    Args:
        mean: of each feature, shape [*features].
        std: of each feature, shape [*features]; 1 where a feature is constant.

    Example:
        >>> import gradc
        >>> train = gradc.tensor([[0.0, 5.0], [2.0, 5.0]])
        >>> scale = Standardize.fit(train)
        >>> scale(train).tolist()
        [[-1.0, 0.0], [1.0, 0.0]]
        >>> scale.inverse(scale(train)).tolist()
        [[0.0, 5.0], [2.0, 5.0]]
    """

    mean: Tensor
    std: Tensor

    @classmethod
    def fit(cls, x: Tensor) -> Standardize:
        """Measure mean and standard deviation of each feature.

        Sums run in float64; the deviation is the population's (divided by N).

        Args:
            x: training data [N, *features], N > 0; integers are taken as float32.

        Raises:
            ShapeError: `x` has no axes.
            ArgumentError: `x` has no rows, or a value in it is NaN or infinite.
        """
        values = x.detach().cpu().numpy()
        if values.ndim == 0:
            raise ShapeError("Standardize.fit: expected x [N, *features], got a scalar")
        if values.shape[0] == 0:
            raise ArgumentError(f"Standardize.fit: x has no rows, shape {list(values.shape)}")
        if not np.isfinite(values).all():
            bad = int(np.count_nonzero(~np.isfinite(values)))
            raise ArgumentError(
                f"Standardize.fit: {bad} of {values.size} values of x are NaN or infinite"
            )
        kept = values.dtype if values.dtype.kind == "f" else np.dtype(np.float32)
        mean = np.asarray(values.mean(axis=0, dtype=np.float64))
        std = np.asarray(values.std(axis=0, dtype=np.float64))
        constant = values.max(axis=0) == values.min(axis=0)
        std = np.where(constant, 1.0, std)
        return cls(from_numpy(mean.astype(kept)), from_numpy(std.astype(kept)))

    def __call__(self, x: Tensor) -> Tensor:
        """Return (x - mean) / std."""
        self._check(x)
        return (x - self.mean) / self.std

    def inverse(self, x: Tensor) -> Tensor:
        """Return x * std + mean."""
        self._check(x)
        return x * self.std + self.mean

    def _check(self, x: Tensor) -> None:
        """Refuse data whose features aren't the ones that were measured."""
        features = tuple(self.mean.shape)
        if tuple(x.shape)[x.ndim - len(features) :] != features or x.ndim < len(features):
            raise ShapeError(
                f"Standardize: fitted on features {list(features)}, x has shape {list(x.shape)}"
            )
