"""Base of schedules: counts steps and writes learning rates into the optimizer's groups."""

from __future__ import annotations

from typing import Any, cast

from gradc.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from gradc.optim.groups import Group
from gradc.optim.optimizer import Optimizer


class LRScheduler:
    """Sets `lr` of every group at each `step()`; a subclass gives `get_lr`.

    A compiled step reads `lr` at each call, so a schedule never recompiles it.

    Args:
        optimizer: whose groups to write to.
        last_epoch: number of steps taken before; -1 begins anew.

    Attributes:
        base_lrs: what the groups began with.
        last_epoch: number of steps taken.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        given = cast("object", optimizer)
        name = type(self).__name__
        if not isinstance(given, Optimizer):
            raise ArgumentTypeError(f"{name}: {type(given).__name__} is not an Optimizer")
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ArgumentError(
                    f'{name}: group {i} has no "initial_lr", which last_epoch={last_epoch} needs',
                    hint="load the optimizer's state_dict first",
                )
        self.optimizer = optimizer
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._last_lr: list[float] = []
        self.step()

    def get_lr(self) -> list[float]:
        """Return the learning rate of each group for `last_epoch`; for subclasses."""
        raise NotImplementedError(f"{type(self).__name__} has no get_lr")

    def get_last_lr(self) -> list[float]:
        """Return the learning rates that the last step set."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Go on by one step and set the learning rates.

        Args:
            epoch: must be None.
        """
        if epoch is not None:
            raise UnsupportedError(
                f"{type(self).__name__}.step: epoch={epoch!r} is not supported",
                hint="call step() once per epoch",
            )
        self.last_epoch += 1
        self.write(self.get_lr())

    def write(self, rates: list[float]) -> None:
        """Put learning rates into the groups."""
        for group, rate in zip(self.groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = [group["lr"] for group in self.groups]

    @property
    def groups(self) -> list[Group]:
        """The optimizer's groups."""
        return self.optimizer.param_groups

    @property
    def rates(self) -> list[float]:
        """The learning rates of the groups as they are now."""
        return [group["lr"] for group in self.groups]

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer and functions."""
        return {k: v for k, v in vars(self).items() if k != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` returned.

        Args:
            state_dict: of a schedule of the same kind.
        """
        vars(self).update(state_dict)
