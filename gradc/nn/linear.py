"""Layers of affine maps, and layers that only change the shape."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradc.errors import ArgumentError, ArgumentTypeError
from gradc.functional.linear import linear
from gradc.ir.dtype import DType
from gradc.nn import init
from gradc.nn.module import Module
from gradc.nn.parameter import Parameter
from gradc.tensor import Tensor, empty


class Identity(Module):
    """Returns its input; any arguments are taken and forgotten, as in PyTorch."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """Return the input."""
        return input


class Linear(Module):
    """y = x W^T + b.

    Weight and bias start with draws from U(-k, k), k = 1 / sqrt(in_features).

    Args:
        in_features: size of the input's last axis.
        out_features: size of the output's last axis.
        bias: whether to add b.
        device: where weight and bias are made.
        dtype: of weight and bias.

    Attributes:
        weight: `[out_features, in_features]`.
        bias: `[out_features]`, or None.

    Example:
        >>> import gradc
        >>> gradc.nn.Linear(20, 30)(gradc.zeros(128, 20)).shape
        gradc.Size([128, 30])
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            check_size("Linear", name, size)
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in_features, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        # kaiming_uniform_ with a = sqrt(5) is U(-k, k) with k = 1 / sqrt(in_features).
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Return x W^T + b for an input `[*, in_features]`."""
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Flatten(Module):
    """Makes a range of axes one.

    Args:
        start_dim: the first of them.
        end_dim: the last of them.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with the axes made one."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Return the range."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Cuts one axis into several.

    Args:
        dim: the axis.
        unflattened_size: sizes of the new axes; one may be -1.
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if any(isinstance(n, bool) or n != int(n) for n in unflattened_size):
            raise ArgumentTypeError(
                f"Unflatten: unflattened_size must be ints, got {list(unflattened_size)}"
            )
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with the axis cut."""
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """Return the axis and its new sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


def check_size(layer: str, name: str, size: object) -> None:
    """Refuse sizes that aren't whole numbers from 0 on."""
    if isinstance(size, bool) or not isinstance(size, int):
        raise ArgumentTypeError(f"{layer}: {name} must be an int, got {size!r}")
    if size < 0:
        raise ArgumentError(f"{layer}: {name} must not be negative, got {size}")
