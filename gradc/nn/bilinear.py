"""A layer of products of two inputs."""

from __future__ import annotations

import math

from gradc.errors import ArgumentError
from gradc.functional.linear import bilinear
from gradc.ir.dtype import DType
from gradc.nn import init
from gradc.nn.linear import check_size
from gradc.nn.module import Module
from gradc.nn.parameter import Parameter
from gradc.tensor import Tensor, empty


class Bilinear(Module):
    """y_o = x1^T W_o x2 + b_o.

    Weight and bias start with draws from U(-k, k), k = 1 / sqrt(in1_features).

    Args:
        in1_features: size of the first input's last axis.
        in2_features: size of the second input's last axis.
        out_features: size of the output's last axis.
        bias: whether to add b.
        device: where weight and bias are made.
        dtype: of weight and bias.

    Attributes:
        weight: `[out_features, in1_features, in2_features]`.
        bias: `[out_features]`, or None.
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        sizes = {
            "in1_features": in1_features,
            "in2_features": in2_features,
            "out_features": out_features,
        }
        for name, size in sizes.items():
            check_size("Bilinear", name, size)
        if in1_features == 0:
            raise ArgumentError("Bilinear: in1_features must be positive, got 0")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(empty(*shape, device=device, dtype=dtype))
        made = Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None
        self.register_parameter("bias", made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Return the products of inputs `[*, in1_features]` and `[*, in2_features]`."""
        return bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
