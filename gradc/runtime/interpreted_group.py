"""Lanes of a group in plain Python: threads that take turns.

A lane runs alone until it meets the others in a collective, then the next one in the order runs.
So a lane is as far ahead of the others as it can be, which shows where one reads what another has
not written yet; lanes that meet in different collectives are an error.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from gradc.errors import BuildError

Fold = Callable[[Sequence[Any]], Any]


class Group:
    """Lanes that take turns.

    Args:
        order: the lanes in the order in which they run between two meetings.
    """

    def __init__(self, order: Sequence[int]) -> None:
        """Let the first lane of the order begin."""
        self.order = list(order)
        self.turns = [threading.Lock() for _ in order]
        for turn in self.turns:
            turn.acquire()
        self.given: dict[int, tuple[str, Any]] = {}
        self.ended: set[int] = set()
        self.errors: list[BaseException] = []
        self.result: Any = None
        self.shared: list[Any] = []
        self.turns[self.order[0]].release()

    def meet(self, lane: int, name: str, value: Any, fold: Fold) -> Any:
        """Give a value, wait for those of the other lanes, return their fold."""
        if len(self.order) == 1:
            return fold([value])
        self.given[lane] = (name, value)
        self._arrived(fold)
        self._next(lane)
        self.turns[lane].acquire()
        if self.errors:
            raise BuildError(f"{name}: another lane has failed")
        return self.result

    def memory(self, number: int, make: Callable[[], Any]) -> Any:
        """Return the array that all lanes call for as their number-th one."""
        if number == len(self.shared):
            self.shared.append(make())
        return self.shared[number]

    def _arrived(self, fold: Fold) -> None:
        """Fold the values once all lanes have come."""
        if self.given and len(self.given) + len(self.ended) == len(self.order):
            names = {name for name, _ in self.given.values()}
            if len(names) > 1 or self.ended:
                met = ", ".join(sorted(names | ({"the end"} if self.ended else set())))
                self.errors.append(BuildError(f"lanes of a group meet in different places: {met}"))
            self.result = fold([self.given[n][1] for n in sorted(self.given)])
            self.given = {}

    def end(self, lane: int) -> None:
        """Leave the group."""
        self.ended.add(lane)
        self._arrived(lambda values: None)
        self._next(lane)

    def _next(self, lane: int) -> None:
        """Let the next lane run that has not ended."""
        at = self.order.index(lane)
        for other in (*self.order[at + 1 :], *self.order[: at + 1]):
            if other not in self.ended:
                self.turns[other].release()
                return
