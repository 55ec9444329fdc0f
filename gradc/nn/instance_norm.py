"""Instance normalization as modules; running statistics only where they are asked for."""

from __future__ import annotations

from gradc.errors import ShapeError
from gradc.functional.reduction import warn
from gradc.functional.sample_norm import instance_norm
from gradc.ir.dtype import DType
from gradc.nn.tracked_norm import TrackedNorm
from gradc.tensor import Tensor


class _InstanceNorm(TrackedNorm):
    """What the layers of instance normalization share."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: str | None = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalized input."""
        self.check_input(input)
        alone = input.ndim == min(self.ranks)
        x = input.unsqueeze(0) if alone else input
        self._check_channels(x)
        y = instance_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return y.squeeze(0) if alone else y

    def _check_channels(self, x: Tensor) -> None:
        """Refuse another number of channels; without anything per channel, warn as PyTorch does."""
        channels, name = int(x.shape[1]), self._get_name()
        if channels == self.num_features:
            return
        text = f"{name}: expected {self.num_features} channels, got input {list(x.shape)}"
        if self.affine or self.track_running_stats:
            raise ShapeError(text)
        warn(f"{text}; num_features has no effect without affine")


class InstanceNorm1d(_InstanceNorm):
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel of each sample.

    Inputs are `[N, C, L]` or `[C, L]`; with track_running_stats evaluation takes the running
    statistics.

    Args:
        num_features: number of channels.
        eps: added to the variance.
        momentum: share of a batch in the running statistics; None keeps them as they are.
        affine: whether there are weight and bias.
        track_running_stats: whether there are running statistics.
        device: where the tensors are made.
        dtype: of the tensors.
        bias: whether there is a bias.

    Attributes:
        weight: `[num_features]`, starts with ones.
        bias: `[num_features]`, starts with zeros.
        running_mean: `[num_features]`, starts with zeros.
        running_var: `[num_features]`, starts with ones.

    Example:
        >>> import gradc
        >>> gradc.nn.InstanceNorm1d(1)(gradc.tensor([[0.0, 2.0]])).round(decimals=3).tolist()
        [[-1.0, 1.0]]

    Source: Ulyanov, Vedaldi, Lempitsky, "Instance normalization", 2016, arXiv:1607.08022.
    """

    ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel of each image.

    Inputs are `[N, C, H, W]` or `[C, H, W]`; with track_running_stats evaluation takes the running
    statistics.

    Args:
        num_features: number of channels.
        eps: added to the variance.
        momentum: share of a batch in the running statistics; None keeps them as they are.
        affine: whether there are weight and bias.
        track_running_stats: whether there are running statistics.
        device: where the tensors are made.
        dtype: of the tensors.
        bias: whether there is a bias.

    Attributes:
        weight: `[num_features]`, starts with ones.
        bias: `[num_features]`, starts with zeros.
        running_mean: `[num_features]`, starts with zeros.
        running_var: `[num_features]`, starts with ones.

    Source: Ulyanov, Vedaldi, Lempitsky, "Instance normalization", 2016, arXiv:1607.08022.
    """

    ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel of each volume.

    Inputs are `[N, C, D, H, W]` or `[C, D, H, W]`; with track_running_stats evaluation takes the
    running statistics.

    Args:
        num_features: number of channels.
        eps: added to the variance.
        momentum: share of a batch in the running statistics; None keeps them as they are.
        affine: whether there are weight and bias.
        track_running_stats: whether there are running statistics.
        device: where the tensors are made.
        dtype: of the tensors.
        bias: whether there is a bias.

    Attributes:
        weight: `[num_features]`, starts with ones.
        bias: `[num_features]`, starts with zeros.
        running_mean: `[num_features]`, starts with zeros.
        running_var: `[num_features]`, starts with ones.

    Source: Ulyanov, Vedaldi, Lempitsky, "Instance normalization", 2016, arXiv:1607.08022.
    """

    ranks = (4, 5)
