"""What batch and instance normalization share: parameters of channels, running statistics."""

from __future__ import annotations

from gradc.errors import ShapeError
from gradc.functional.reduction import check_tensor
from gradc.ir.dtype import DType, int64
from gradc.nn import init
from gradc.nn.linear import check_size
from gradc.nn.module import Module
from gradc.nn.parameter import Parameter
from gradc.tensor import Tensor, no_grad, ones, zeros


class TrackedNorm(Module):
    """Base of layers that normalize channels; `ranks` are those of their inputs.

    Args: as for BatchNorm1d.
    """

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

    def check_input(self, input: Tensor) -> None:
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
