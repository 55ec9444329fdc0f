"""Schedules that are a function of the step number: a given one, a line, a power, a constant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradc.errors import ArgumentError
from gradc.optim.lr_scheduler.base import LRScheduler
from gradc.optim.optimizer import Optimizer


class _ByFunctions(LRScheduler):
    """A schedule of functions that the user gives, which are no part of its state."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = _functions(type(self).__name__, lr_lambda, optimizer)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer and the functions."""
        return {k: v for k, v in super().state_dict().items() if k != "lr_lambdas"}


class LambdaLR(_ByFunctions):
    """lr = base * f(t).

    Args:
        optimizer: whose groups to write to.
        lr_lambda: f, or a list of one per group; not part of the state_dict.
        last_epoch: number of steps taken before.
    """

    def get_lr(self) -> list[float]:
        """Return the learning rates for `last_epoch`."""
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [base * f(self.last_epoch) for base, f in pairs]


class MultiplicativeLR(_ByFunctions):
    """lr <- lr * f(t).

    Args:
        optimizer: whose groups to write to.
        lr_lambda: f, or a list of one per group; not part of the state_dict.
        last_epoch: number of steps taken before.
    """

    def get_lr(self) -> list[float]:
        """Return the learning rates for `last_epoch`."""
        if self.last_epoch == 0:
            return self.rates
        pairs = zip(self.rates, self.lr_lambdas, strict=True)
        return [rate * f(self.last_epoch) for rate, f in pairs]


def _functions(
    name: str,
    given: Callable[[int], float] | list[Callable[[int], float]],
    optimizer: Optimizer,
) -> list[Callable[[int], float]]:
    """Return one function per group."""
    groups = len(optimizer.param_groups)
    functions = [given] * groups if callable(given) else list(given)
    if len(functions) != groups:
        raise ArgumentError(
            f"{name}: expected {groups} functions for {groups} groups, got {len(functions)}"
        )
    return functions


class LinearLR(LRScheduler):
    """lr = base * factor, the factor going in a line from start to end; then it stays.

    Args:
        optimizer: whose groups to write to.
        start_factor: the factor at step 0, in (0, 1].
        end_factor: the factor at step total_iters, in [0, 1].
        total_iters: steps from the one to the other.
        last_epoch: number of steps taken before.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1.0 or not 0 <= end_factor <= 1.0:
            raise ArgumentError(
                "LinearLR: expected start_factor in (0, 1] and end_factor in [0, 1], got "
                f"{start_factor} and {end_factor}"
            )
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the learning rates for `last_epoch`."""
        if self.last_epoch == 0:
            return [rate * self.start_factor for rate in self.rates]
        if self.last_epoch > self.total_iters:
            return self.rates
        change = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * change
        return [rate * (1.0 + change / before) for rate in self.rates]


class ConstantLR(LRScheduler):
    """lr = base * factor for a number of steps, base after them.

    Args:
        optimizer: whose groups to write to.
        factor: in [0, 1].
        total_iters: number of steps.
        last_epoch: number of steps taken before.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < factor <= 1.0:
            raise ArgumentError(f"ConstantLR: factor must be in (0, 1], got {factor}")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the learning rates for `last_epoch`."""
        if self.last_epoch == 0:
            return [rate * self.factor for rate in self.rates]
        if self.last_epoch != self.total_iters:
            return self.rates
        return [rate * (1.0 / self.factor) for rate in self.rates]


class PolynomialLR(LRScheduler):
    """lr = base (1 - t / total_iters)^power, then 0.

    Args:
        optimizer: whose groups to write to.
        total_iters: steps until 0.
        power: the exponent.
        last_epoch: number of steps taken before.
    """

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the learning rates for `last_epoch`."""
        t, end = self.last_epoch, self.total_iters
        if t == 0 or t > end:
            return self.rates
        factor = ((1.0 - t / end) / (1.0 - (t - 1) / end)) ** self.power
        return [rate * factor for rate in self.rates]
