"""A schedule that rises to a large learning rate and falls to a very small one, once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

from gradc.errors import ArgumentError
from gradc.optim.groups import Group
from gradc.optim.lr_scheduler.base import LRScheduler
from gradc.optim.optimizer import Optimizer


class OneCycleLR(LRScheduler):
    """lr rises from max_lr / div_factor to max_lr, then falls to the first / final_div_factor.

    Momentum (or beta1) goes the other way round.

    Args:
        optimizer: whose groups to write to.
        max_lr: largest learning rate, or one per group.
        total_steps: steps of the whole cycle.
        epochs: with steps_per_epoch, in place of total_steps.
        steps_per_epoch: with epochs, in place of total_steps.
        pct_start: share of the steps in which it rises.
        anneal_strategy: `cos` or `linear`.
        cycle_momentum: whether momentum takes part.
        base_momentum: smallest momentum, or one per group.
        max_momentum: largest momentum, or one per group.
        div_factor: max_lr over the first learning rate.
        final_div_factor: the first learning rate over the last.
        three_phase: fall to the first learning rate as slowly as it rose, then on to the last.
        last_epoch: number of steps taken before.

    Source: Smith, Topin, "Super-convergence", 2017, arXiv:1708.07120.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ArgumentError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        if total_steps <= 0:
            raise ArgumentError(f"OneCycleLR: total_steps must be positive, got {total_steps}")
        if not 0.0 <= pct_start <= 1.0:
            raise ArgumentError(f"OneCycleLR: pct_start must be from 0 to 1, got {pct_start}")
        if anneal_strategy not in _CURVES:
            raise ArgumentError(
                f"OneCycleLR: expected anneal_strategy 'cos' or 'linear', got {anneal_strategy!r}"
            )
        self.total_steps = total_steps
        self.cycle_momentum = cycle_momentum
        self._anneal_func_type = anneal_strategy
        self._phases = _phases(total_steps, pct_start, three_phase)
        groups = optimizer.param_groups
        if last_epoch == -1:
            for group, rate in zip(groups, _each(max_lr, groups, "max_lr"), strict=True):
                group["initial_lr"] = rate / div_factor
                group["max_lr"] = rate
                group["min_lr"] = group["initial_lr"] / final_div_factor
        if cycle_momentum:
            self._begin_momentum(groups, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _begin_momentum(
        self,
        groups: list[Group],
        base_momentum: float | list[float],
        max_momentum: float | list[float],
        last_epoch: int,
    ) -> None:
        """Put the momenta into the groups."""
        if any("momentum" not in group and "betas" not in group for group in groups):
            raise ArgumentError(
                "OneCycleLR: the optimizer has neither momentum nor betas",
                hint="cycle_momentum=False",
            )
        if last_epoch != -1:
            return
        low = _each(base_momentum, groups, "base_momentum")
        high = _each(max_momentum, groups, "max_momentum")
        for group, base, largest in zip(groups, low, high, strict=True):
            group["base_momentum"] = base
            group["max_momentum"] = largest
            set_momentum(group, largest)

    def get_lr(self) -> list[float]:
        """Return the learning rates for `last_epoch`, and set the momenta."""
        t = self.last_epoch
        if t > self.total_steps:
            raise ArgumentError(
                f"OneCycleLR: step {t} is beyond the {self.total_steps} steps of the cycle"
            )
        curve = _CURVES[self._anneal_func_type]
        start = 0.0
        rates: list[float] = []
        for i, (end, keys) in enumerate(self._phases):
            if t <= end or i == len(self._phases) - 1:
                share = (t - start) / (end - start)
                for group in self.groups:
                    first, last, first_momentum, last_momentum = keys
                    rates.append(curve(group[first], group[last], share))
                    if self.cycle_momentum:
                        momentum = curve(group[first_momentum], group[last_momentum], share)
                        set_momentum(group, momentum)
                break
            start = end
        return rates


def _cosine(start: float, end: float, share: float) -> float:
    """Return the value at a share of half a cosine wave."""
    return end + (start - end) / 2.0 * (1 + math.cos(math.pi * share))


def _line(start: float, end: float, share: float) -> float:
    """Return the value at a share of a line."""
    return (end - start) * share + start


_CURVES: dict[str, Callable[[float, float, float], float]] = {"cos": _cosine, "linear": _line}
_UP = ("initial_lr", "max_lr", "max_momentum", "base_momentum")
_DOWN = ("max_lr", "initial_lr", "base_momentum", "max_momentum")
_ALL_DOWN = ("max_lr", "min_lr", "base_momentum", "max_momentum")
_LAST = ("initial_lr", "min_lr", "max_momentum", "max_momentum")


def _phases(total: int, share: float, three: bool) -> list[tuple[float, tuple[str, str, str, str]]]:
    """Return the last step of each phase, and the options it goes between."""
    top = float(share * total) - 1
    if three:
        return [(top, _UP), (float(2 * share * total) - 2, _DOWN), (float(total - 1), _LAST)]
    return [(top, _UP), (float(total - 1), _ALL_DOWN)]


def _each(given: float | Sequence[float], groups: list[Group], name: str) -> list[float]:
    """Return one number per group."""
    single = isinstance(given, int | float)
    numbers: list[float] = [given] * len(groups) if single else list(given)
    if len(numbers) != len(groups):
        raise ArgumentError(
            f"OneCycleLR: expected {name} for {len(groups)} groups, got {len(numbers)}"
        )
    return numbers


def set_momentum(group: Group, momentum: float) -> None:
    """Put a momentum into a group, under the name that its optimizer knows."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum
