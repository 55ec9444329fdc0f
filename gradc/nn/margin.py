"""Losses with a margin as modules; their maths is that of gradc.nn.functional."""

from __future__ import annotations

from gradc.errors import ArgumentError
from gradc.functional import margin as losses
from gradc.nn.loss import Loss, WeightedLoss
from gradc.tensor import Tensor


class HingeEmbeddingLoss(Loss):
    """x where t = 1, max(0, margin - x) where t = -1, reduced.

    Args:
        margin: from where on a distance is large enough.
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of distances."""
        return losses.hinge_embedding_loss(
            input, target, margin=self.margin, reduction=self.reduction
        )


class MarginRankingLoss(Loss):
    """max(0, -t (x1 - x2) + margin), reduced.

    Args:
        margin: by how much one score should be above the other.
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Return the loss of pairs of scores."""
        return losses.margin_ranking_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class SoftMarginLoss(Loss):
    """log(1 + e^(-t x)), reduced."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of scores."""
        return losses.soft_margin_loss(input, target, reduction=self.reduction)


class MultiMarginLoss(WeightedLoss):
    """The sum over j != t of w_t max(0, margin - x_t + x_j)^p, divided by C, reduced.

    Args:
        p: 1 or 2.
        margin: by how much the right class should lead.
        weight: of each class, `[C]`.
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ArgumentError(f"MultiMarginLoss: p must be 1 or 2, got {p}")
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of scores and class indices."""
        return losses.multi_margin_loss(
            input, target, self.p, self.margin, self.weight, reduction=self.reduction
        )


class MultiLabelSoftMarginLoss(WeightedLoss):
    """The mean over classes of -w (t log s(x) + (1 - t) log s(-x)), s the sigmoid, reduced."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of scores and labels 0 or 1."""
        return losses.multilabel_soft_margin_loss(
            input, target, self.weight, reduction=self.reduction
        )
