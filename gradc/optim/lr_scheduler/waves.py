"""Schedules that go up and down again and again: triangles, and cosines that begin anew."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

from gradc.errors import ArgumentError
from gradc.optim.groups import Group
from gradc.optim.lr_scheduler.base import LRScheduler
from gradc.optim.lr_scheduler.cycle import set_momentum
from gradc.optim.optimizer import Optimizer


class CyclicLR(LRScheduler):
    """lr goes in lines from base_lr to max_lr and back; momentum (or beta1) the other way round.

    Args:
        optimizer: whose groups to write to.
        base_lr: smallest learning rate, or one per group.
        max_lr: largest learning rate, or one per group.
        step_size_up: steps from the one to the other.
        step_size_down: steps back; step_size_up where None.
        mode: `triangular`; `triangular2`, each triangle half as high as the one before;
            `exp_range`, the height multiplied by gamma^t.
        gamma: for `exp_range`.
        scale_fn: a factor of the height in place of the mode's; not part of the state_dict.
        scale_mode: whether scale_fn takes the number of the `cycle`, from 1, or of `iterations`.
        cycle_momentum: whether momentum takes part.
        base_momentum: smallest momentum, or one per group.
        max_momentum: largest momentum, or one per group.
        last_epoch: number of steps taken before.

    Source: Smith, "Cyclical learning rates for training neural networks", 2015, arXiv:1506.01186.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        groups = optimizer.param_groups
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ArgumentError(f"CyclicLR: unknown mode {mode!r}", hint="give scale_fn")
        if cycle_momentum and any("momentum" not in g and "betas" not in g for g in groups):
            raise ArgumentError(
                "CyclicLR: the optimizer has neither momentum nor betas",
                hint="cycle_momentum=False",
            )
        self.mode, self.gamma = mode, gamma
        self.cycle_momentum = cycle_momentum
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up + down)
        self.step_ratio = step_size_up / self.total_size
        self._scale_fn = scale_fn
        self._scale_mode = scale_mode
        if scale_fn is None:
            self._scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.min_lrs = _each("base_lr", base_lr, groups)
        self.max_lrs = _each("max_lr", max_lr, groups)
        self.base_momentums = _each("base_momentum", base_momentum, groups)
        self.max_momentums = _each("max_momentum", max_momentum, groups)
        if last_epoch == -1:
            for group, rate in zip(groups, self.min_lrs, strict=True):
                group["lr"] = rate
        super().__init__(optimizer, last_epoch)
        self.base_lrs = list(self.min_lrs)

    def scale_fn(self, x: float) -> float:
        """Return the factor of the height, of a cycle's number or a step's."""
        if self._scale_fn is not None:
            return self._scale_fn(x)
        if self.mode == "triangular":
            return 1.0
        return 1 / (2.0 ** (x - 1)) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self) -> list[float]:
        """Return the learning rates for `last_epoch`, and set the momenta."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        ratio = self.step_ratio
        height = x / ratio if x <= ratio else (x - 1) / (ratio - 1)
        scale = self.scale_fn(cycle if self._scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            momenta = zip(self.groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in momenta:
                set_momentum(group, high - (high - low) * height * scale)
        pairs = zip(self.min_lrs, self.max_lrs, strict=True)
        return [low + (high - low) * height * scale for low, high in pairs]

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer and the function."""
        return {k: v for k, v in super().state_dict().items() if k != "_scale_fn"}


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr = eta_min + (base - eta_min) (1 + cos(pi t / T)) / 2; t begins anew after T steps.

    Args:
        optimizer: whose groups to write to.
        T_0: steps until it begins anew for the first time.
        T_mult: factor of T at each new beginning.
        eta_min: the smallest learning rate.
        last_epoch: number of steps taken before.

    Source: Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", 2016,
    arXiv:1608.03983.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(value, int) or value < 1:  # pyright: ignore[reportUnnecessaryIsInstance] # users pass floats
                raise ArgumentError(
                    f"CosineAnnealingWarmRestarts: {name} must be an int from 1 on, got {value}"
                )
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the learning rates for `T_cur`."""
        share = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go on by one step, or to a point that may lie between two epochs.

        Args:
            epoch: where to go, such as `epoch + i / batches`; None: one step on.
        """
        if epoch is None and self.last_epoch >= 0:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            epoch = 0 if epoch is None else epoch
            if epoch < 0:
                raise ArgumentError(
                    f"CosineAnnealingWarmRestarts.step: epoch must not be negative, got {epoch}"
                )
            self._go_to(epoch)
        self.last_epoch = math.floor(epoch)
        self.write(self.get_lr())

    def _go_to(self, epoch: float) -> None:
        """Find how many times it began anew up to a point."""
        self.T_i, self.T_cur = self.T_0, epoch
        while self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult


def _each(name: str, given: float | Sequence[float], groups: list[Group]) -> list[float]:
    """Return one number per group."""
    if isinstance(given, int | float):
        return [given] * len(groups)
    if len(given) != len(groups):
        raise ArgumentError(f"CyclicLR: expected {name} for {len(groups)} groups, got {len(given)}")
    return list(given)
