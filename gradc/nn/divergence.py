"""Losses of distributions as modules; their maths is that of gradc.nn.functional."""

from __future__ import annotations

from gradc.functional import divergence
from gradc.functional.reduction import check_reduction
from gradc.nn.loss import Loss
from gradc.nn.module import Module
from gradc.tensor import Tensor


class KLDivLoss(Loss):
    """t (log t - x), the divergence of exp(x) from t, reduced.

    Args:
        size_average: must be None.
        reduce: must be None.
        reduction: `batchmean`, `mean`, `sum` or `none`.
        log_target: the target holds logarithms.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, "sum" if reduction == "batchmean" else reduction)
        self.reduction = reduction
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the divergence of log-probabilities from a target."""
        return divergence.kl_div(
            input, target, reduction=self.reduction, log_target=self.log_target
        )


class PoissonNLLLoss(Loss):
    """e^x - t x, or x - t log(x + eps) without log_input, reduced.

    Args:
        log_input: the input is the logarithm of the expectation.
        full: add Stirling's approximation of log t!.
        size_average: must be None.
        eps: keeps log(x) finite where log_input is False.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of expectations and counts."""
        return divergence.poisson_nll_loss(
            log_input,
            target,
            log_input=self.log_input,
            full=self.full,
            eps=self.eps,
            reduction=self.reduction,
        )


class GaussianNLLLoss(Module):
    """(log v + (x - t)^2 / v) / 2, v = max(var, eps), reduced.

    Args:
        full: add the constant log(2 pi) / 2.
        eps: least variance.
        reduction: `mean`, `sum` or `none`.
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__()
        check_reduction("GaussianNLLLoss", reduction)
        self.full = full
        self.eps = eps
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """Return the loss of expectations, observations and variances."""
        return divergence.gaussian_nll_loss(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )
