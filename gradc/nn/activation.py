"""Smooth activation functions, and ReLU, as modules."""

from __future__ import annotations

from typing import Literal

from gradc.errors import ArgumentError
from gradc.functional import activation
from gradc.nn.module import Module
from gradc.tensor import Tensor


class ReLU(Module):
    """max(x, 0).

    Args:
        inplace: write the result into the input.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return max(x, 0)."""
        return activation.relu(input, self.inplace)

    def extra_repr(self) -> str:
        """Return `inplace=True` where it is."""
        return "inplace=True" if self.inplace else ""


class ELU(Module):
    """x where x > 0, alpha (e^x - 1) elsewhere.

    Args:
        alpha: minus the limit for x to minus infinity.
        inplace: write the result into the input.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the ELU of the input."""
        return activation.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """Return alpha."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class Sigmoid(Module):
    """1 / (1 + e^-x)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the sigmoid of the input."""
        return activation.sigmoid(input)


class LogSigmoid(Module):
    """log(1 / (1 + e^-x))."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the logarithm of the sigmoid."""
        return activation.logsigmoid(input)


class Tanh(Module):
    """(e^x - e^-x) / (e^x + e^-x)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the hyperbolic tangent of the input."""
        return activation.tanh(input)


class GELU(Module):
    """x Phi(x), Phi the distribution function of the standard normal.

    Args:
        approximate: `none` for Phi itself, `tanh` for an approximation.
    """

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ArgumentError(f"GELU: expected approximate 'none' or 'tanh', got {approximate!r}")
        self.approximate: Literal["none", "tanh"] = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Return the GELU of the input."""
        return activation.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        """Return which form is used."""
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x sigmoid(x).

    Args:
        inplace: write the result into the input.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return x sigmoid(x)."""
        return activation.silu(input, self.inplace)

    def extra_repr(self) -> str:
        """Return `inplace=True` where it is."""
        return "inplace=True" if self.inplace else ""


class Softplus(Module):
    """log(1 + e^(beta x)) / beta, and x where beta x > threshold.

    Args:
        beta: sharpness of the bend.
        threshold: above it the function is the straight line.
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """Return the softplus of the input."""
        return activation.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """Return beta and threshold."""
        return f"beta={self.beta}, threshold={self.threshold}"


class SELU(Module):
    """s x where x > 0, s a (e^x - 1) elsewhere; s = 1.0507..., a = 1.6732...

    Args:
        inplace: write the result into the input.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the SELU of the input."""
        return activation.selu(input, self.inplace)

    def extra_repr(self) -> str:
        """Return `inplace=True` where it is."""
        return "inplace=True" if self.inplace else ""


class CELU(Module):
    """x where x > 0, alpha (e^(x / alpha) - 1) elsewhere.

    Args:
        alpha: minus the limit for x to minus infinity, not 0.
        inplace: write the result into the input.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the CELU of the input."""
        return activation.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """Return alpha."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class Mish(Module):
    """x tanh(log(1 + e^x)).

    Args:
        inplace: write the result into the input.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return x tanh(log(1 + e^x))."""
        return activation.mish(input, self.inplace)

    def extra_repr(self) -> str:
        """Return `inplace=True` where it is."""
        return "inplace=True" if self.inplace else ""


class Softsign(Module):
    """x / (1 + |x|)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return x / (1 + |x|)."""
        return activation.softsign(input)


class Tanhshrink(Module):
    """x - tanh(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return x - tanh(x)."""
        return activation.tanhshrink(input)


class GLU(Module):
    """a sigmoid(b), a and b the halves of an axis.

    Args:
        dim: the axis that is halved.
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Return one half of the input, gated by the other."""
        return activation.glu(input, self.dim)

    def extra_repr(self) -> str:
        """Return the axis."""
        return f"dim={self.dim}"
