"""Arrays for the outputs of a program on a device, used again as soon as nobody else holds them.

Their addresses repeat then, and so does the captured graph that was made for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from sys import getrefcount
from typing import Any

import numpy as np

from gradc.devices.array import DeviceArray, empty
from gradc.ir.graph import Value

POOL = 3  # arrays kept per output


@dataclass(slots=True)
class DevicePool:
    """Arrays for one output.

    Attributes:
        shape: of each.
        dtype: NumPy's.
        index: of the device.
        arrays: those that are used again.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    index: int
    arrays: list[DeviceArray] = field(default_factory=list[DeviceArray])

    def take(self) -> DeviceArray:
        """Return an array whose memory nobody else holds."""
        for i in range(len(self.arrays)):
            array = self.arrays[i]
            if getrefcount(array) == IDLE and getrefcount(array.memory) == ALONE:
                return array
        array = empty(self.shape, self.dtype, self.index)
        if len(self.arrays) < POOL:
            self.arrays.append(array)
        return array

    @property
    def nbytes(self) -> int:
        """Bytes of one array."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


def pool_for(value: Value, index: int) -> DevicePool:
    """Return a pool for an output."""
    return DevicePool(value.shape, value.dtype.numpy, index)


class _Held:
    """Stands for an array when reference counts are measured."""

    __slots__ = ("memory",)

    def __init__(self) -> None:
        self.memory = object()


def _counts() -> tuple[int, int]:
    """Return the reference counts in `take` of an array that only its pool holds."""
    arrays = [_Held()]
    array = arrays[0]
    return getrefcount(array), getrefcount(array.memory)


IDLE, ALONE = _counts()
