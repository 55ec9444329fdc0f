"""Layer normalization as a module."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.functional.normalization import layer_norm
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
