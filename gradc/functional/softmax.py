"""Turn scores along an axis into probabilities or their logarithms, without overflow."""

from __future__ import annotations

from gradc.errors import ArgumentError, UnsupportedError
from gradc.functional.reduction import check_floating, check_tensor
from gradc.ir.dtype import DType
from gradc.tensor import Tensor, empty_like, statistics, zeros_like


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Return e^(x_i - m) / sum_j e^(x_j - m), m = max_j x_j, along an axis.

    Args:
        input: any shape, floating.
        dim: the axis whose entries sum to 1.
        _stacklevel: PyTorch's; says where its warnings point, and here there are none.
        dtype: convert the input to it first.

    Example:
        >>> import gradc
        >>> softmax(gradc.tensor([0.0, 0.0]), dim=0).tolist()
        [0.5, 0.5]
    """
    return statistics.softmax(input, _checked("softmax", input, dim), dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Return x_i - m - log sum_j e^(x_j - m), m = max_j x_j, along an axis.

    Args: as for `softmax`.
    """
    return statistics.log_softmax(input, _checked("log_softmax", input, dim), dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Return e^(m - x_i) / sum_j e^(m - x_j), m = min_j x_j, along an axis.

    Args: as for `softmax`.
    """
    return statistics.softmax(-input, _checked("softmin", input, dim), dtype)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Return softmax((x + g) / tau) along an axis, g drawn from the Gumbel distribution.

    Args:
        logits: x, any shape, floating: logarithms of probabilities, up to a constant.
        tau: temperature, > 0.
        hard: return 1 at the largest entry and 0 elsewhere, with the derivatives of the softmax.
        eps: must be left at 1e-10; PyTorch deprecates it and it has no effect there.
        dim: the axis.

    Raises:
        ArgumentError: tau <= 0.
        UnsupportedError: another eps.

    Source: Jang, Gu, Poole, "Categorical reparameterization with Gumbel-softmax", 2016,
    arXiv:1611.01144.
    """
    check_floating("gumbel_softmax", "logits", logits)
    if not tau > 0:
        raise ArgumentError(f"gumbel_softmax: tau must be positive, got {tau}")
    if eps != 1e-10:
        raise UnsupportedError(f"gumbel_softmax: eps={eps} is not supported, it has no effect")
    # The logarithm of an exponential variable is minus a Gumbel variable.
    noise = -empty_like(logits).exponential_().log()
    soft = statistics.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    chosen = zeros_like(logits).scatter(dim, soft.detach().argmax(dim, keepdim=True), 1.0)
    return chosen - soft.detach() + soft


def _checked(name: str, input: Tensor, dim: int | None) -> int:
    """Return the axis; refuse a missing one."""
    check_tensor(name, "input", input)
    if dim is None:
        raise ArgumentError(f"{name}: dim is missing", hint="dim=-1 for the last axis")
    return dim
