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
    """Arrays for one output."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    arrays: list[Array] = field(default_factory=list["Array"])
    addresses: list[int] = field(default_factory=list[int])

    def take(self) -> tuple[Array, int]:
        """Return an array that nobody else holds, and its address."""
        for i in range(len(self.arrays)):
            array = self.arrays[i]
            if getrefcount(array) == IDLE:
                return array, self.addresses[i]
        array = np.empty(self.shape, self.dtype)
        place = address(array)
        if len(self.arrays) < POOL:
            self.arrays.append(array)
            self.addresses.append(place)
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

    def settle(self, owner: Tensor) -> None:
        """Make it the owner's `.grad`."""
        if owner._grad is not self.tensor:
            owner._grad = self.tensor
            epoch.bump()


def _idle() -> int:
    """Return the reference count in `take` of an array that only its pool holds."""
    arrays = [np.empty(1)]
    array = arrays[0]
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
