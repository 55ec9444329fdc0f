"""Which lanes go on next: groups of lanes at one block of instructions, in an order of choice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ORDERS = ("together", "forwards", "backwards", "shuffled")


@dataclass(frozen=True, slots=True)
class Order:
    """How far warps run ahead of each other.

    Attributes:
        name: "together": all lanes at the earliest instruction; "forwards": one warp of a block
            after the other, each as far as it comes; "backwards": the last one first, and within a
            warp the lanes at the latest instruction first; "shuffled": warps in an order that
            changes at each barrier.
        seed: of the shuffles.
    """

    name: str = "together"
    seed: int = 0


TOGETHER = Order()


class Groups:
    """The lanes that can go on, by (rank, block of instructions).

    Args:
        order: which lanes come first.
        warp_of: the warp of each lane in its thread block.
        block_of: the thread block of each lane.
    """

    def __init__(self, order: Order, warp_of: np.ndarray, block_of: np.ndarray) -> None:
        assert order.name in ORDERS
        self._order, self._warp_of, self._block_of = order, warp_of, block_of
        self._random = np.random.default_rng(order.seed)
        self._groups: dict[tuple[int, int], list[np.ndarray]] = {}
        self._rank = np.zeros(len(warp_of), np.int64)
        if order.name in ("forwards", "backwards"):
            self._rank = warp_of if order.name == "forwards" else -warp_of
        self.shuffle()

    def shuffle(self) -> None:
        """Choose new ranks, where the order is to change."""
        if self._order.name == "shuffled":
            blocks, warps = int(self._block_of.max()) + 1, int(self._warp_of.max()) + 1
            ranks = self._random.permuted(np.tile(np.arange(warps), (blocks, 1)), axis=1)
            self._rank = ranks[self._block_of, self._warp_of]

    def __bool__(self) -> bool:
        return bool(self._groups)

    def keys(self) -> list[tuple[int, int]]:
        """Return all groups, those first that are to go on first."""
        if self._order.name == "backwards":
            return sorted(self._groups, key=lambda k: (k[0], -k[1]))
        return sorted(self._groups)

    def add(self, lanes: np.ndarray, place: int, rank: int | None = None) -> None:
        """Put lanes at a block of instructions."""
        if not len(lanes):
            return
        if rank is not None or self._order.name == "together":
            self._groups.setdefault((rank or 0, place), []).append(lanes)
            return
        ranks = self._rank[lanes]
        for r in np.unique(ranks):
            self._groups.setdefault((int(r), place), []).append(lanes[ranks == r])

    def take(self, key: tuple[int, int]) -> np.ndarray:
        """Take a group out."""
        found = self._groups.pop(key)
        return found[0] if len(found) == 1 else np.sort(np.concatenate(found))

    def take_all(self, place: int) -> np.ndarray:
        """Take out all lanes at a block of instructions."""
        found = [self.take(key) for key in list(self._groups) if key[1] == place]
        return found[0] if len(found) == 1 else np.sort(np.concatenate(found))
