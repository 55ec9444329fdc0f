"""Several schedules of one optimizer, one after the other or all at once."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from gradc.errors import ArgumentError, UnsupportedError
from gradc.optim.lr_scheduler.base import LRScheduler
from gradc.optim.optimizer import Optimizer


class SequentialLR(LRScheduler):
    """Runs one schedule up to its milestone, then the next from its beginning.

    Args:
        optimizer: whose groups to write to.
        schedulers: the schedules, all of this optimizer.
        milestones: steps at which the next begins, one fewer than schedules.
        last_epoch: must be -1.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        if last_epoch != -1:
            raise UnsupportedError(
                f"SequentialLR: last_epoch={last_epoch} is not supported",
                hint="load_state_dict continues a schedule",
            )
        if len(milestones) != len(schedulers) - 1:
            raise ArgumentError(
                f"SequentialLR: {len(schedulers)} schedules need {len(schedulers) - 1} "
                f"milestones, got {len(milestones)}"
            )
        if any(s.optimizer is not optimizer for s in schedulers):
            raise ArgumentError("SequentialLR: a schedule belongs to another optimizer")
        self.optimizer = optimizer
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = 0
        # Each schedule wrote its first rates when it was made: begin with the first one's.
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        self._restart(schedulers[0])

    def step(self, epoch: int | None = None) -> None:
        """Go on by one step of the schedule whose turn it is."""
        if epoch is not None:
            raise UnsupportedError(f"SequentialLR.step: epoch={epoch!r} is not supported")
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[turn]
        if turn and self._milestones[turn - 1] == self.last_epoch:
            for group in self.groups:
                group["lr"] = group["initial_lr"]
            self._restart(scheduler)
        else:
            scheduler.step()
            self._last_lr = scheduler.get_last_lr()

    def _restart(self, scheduler: LRScheduler) -> None:
        """Begin a schedule from its first step."""
        scheduler.last_epoch = -1
        scheduler.step()
        self._last_lr = scheduler.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """Return the count and the state of each schedule."""
        own = {k: v for k, v in vars(self).items() if k not in ("optimizer", "_schedulers")}
        return own | {"_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` returned."""
        own = {k: v for k, v in state_dict.items() if k != "_schedulers"}
        vars(self).update(own)
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)


class ChainedScheduler(LRScheduler):
    """Steps several schedules together, each changing what the one before it left.

    Args:
        schedulers: the schedules, all of one optimizer.
        optimizer: that optimizer; the first schedule's where None.
    """

    def __init__(self, schedulers: list[LRScheduler], optimizer: Optimizer | None = None) -> None:
        if not schedulers:
            raise ArgumentError("ChainedScheduler: expected at least one schedule")
        self.optimizer = schedulers[0].optimizer if optimizer is None else optimizer
        if any(s.optimizer is not self.optimizer for s in schedulers):
            raise ArgumentError("ChainedScheduler: a schedule belongs to another optimizer")
        self._schedulers = list(schedulers)
        self._last_lr = self.rates

    def step(self, epoch: int | None = None) -> None:
        """Go on by one step of every schedule."""
        if epoch is not None:
            raise UnsupportedError(f"ChainedScheduler.step: epoch={epoch!r} is not supported")
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self.rates

    def state_dict(self) -> dict[str, Any]:
        """Return the last learning rates and the state of each schedule."""
        return {
            "_last_lr": self._last_lr,
            "_schedulers": [s.state_dict() for s in self._schedulers],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` returned."""
        self._last_lr = state_dict["_last_lr"]
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)
