"""How far each optimizer has come since a GradScaler's last update."""

from __future__ import annotations

import enum
import weakref
from dataclasses import dataclass

from gradc.errors import TraceError
from gradc.optim.optimizer import Optimizer
from gradc.tensor import Tensor
from gradc.tensor.state import active_trace
from gradc.tensor.trace import Trace


class Stage(enum.Enum):
    """What has been done with an optimizer's gradients."""

    READY = "scaled"
    UNSCALED = "unscaled"
    STEPPED = "stepped"


@dataclass(slots=True, eq=False)
class Entry:
    """One optimizer.

    Args:
        stage: what has been done.
        found_inf: whether a gradient was not finite, 0-d bool; None before they are looked at.
    """

    stage: Stage = Stage.READY
    found_inf: Tensor | None = None


class Progress:
    """The optimizers of one round, that is of eager calls or of one compiled function."""

    def __init__(self) -> None:
        self._entries: dict[Optimizer, Entry] = {}
        self._home: weakref.ref[Trace] | None = None  # None: eager calls
        self._begun = False

    def of(self, optimizer: Optimizer, name: str) -> Entry:
        """Return the entry of an optimizer; `name` is what is being called."""
        self._check(name)
        return self._entries.setdefault(optimizer, Entry())

    def reached(self, entry: Entry, stage: Stage) -> None:
        """Note that an optimizer has come to a stage, and where that was."""
        trace = active_trace()
        if trace is not None and not self._begun:
            self._home = weakref.ref(trace)
            trace.on_failure.append(self.clear)
        self._begun = True
        entry.stage = stage

    def found(self, name: str) -> list[Tensor]:
        """Return what was found by all optimizers."""
        self._check(name)
        entries = self._entries.values()
        return [e.found_inf for e in entries if e.found_inf is not None]

    def clear(self) -> None:
        """Begin the next round."""
        self._entries.clear()
        self._home, self._begun = None, False

    def _check(self, name: str) -> None:
        """Refuse a round that is partly in a compiled function."""
        home = None if self._home is None else self._home()
        same = home is active_trace() and (home is not None or self._home is None)
        if self._begun and not same:
            raise TraceError(
                f"GradScaler.{name}: unscale_, step and update must all be called in one compiled "
                "function, or all outside of it"
            )
