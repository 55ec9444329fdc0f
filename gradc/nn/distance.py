"""Distances, and losses of distances, as modules."""

from __future__ import annotations

from collections.abc import Callable

from gradc.errors import ArgumentError
from gradc.functional import distance
from gradc.functional.reduction import check_reduction
from gradc.nn.loss import Loss
from gradc.nn.module import Module
from gradc.tensor import Tensor


class CosineSimilarity(Module):
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along an axis.

    Args:
        dim: the axis of the vectors' entries.
        eps: least length.
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Return the cosine of the angle between vectors."""
        return distance.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """|x1 - x2 + eps|_p along the last axis.

    Args:
        p: order of the norm.
        eps: added to each difference.
        keepdim: keep the last axis, with size 1.
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Return the distances of vectors."""
        return distance.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineEmbeddingLoss(Loss):
    """1 - cos(x1, x2) where t = 1, max(0, cos(x1, x2) - margin) where t = -1, reduced.

    Args:
        margin: the cosine from where on two vectors are too much alike.
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
        """Return the loss of pairs of vectors."""
        return distance.cosine_embedding_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class TripletMarginLoss(Loss):
    """max(0, d(a, p) - d(a, n) + margin), d the pairwise distance, reduced.

    Args:
        margin: by how much the negative should be farther, > 0.
        p: order of the norm.
        eps: as for PairwiseDistance.
        swap: take d(p, n) instead of d(a, n) where it is less.
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        _check_margin("TripletMarginLoss", margin)
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Return the loss of triplets."""
        return distance.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(Module):
    """max(0, d(a, p) - d(a, n) + margin), d given, reduced.

    Args:
        distance_function: d, PairwiseDistance when not given.
        margin: by how much the negative should be farther, > 0.
        swap: take d(p, n) instead of d(a, n) where it is less.
        reduction: `mean`, `sum` or `none`.
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        check_reduction("TripletMarginWithDistanceLoss", reduction)
        _check_margin("TripletMarginWithDistanceLoss", margin)
        self.reduction = reduction
        given = PairwiseDistance() if distance_function is None else distance_function
        self.distance_function = given
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Return the loss of triplets."""
        return distance.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


def _check_margin(name: str, margin: float) -> None:
    """Refuse margins that aren't positive."""
    if not margin > 0:
        raise ArgumentError(f"{name}: margin must be positive, got {margin}")
