"""Arrays for the outputs of a program, used again as soon as nobody else holds them."""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from dataclasses import dataclass, field
from sys import getrefcount
from typing import Any

import numpy as np

from gradc.ir.graph import Value
from gradc.tensor import epoch
from gradc.tensor.core import wrap_array
from gradc.tensor.tensor import Tensor

Array = np.ndarray[Any, Any]
POOL = 3  # arrays kept per output: two for `loss = step(...)`, one to spare


def address(array: Array) -> int:
    """Return where the elements of an array begin."""
    return array.__array_interface__["data"][0]


@dataclass(slots=True)
class Pool:
    """Arrays for one output; several Python threads may take from it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    kept: list[tuple[Array, int]] = field(default_factory=list[tuple["Array", int]])

    def take(self) -> tuple[Array, int]:
        """Return an array that nobody else holds, and its address."""
        for array, place in self.kept:
            if getrefcount(array) == IDLE:
                return array, place
        array = np.empty(self.shape, self.dtype)
        place = address(array)
        if len(self.kept) < POOL:
            self.kept.append((array, place))
        return array, place


def pool_of(value: Value) -> Pool:
    """Return a pool for an output."""
    return Pool(value.shape, value.dtype.numpy)


@dataclass(slots=True)
class GradientOutput:
    """A `.grad` that the program makes anew at each call.

    Its tensor and array are written again while only the owner's `.grad` holds them.

    Attributes:
        owner: the tensor whose `.grad` it is, or the position of an argument.
        slot: its place in the table of addresses.
        pool: arrays for it.
        again: whether it may be written while the owner's `.grad` still holds it: not where the
            program reads the `.grad` that was there before.
    """

    owner: Tensor | int
    slot: int
    pool: Pool
    again: bool
    tensor: Tensor | None = None
    array: Array | None = None

    def place(self, table: Array, owner: Tensor) -> None:
        """Put the address of an array that may be overwritten into the table."""
        tensor, array = self.tensor, self.array
        if (
            self.again
            and tensor is not None
            and owner._grad is tensor
            and getrefcount(tensor) == OWNED
            and getrefcount(array) == UNTOUCHED
        ):
            return
        self.tensor = self.array = tensor = array = None
        self.array, table[self.slot] = self.pool.take()
        self.tensor = wrap_array(self.array)

    def kept(self) -> bool:
        """Return whether the owner, where it is no argument, still has it as its `.grad`."""
        return isinstance(self.owner, int) or self.owner._grad is self.tensor

    def settle(self, owner: Tensor) -> None:
        """Make it the owner's `.grad`."""
        if owner._grad is not self.tensor:
            owner._grad = self.tensor
            epoch.bump()


def _idle() -> int:
    """Return the reference count in `take` of an array that only its pool holds."""
    kept = [(np.empty(1), 0)]
    array, _ = kept[0]
    return getrefcount(array)


def _held() -> tuple[int, int]:
    """Return the reference counts in `place` of a tensor and array that nobody else holds."""
    pool = Pool((), np.dtype("f4"))
    output = GradientOutput(0, 0, pool, again=False)
    owner = wrap_array(np.empty(1))
    output.place(np.zeros(1, np.int64), owner)
    owner._grad = output.tensor
    tensor, array = output.tensor, output.array
    return getrefcount(tensor), getrefcount(array)


IDLE = _idle()
OWNED, UNTOUCHED = _held()
_LOOKING = 2  # references of `place` itself: its variable, and the argument of getrefcount


def held(output: GradientOutput) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return (id, references) of tensor and array while only the owner's `.grad` holds them.

    Where there are none yet: of something that never has so few.
    """
    if output.tensor is None:
        return (id(output), -1), (id(output), -1)
    return (id(output.tensor), OWNED - _LOOKING), (id(output.array), UNTOUCHED - _LOOKING)
