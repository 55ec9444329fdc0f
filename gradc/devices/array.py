"""Memory on a device, and C-contiguous arrays in it: host array -> device -> host array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradc.devices.driver import Array, Driver, Event, driver, gone
from gradc.errors import DeviceError, ShapeError

ALIGNMENT = 16  # bytes; kernels move so many at once


class Memory:
    """A piece of a device's memory, freed when the last array in it is gone.

    Attributes:
        driver: of the device.
        address: where it begins; 0 where it is empty.
        nbytes: its size.
        owner: who frees it, where that is somebody else.
        lent: whether another library uses it too, so that changes must be made in it.
    """

    __slots__ = ("__weakref__", "address", "driver", "lent", "nbytes", "owner")

    def __init__(self, driver: Driver, nbytes: int) -> None:
        self.address = 0
        self.owner: Any = None
        self.lent = False
        self.driver = driver
        self.nbytes = nbytes
        if nbytes:
            self.address = driver.allocate(nbytes)
            driver.statistics.given(nbytes)

    @classmethod
    def foreign(cls, driver: Driver, address: int, nbytes: int, owner: Any) -> Memory:
        """Return memory that belongs to `owner`, which is kept alive as long as it is used."""
        memory = cls(driver, 0)
        memory.address, memory.nbytes, memory.owner = address, nbytes, owner
        return memory

    def __del__(self) -> None:
        if self.address and self.owner is None and not gone():
            self.driver.statistics.returned(self.nbytes)
            self.driver.free(self.address)
            self.address = 0


class DeviceArray:
    """A C-contiguous array in a device's memory.

    Attributes:
        memory: what it lies in.
        address: of its first element.
        shape: as in NumPy.
        dtype: NumPy's.
    """

    __slots__ = ("__weakref__", "address", "dtype", "memory", "shape")

    def __init__(
        self, memory: Memory, shape: tuple[int, ...], dtype: np.dtype[Any], offset: int = 0
    ) -> None:
        self.memory = memory
        self.shape = shape
        self.dtype = dtype
        self.address = memory.address + offset
        if offset < 0 or offset + self.nbytes > memory.nbytes:
            raise ShapeError(
                f"device array: {list(shape)} {dtype} from byte {offset} on doesn't fit into "
                f"{memory.nbytes} bytes"
            )

    @property
    def driver(self) -> Driver:
        """The driver of its device."""
        return self.memory.driver

    @property
    def index(self) -> int:
        """The number of its device."""
        return self.memory.driver.index

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        """Bytes from one element to the next, for each axis; zeros where there are no elements."""
        if 0 in self.shape:
            return (0,) * len(self.shape)
        step, strides = self.dtype.itemsize, list[int]()
        for length in reversed(self.shape):
            strides.append(step)
            step *= length
        return tuple(reversed(strides))

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype}, device=cuda:{self.index})"

    def again(self) -> DeviceArray:
        """Return another handle on the same elements: what knows the old one is outdated."""
        made = object.__new__(DeviceArray)
        made.memory, made.shape = self.memory, self.shape
        made.dtype, made.address = self.dtype, self.address
        return made

    def reshape(self, shape: tuple[int, ...]) -> DeviceArray:
        """Return the same elements in another shape, without a copy.

        Raises:
            ShapeError: the numbers of elements differ.
        """
        if math.prod(shape) != self.size:
            raise ShapeError(f"reshape: {list(self.shape)} has no shape {list(shape)}")
        return DeviceArray(self.memory, shape, self.dtype, self.address - self.memory.address)

    def numpy(self) -> Array:
        """Return a copy on the host; waits for the work that makes the elements."""
        host = np.empty(self.shape, self.dtype)
        if host.nbytes:
            self.driver.download(host, self.address)
            self.driver.wait()
        return host

    def copy(self) -> DeviceArray:
        """Return a copy on the same device."""
        made = empty(self.shape, self.dtype, self.index)
        copy_into(made, self)
        return made

    def aligned(self) -> DeviceArray:
        """Return this array, or a copy where it doesn't begin at a multiple of 16 bytes."""
        return self if self.address % ALIGNMENT == 0 else self.copy()

    def fill(self, byte: int) -> None:
        """Set every byte; 0 makes zeros of any dtype."""
        if self.nbytes:
            self.driver.fill(self.address, byte, self.nbytes)


def empty(shape: tuple[int, ...], dtype: Any, index: int = 0) -> DeviceArray:
    """Return a new array; its elements are undefined."""
    kind = np.dtype(dtype)
    return DeviceArray(Memory(driver(index), math.prod(shape) * kind.itemsize), shape, kind)


def upload(array: Array, index: int = 0, wait: bool = True) -> DeviceArray:
    """Return a copy of a host array on the device.

    Args:
        array: any strides.
        index: the number of the device.
        wait: whether `array` may change as soon as this returns. Without, it must stay as it is
            until the device has done the copy; only from pinned memory that saves time.
    """
    made = empty(array.shape, array.dtype, index)
    copy_into(made, array, wait)
    return made


def send(array: Array, index: int = 0) -> tuple[DeviceArray, Event]:
    """Copy a pinned array to a device while it does other work.

    What is given to the device from now on finds the copy done.

    Returns:
        The copy, and the point from which on `array` may change: it must live so long.
    """
    device = driver(index)
    with device.aside():
        made = upload(array, index, wait=False)
        done = device.event()
        done.record()
    return made, done


def copy_into(to: DeviceArray, source: DeviceArray | Array, wait: bool = True) -> None:
    """Copy elements from the host, or from an array on the same device.

    Args:
        to: takes the elements.
        source: of the same shape and dtype.
        wait: see `upload`.

    Raises:
        ShapeError: shapes or dtypes differ.
        DeviceError: the arrays lie on different devices.
    """
    if to.shape != source.shape or to.dtype != source.dtype:
        raise ShapeError(
            f"copy: {source.dtype}{list(source.shape)} doesn't fit into {to.dtype}{list(to.shape)}"
        )
    if not to.nbytes:
        return
    if not isinstance(source, DeviceArray):
        to.driver.upload(to.address, np.ascontiguousarray(source), wait)
    elif source.memory.driver is not to.memory.driver:
        raise DeviceError(
            f"copy: from cuda:{source.index} to cuda:{to.index}", hint="go by the host: x.numpy()"
        )
    elif source.address != to.address:
        to.driver.copy(to.address, source.address, to.nbytes)
