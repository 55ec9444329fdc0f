"""Losses as modules; their maths and arguments are those of gradc.nn.functional."""

from __future__ import annotations

from gradc.functional import binary, classification, regression
from gradc.functional.reduction import check_reduction
from gradc.nn.module import Module
from gradc.tensor import Tensor


class Loss(Module):
    """Base of losses: keeps the reduction.

    Args:
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        check_reduction(self._get_name(), reduction, size_average, reduce)
        self.reduction = reduction


class WeightedLoss(Loss):
    """Base of losses with a weight, which is a buffer.

    Args:
        weight: of classes or elements.
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class MSELoss(Loss):
    """(x - y)^2, reduced."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the squared error."""
        return regression.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """|x - y|, reduced."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the absolute error."""
        return regression.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """A parabola up to |x - y| = beta, straight lines beyond, reduced.

    Args:
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.
        beta: where the parabola ends.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the smooth absolute error."""
        return regression.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """A parabola up to |x - y| = delta, straight lines of slope delta beyond, reduced.

    Args:
        reduction: `mean`, `sum` or `none`.
        delta: where the parabola ends.
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the Huber loss."""
        return regression.huber_loss(input, target, self.reduction, self.delta)


class CrossEntropyLoss(WeightedLoss):
    """The cross entropy between softmax(input) and the target.

    Args:
        weight: of each class, `[C]`.
        size_average: must be None.
        ignore_index: a class index that adds nothing.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.
        label_smoothing: share of the target spread evenly over the classes.

    Example:
        >>> import gradc
        >>> loss = gradc.nn.CrossEntropyLoss()
        >>> round(loss(gradc.zeros(2, 4), gradc.tensor([0, 3])).item(), 4)
        1.3863
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the cross entropy of scores and class indices or probabilities."""
        return classification.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(WeightedLoss):
    """-w_t x_t, the loss of log-probabilities x and class indices t.

    Args:
        weight: of each class, `[C]`.
        size_average: must be None.
        ignore_index: a class index that adds nothing.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of log-probabilities and class indices."""
        return classification.nll_loss(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class BCELoss(WeightedLoss):
    """-w (t log p + (1 - t) log(1 - p)), reduced."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of probabilities."""
        return binary.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(WeightedLoss):
    """The loss of sigmoid(x) as a probability, without overflow, reduced.

    Args:
        weight: of each element, broadcast.
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.
        pos_weight: of the positive class, broadcast.
    """

    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of logits."""
        return binary.binary_cross_entropy_with_logits(
            input,
            target,
            self.weight,
            reduction=self.reduction,
            pos_weight=self.pos_weight,
        )
