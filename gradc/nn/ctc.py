"""Connectionist temporal classification as a module."""

from __future__ import annotations

from gradc.functional.ctc import Lengths, ctc_loss
from gradc.functional.reduction import check_reduction
from gradc.nn.module import Module
from gradc.tensor import Tensor


class CTCLoss(Module):
    """-log p(target), p the sum over all ways to stretch the target to the input's length.

    Args:
        blank: the label of the blank.
        reduction: `mean` divides each loss by the length of its target, then by N; `sum`, `none`.
        zero_infinity: 0, without gradient, for targets that don't fit into their input.

    Source: Graves, Fernandez, Gomez, Schmidhuber, "Connectionist temporal classification:
    labelling unsegmented sequence data with recurrent neural networks", 2006.
    """

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__()
        check_reduction("CTCLoss", reduction)
        self.blank = blank
        self.reduction = reduction
        self.zero_infinity = zero_infinity

    def forward(
        self, log_probs: Tensor, targets: Tensor, input_lengths: Lengths, target_lengths: Lengths
    ) -> Tensor:
        """Return the loss of `[T, N, C]` and labels `[N, S]` or `[sum of lengths]`."""
        return ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction,
            self.zero_infinity,
        )  # fmt: skip
