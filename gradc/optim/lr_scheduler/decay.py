"""Schedules that multiply the learning rate by a factor now and then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from gradc.errors import ArgumentError
from gradc.optim.lr_scheduler.base import LRScheduler
from gradc.optim.optimizer import Optimizer


class StepLR(LRScheduler):
    """lr <- lr * gamma every step_size steps.

    Args:
        optimizer: whose groups to write to.
        step_size: steps between two changes.
        gamma: the factor.
        last_epoch: number of steps taken before.

    Example:
        >>> import gradc
        >>> opt = gradc.optim.SGD([gradc.zeros(1, requires_grad=True)], lr=1.0)
        >>> schedule = StepLR(opt, step_size=2, gamma=0.1)
        >>> for _ in range(2): schedule.step()
        >>> schedule.get_last_lr()
        [0.1]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        if step_size <= 0:
            raise ArgumentError(f"StepLR: step_size must be positive, got {step_size}")
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the learning rates for `last_epoch`."""
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return self.rates
        return [rate * self.gamma for rate in self.rates]


class MultiStepLR(LRScheduler):
    """lr <- lr * gamma at given steps.

    Args:
        optimizer: whose groups to write to.
        milestones: the steps; one given twice counts twice.
        gamma: the factor.
        last_epoch: number of steps taken before.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the learning rates for `last_epoch`."""
        if self.last_epoch not in self.milestones:
            return self.rates
        return [rate * self.gamma ** self.milestones[self.last_epoch] for rate in self.rates]


class ExponentialLR(LRScheduler):
    """lr <- lr * gamma at every step.

    Args:
        optimizer: whose groups to write to.
        gamma: the factor.
        last_epoch: number of steps taken before.
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the learning rates for `last_epoch`."""
        if self.last_epoch == 0:
            return self.rates
        return [rate * self.gamma for rate in self.rates]
