"""Batch normalization as modules, with running statistics as their state."""

from __future__ import annotations

from gradc.errors import ShapeError
from gradc.functional.normalization import batch_norm
from gradc.functional.reduction import check_tensor
from gradc.ir.dtype import DType, int64
from gradc.nn import init
from gradc.nn.linear import check_size
from gradc.nn.module import Module
from gradc.nn.parameter import Parameter
from gradc.tensor import Tensor, no_grad, ones, zeros


class _BatchNorm(Module):
    """What the layers of batch normalization share; `ranks` are those of their inputs."""

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    ranks: tuple[int, ...] = ()

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: str | None = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_size(self._get_name(), "num_features", num_features)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, wanted in (("weight", True), ("bias", bias)):
            made = Parameter(ones(num_features, device=device, dtype=dtype))
            self.register_parameter(name, made if affine and wanted else None)
        if track_running_stats:
            self.register_buffer("running_mean", zeros(num_features, device=device, dtype=dtype))
            self.register_buffer("running_var", ones(num_features, device=device, dtype=dtype))
            self.register_buffer("num_batches_tracked", zeros((), device=device, dtype=int64))
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the batches seen so far."""
        with no_grad():
            if self.running_mean is not None:
                self.running_mean.zero_()
            if self.running_var is not None:
                self.running_var.fill_(1)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Forget the batches, set the weight to ones and the bias to zeros."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalized input."""
        self._check_input(input)
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

    def _check_input(self, input: Tensor) -> None:
        """Refuse inputs of another rank."""
        name = self._get_name()
        check_tensor(name, "input", input)
        if input.ndim not in self.ranks:
            ranks = " or ".join(f"{rank}D" for rank in self.ranks)
            raise ShapeError(f"{name}: expected {ranks} input (got {input.ndim}D input)")

    def extra_repr(self) -> str:
        """Return the number of channels and what is there."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
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
