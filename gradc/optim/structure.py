"""An optimizer -> a check that a step still does the operations that it did while it was traced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from gradc.optim.groups import Group

if TYPE_CHECKING:
    from gradc.optim.optimizer import Optimizer


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """What the operations of a step depend on, as it was.

    Attributes:
        optimizer: whose step it is.
        generation: how often its state or groups had been changed.
        groups: each with its number of parameters and the options that choose operations.
    """

    optimizer: Optimizer
    generation: int
    groups: tuple[tuple[Group, int, dict[str, Any]], ...]

    def __call__(self) -> bool:
        """Return whether all of it is the same; of options only the way that they choose."""
        groups = self.optimizer.param_groups
        if self.optimizer.generation != self.generation or len(groups) != len(self.groups):
            return False
        return all(
            now is group
            and len(group["params"]) == size
            and all(way(group.get(key)) == way(value) for key, value in options.items())
            for now, (group, size, options) in zip(groups, self.groups, strict=True)
        )


def way(option: Any) -> bool:
    """Return which of two ways an option chooses; of decay rates, the first does (`average`)."""
    if isinstance(option, tuple | list):
        return 1.0 - cast("tuple[float, float]", option)[0] < 0.5
    return bool(option)


def _fixed(option: Any) -> Any:
    """Return an option that later changes of a list leave as it is."""
    return tuple(cast("list[Any]", option)) if isinstance(option, list) else option


def structure(optimizer: Optimizer) -> Structure:
    """Return the check."""
    groups = tuple(
        (group, len(group["params"]), {key: _fixed(group.get(key)) for key in optimizer.branches})
        for group in optimizer.param_groups
    )
    return Structure(optimizer, optimizer.generation, groups)
