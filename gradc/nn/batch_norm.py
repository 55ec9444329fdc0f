"""Batch normalization as modules, with running statistics as their state."""

from __future__ import annotations

from gradc.functional.normalization import batch_norm
from gradc.nn.tracked_norm import TrackedNorm
from gradc.tensor import Tensor, no_grad


class _BatchNorm(TrackedNorm):
    """What the layers of batch normalization share."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalized input."""
        self.check_input(input)
        tracked = self.training and self.track_running_stats
        momentum: float | Tensor = 0.0 if self.momentum is None else self.momentum
        if tracked and self.num_batches_tracked is not None:
            with no_grad():
                self.num_batches_tracked.add_(1)
                if self.momentum is None:
                    momentum = 1.0 / self.num_batches_tracked.to(input.dtype)
        alone = self.running_mean is None and self.running_var is None
        used = not self.training or self.track_running_stats
        return batch_norm(
            input,
            self.running_mean if used else None,
            self.running_var if used else None,
            self.weight,
            self.bias,
            self.training or alone,
            momentum,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel of `[N, C]` or `[N, C, L]`.

    In training mean and variance are the batch's, and the running ones move towards them; in
    evaluation they are the running ones.

    Args:
        num_features: number of channels.
        eps: added to the variance.
        momentum: share of a batch in the running statistics; None for plain means of all batches.
        affine: whether there are weight and bias.
        track_running_stats: whether there are running statistics; without them the batch's own
            are used in evaluation too.
        device: where the tensors are made.
        dtype: of the tensors.
        bias: whether there is a bias.

    Attributes:
        weight: `[num_features]`, starts with ones.
        bias: `[num_features]`, starts with zeros.
        running_mean: `[num_features]`, starts with zeros.
        running_var: `[num_features]`, starts with ones.
        num_batches_tracked: int64, how many batches were seen.

    Example:
        >>> import gradc
        >>> x = gradc.tensor([[0.0, 1.0], [2.0, 1.0]])
        >>> gradc.nn.BatchNorm1d(2)(x).round(decimals=3).tolist()
        [[-1.0, 0.0], [1.0, 0.0]]

    Source: Ioffe, Szegedy, "Batch normalization", 2015, arXiv:1502.03167.
    """

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel of `[N, C, H, W]`.

    In training mean and variance are the batch's, and the running ones move towards them; in
    evaluation they are the running ones.

    Args:
        num_features: number of channels.
        eps: added to the variance.
        momentum: share of a batch in the running statistics; None for plain means of all batches.
        affine: whether there are weight and bias.
        track_running_stats: whether there are running statistics; without them the batch's own
            are used in evaluation too.
        device: where the tensors are made.
        dtype: of the tensors.
        bias: whether there is a bias.

    Attributes:
        weight: `[num_features]`, starts with ones.
        bias: `[num_features]`, starts with zeros.
        running_mean: `[num_features]`, starts with zeros.
        running_var: `[num_features]`, starts with ones.
        num_batches_tracked: int64, how many batches were seen.

    Example:
        >>> import gradc
        >>> norm = gradc.nn.BatchNorm2d(3)
        >>> norm(gradc.ones(2, 3, 4, 4)).shape, norm.num_batches_tracked.item()
        (gradc.Size([2, 3, 4, 4]), 1)

    Source: Ioffe, Szegedy, "Batch normalization", 2015, arXiv:1502.03167.
    """

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel of `[N, C, D, H, W]`.

    In training mean and variance are the batch's, and the running ones move towards them; in
    evaluation they are the running ones.

    Args:
        num_features: number of channels.
        eps: added to the variance.
        momentum: share of a batch in the running statistics; None for plain means of all batches.
        affine: whether there are weight and bias.
        track_running_stats: whether there are running statistics; without them the batch's own
            are used in evaluation too.
        device: where the tensors are made.
        dtype: of the tensors.
        bias: whether there is a bias.

    Attributes:
        weight: `[num_features]`, starts with ones.
        bias: `[num_features]`, starts with zeros.
        running_mean: `[num_features]`, starts with zeros.
        running_var: `[num_features]`, starts with ones.
        num_batches_tracked: int64, how many batches were seen.

    Example:
        >>> import gradc
        >>> norm = gradc.nn.BatchNorm3d(3)
        >>> norm(gradc.ones(2, 3, 4, 4, 4)).shape, norm.num_batches_tracked.item()
        (gradc.Size([2, 3, 4, 4, 4]), 1)

    Source: Ioffe, Szegedy, "Batch normalization", 2015, arXiv:1502.03167.
    """

    ranks = (5,)
