"""A schedule that follows half a wave of the cosine."""

from __future__ import annotations

import math

from gradc.errors import ArgumentError
from gradc.optim.lr_scheduler.base import LRScheduler
from gradc.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """lr = eta_min + (base - eta_min) (1 + cos(pi t / T_max)) / 2, computed from step to step.

    Args:
        optimizer: whose groups to write to.
        T_max: steps from the largest learning rate to the smallest.
        eta_min: the smallest.
        last_epoch: number of steps taken before.

    Source: Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", 2016,
    arXiv:1608.03983.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if T_max <= 0:
            raise ArgumentError(f"CosineAnnealingLR: T_max must be positive, got {T_max}")
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the learning rates for `last_epoch`."""
        t, half, low = self.last_epoch, self.T_max, self.eta_min
        if t == 0:
            return self.rates
        if (t - 1 - half) % (2 * half) == 0:
            # The step before was at the bottom, where the ratio below would divide by 0.
            rise = (1 - math.cos(math.pi / half)) / 2
            return [
                rate + (base - low) * rise
                for rate, base in zip(self.rates, self.base_lrs, strict=True)
            ]
        ratio = (1 + math.cos(math.pi * t / half)) / (1 + math.cos(math.pi * (t - 1) / half))
        return [ratio * (rate - low) + low for rate in self.rates]
