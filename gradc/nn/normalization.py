"""Normalization of each sample as modules: layer, root mean square, group, local response."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.errors import ArgumentError
from gradc.functional.normalization import layer_norm
from gradc.functional.sample_norm import group_norm, local_response_norm, rms_norm
from gradc.ir.dtype import DType
from gradc.nn import init
from gradc.nn.linear import check_size
from gradc.nn.module import Module
from gradc.nn.parameter import Parameter
from gradc.tensor import Tensor, empty


class LayerNorm(Module):
    """(x - mean) / sqrt(var + eps) * weight + bias, mean and variance over the last axes.

    Args:
        normalized_shape: sizes of the last axes; an int for one axis.
        eps: added to the variance.
        elementwise_affine: whether there are weight and bias.
        bias: whether there is a bias.
        device: where weight and bias are made.
        dtype: of weight and bias.

    Attributes:
        weight: of normalized_shape, starts with ones.
        bias: of normalized_shape, starts with zeros.

    Source: Ba, Kiros, Hinton, "Layer normalization", 2016, arXiv:1607.06450.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        given = [normalized_shape] if isinstance(normalized_shape, int) else normalized_shape
        for size in given:
            check_size("LayerNorm", "normalized_shape", size)
        self.normalized_shape = tuple(given)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        for name, wanted in (("weight", True), ("bias", bias)):
            made = (
                Parameter(empty(*self.normalized_shape, device=device, dtype=dtype))
                if elementwise_affine and wanted
                else None
            )
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to ones and the bias to zeros."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalized input."""
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return shape, eps and what is there."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """x / sqrt(mean(x^2) + eps) * weight, the mean taken over the last axes.

    Args:
        normalized_shape: sizes of the last axes; an int for one axis.
        eps: added to the mean of squares; not given, the dtype's machine epsilon.
        elementwise_affine: whether there is a weight.
        device: where the weight is made.
        dtype: of the weight.

    Attributes:
        weight: of normalized_shape, starts with ones.

    Source: Zhang, Sennrich, "Root mean square layer normalization", 2019, arXiv:1910.07467.
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        given = [normalized_shape] if isinstance(normalized_shape, int) else normalized_shape
        for size in given:
            check_size("RMSNorm", "normalized_shape", size)
        self.normalized_shape = tuple(given)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        made = Parameter(empty(*self.normalized_shape, device=device, dtype=dtype))
        self.register_parameter("weight", made if elementwise_affine else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to ones."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalized input."""
        return rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Return shape, eps and whether there is a weight."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """(x - mean) / sqrt(var + eps) * weight + bias, both of a group of a sample's channels.

    Args:
        num_groups: into how many groups of neighbours the channels are cut.
        num_channels: number of channels.
        eps: added to the variance.
        affine: whether there are weight and bias.
        device: where weight and bias are made.
        dtype: of weight and bias.
        bias: whether there is a bias.

    Attributes:
        weight: `[num_channels]`, starts with ones.
        bias: `[num_channels]`, starts with zeros.

    Source: Wu, He, "Group normalization", 2018, arXiv:1803.08494.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: str | None = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_size("GroupNorm", "num_groups", num_groups)
        check_size("GroupNorm", "num_channels", num_channels)
        if num_groups < 1 or num_channels % num_groups:
            raise ArgumentError(
                f"GroupNorm: num_groups must divide num_channels, got {num_groups} and "
                f"{num_channels}"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        for name, wanted in (("weight", True), ("bias", bias)):
            made = Parameter(empty(num_channels, device=device, dtype=dtype))
            self.register_parameter(name, made if affine and wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to ones and the bias to zeros."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalized input."""
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return groups, channels and what is there."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """x_c / (k + alpha / size sum_d x_d^2)^beta, d the `size` channels around c.

    Args:
        size: how many channels count.
        alpha: weight of the mean of squares.
        beta: exponent.
        k: what is added.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalized input."""
        return local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """Return the numbers."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
