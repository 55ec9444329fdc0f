"""A schedule that lowers the learning rate when a figure stops getting better."""

from __future__ import annotations

import math
from typing import Literal, SupportsFloat

from gradc.errors import ArgumentError, UnsupportedError
from gradc.optim.lr_scheduler.base import LRScheduler
from gradc.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """lr <- lr * factor when the figure given to `step` has not got better for a while.

    Args:
        optimizer: whose groups to write to.
        mode: `min` where smaller is better, `max` where larger is.
        factor: below 1.
        patience: steps without a better figure that are put up with.
        threshold: by how much a figure must be better to count.
        threshold_mode: `rel`ative to the best, or `abs`olute.
        cooldown: steps after a change in which none is counted.
        min_lr: smallest learning rate, or a list of one per group.
        eps: a smaller change is left undone.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: list[float] | float = 0,
        eps: float = 1e-8,
    ) -> None:
        name = "ReduceLROnPlateau"
        if factor >= 1.0:
            raise ArgumentError(f"{name}: factor must be below 1, got {factor}")
        if mode not in ("min", "max"):
            raise ArgumentError(f"{name}: expected mode 'min' or 'max', got {mode!r}")
        if threshold_mode not in ("rel", "abs"):
            raise ArgumentError(
                f"{name}: expected threshold_mode 'rel' or 'abs', got {threshold_mode!r}"
            )
        groups = len(optimizer.param_groups)
        self.min_lrs = list(min_lr) if isinstance(min_lr, list | tuple) else [min_lr] * groups
        if len(self.min_lrs) != groups:
            raise ArgumentError(
                f"{name}: expected min_lr for {groups} groups, got {len(self.min_lrs)}"
            )
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.eps = eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        self.optimizer = optimizer
        self.last_epoch = 0
        self._last_lr = [group["lr"] for group in optimizer.param_groups]

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # PyTorch's signature
        """Take in a new figure and lower the learning rates where it is time.

        Args:
            metrics: the figure, such as the validation loss.
            epoch: must be None.
        """
        if epoch is not None:
            raise UnsupportedError(
                f"ReduceLROnPlateau.step: epoch={epoch!r} is not supported",
                hint="call step(metrics) once per epoch",
            )
        figure = float(metrics)
        self.last_epoch += 1
        if self._better(figure):
            self.best = figure
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.write(self.get_lr())
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = self.rates

    @property
    def in_cooldown(self) -> bool:
        """Whether a change was made a short while ago."""
        return self.cooldown_counter > 0

    def get_lr(self) -> list[float]:
        """Return the lowered learning rates."""
        lowered = [
            max(rate * self.factor, low) for rate, low in zip(self.rates, self.min_lrs, strict=True)
        ]
        return [
            new if old - new > self.eps else old
            for old, new in zip(self.rates, lowered, strict=True)
        ]

    def _better(self, figure: float) -> bool:
        """Return whether a figure is better than the best by the threshold."""
        sign = 1.0 if self.mode == "max" else -1.0
        if self.threshold_mode == "rel":
            limit = self.best * (1.0 + sign * self.threshold)
        else:
            limit = self.best + sign * self.threshold
        return figure > limit if self.mode == "max" else figure < limit
