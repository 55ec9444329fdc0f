"""A small array, repeated to a larger shape, which has memory only once somebody asks for it.

`x + bias` and `2 * x` need no array of the repeated numbers: kernels read the small one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.devices.array import DeviceArray, Memory, upload
from gradc.devices.driver import Driver, driver
from gradc.devices.eager import EAGER
from gradc.ir.primitive import lookup

KEPT = 256  # numbers that stay on their device
_NUMBERS: dict[tuple[Driver, str, bytes], DeviceArray] = {}


class Repeated(DeviceArray):
    """The elements of `source`, broadcast to a shape.

    Whoever makes one sees to it that the source does not change as long as the elements are
    read; once they have memory of their own, it may.

    Attributes:
        source: the small array.
    """

    __slots__ = ("_own", "source")

    def __init__(self, source: DeviceArray, shape: tuple[int, ...]) -> None:
        self.source = source.source if isinstance(source, Repeated) else source
        self.shape = shape
        self.dtype = source.dtype
        self._own: DeviceArray | None = None

    def placed(self) -> DeviceArray:
        """Return the elements in memory of their own."""
        if self._own is None:
            made: Any = EAGER.run(lookup("broadcast"), (self.source,), {"shape": self.shape})
            self._own = made
        assert self._own is not None
        return self._own

    @property
    def memory(self) -> Memory:  # pyright: ignore[reportIncompatibleVariableOverride] # on demand
        """What the elements lie in."""
        return self.placed().memory

    @property
    def address(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride] # on demand
        """Where the first of them is."""
        return self.placed().address

    @property
    def driver(self) -> Driver:
        """The driver of the device."""
        return self.source.driver

    @property
    def index(self) -> int:
        """The number of the device."""
        return self.source.index


def number(value: Any, dtype: np.dtype[Any], index: int) -> DeviceArray:
    """Return a number on a device, to be read only: those of late are kept there."""
    host = np.asarray(value).astype(dtype)
    key = driver(index), dtype.char, host.tobytes()
    found = _NUMBERS.pop(key, None)
    if found is None:
        found = upload(host, index)
        found.driver.wait()  # work on other streams may read it next
    _NUMBERS[key] = found
    if len(_NUMBERS) > KEPT:
        _NUMBERS.pop(next(iter(_NUMBERS)), None)
    return found


def forget_numbers() -> None:
    """Give the memory of numbers back."""
    _NUMBERS.clear()
