"""What gradc asks of a device, and which driver answers for it: CUDA's, or the emulated one."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from gradc.config import wanted_cuda
from gradc.devices.statistics import Statistics, no_such_device
from gradc.errors import ArgumentError, DeviceError

Array = np.ndarray[Any, Any]
Size = tuple[int, int]
EMULATE = "emulate"
STREAMS = 32  # of each device, given out in turn, as in PyTorch


class Module(Protocol):
    """A loaded cubin."""

    def function(self, symbol: str) -> Any:
        """Return the kernel of that name, for `Driver.launch`."""
        ...


class Graph(Protocol):
    """A captured sequence of launches and copies."""

    def launch(self) -> None:
        """Run all of it on the current stream, without waiting."""
        ...


class Event(Protocol):
    """A point in the work of a stream."""

    def record(self) -> None:
        """Set the point after all work given to the current stream so far."""
        ...

    def wait(self, device: Any = None) -> None:
        """Let the current stream, of another device if one is given, go on only from here."""
        ...

    def synchronize(self) -> None:
        """Return once the point is reached."""
        ...

    def reached(self) -> bool:
        """Return whether the point is reached."""
        ...

    def milliseconds_since(self, earlier: Any) -> float:
        """Return the time that the device took from another event to this one."""
        ...


class Driver(Protocol):
    """One device. Addresses are device addresses; all work goes to the current stream, in order.

    Attributes:
        index: the number of the device.
        name: what it calls itself.
        compute_capability: such as (9, 0).
        multiprocessors: how many it has.
        emulated: whether its memory is the host's.
        statistics: memory given out.
    """

    index: int
    name: str
    compute_capability: tuple[int, int]
    multiprocessors: int
    emulated: bool
    statistics: Statistics

    @property
    def stream(self) -> int:
        """The current stream of this thread; 0 is the legacy default stream."""
        ...

    def use_stream(self, stream: int) -> None:
        """Make another stream the current one of this thread."""
        ...

    def new_stream(self) -> int:
        """Return one of 32 streams; it and the default stream wait for each other, as in CUDA."""
        ...

    def aside(self) -> AbstractContextManager[None]:
        """Within it this thread allocates and copies on a stream for copies.

        The current stream goes on at the end, and waits for the copies by itself.
        """
        ...

    def allocate(self, nbytes: int) -> int:
        """Return the address of new memory, aligned to 256 bytes; its content is undefined."""
        ...

    def free(self, address: int) -> None:
        """Give memory back once the work given to the current stream so far is done."""
        ...

    def upload(self, to: int, source: Array, wait: bool = True) -> None:
        """Copy a C-contiguous host array to the device.

        Without `wait` a copy from pinned memory may run after the return.
        """
        ...

    def download(self, to: Array, source: int) -> None:
        """Copy to a C-contiguous host array; to pinned memory, perhaps after the return."""
        ...

    def copy(self, to: int, source: int, nbytes: int) -> None:
        """Copy inside the device."""
        ...

    def fill(self, to: int, byte: int, nbytes: int) -> None:
        """Set every byte."""
        ...

    def synchronize(self) -> None:
        """Return once all work given to the device is done."""
        ...

    def wait(self) -> None:
        """Return once all work given to the current stream is done."""
        ...

    def idle(self) -> bool:
        """Return whether all work given to the current stream is done."""
        ...

    def event(self) -> Event:
        """Return a new event."""
        ...

    def memory_info(self) -> tuple[int, int]:
        """Return bytes free and bytes in all."""
        ...

    def reserved(self, most: bool = False) -> int:
        """Return the bytes held from the system: those in use and those kept for later.

        With `most` the most that there were since `reset_reserved`.
        """
        ...

    def reset_reserved(self) -> None:
        """Count the most bytes held from now on."""
        ...

    def release(self) -> None:
        """Give memory that is kept for later allocations back to the system."""
        ...

    def pinned(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return a new host array that the device copies from and to without the processor."""
        ...

    def is_pinned(self, array: Array) -> bool:
        """Return whether a host array lies in pinned memory, this driver's or another's."""
        ...

    def home_of(self, address: int) -> int:
        """Return the number of the device whose memory an address is in."""
        ...

    def load(self, cubin: bytes) -> Module:
        """Load compiled code."""
        ...

    def launch(self, function: Any, blocks: Size, threads: Size, arguments: Sequence[int]) -> None:
        """Run a kernel.

        Args:
            function: of a module; on the emulated device `function(blocks, threads, arguments)`.
            blocks: columns and rows of the grid.
            threads: columns and rows of each block.
            arguments: addresses and whole numbers.
        """
        ...

    def capture(self, run: Callable[[], None], keeps: Any = None) -> Graph:
        """Call `run`, which launches and copies; keep what it does instead of doing it.

        Args:
            run: what to capture.
            keeps: whose kernels it launches, kept as long as the graph.
        """
        ...


_DRIVERS: dict[int, Driver] = {}
_LOCK = threading.Lock()
_process = 0  # the process that uses the drivers


def emulated() -> int:
    """Return how many devices are emulated; 0 where they are real.

    Raises:
        ArgumentError: GRADC_CUDA is not `emulate` or `emulate:N`.
    """
    given = wanted_cuda()
    if not given:
        return 0
    kind, _, number = given.partition(":")
    count = number or "1"
    if kind != EMULATE or not count.isdigit() or int(count) == 0:
        raise ArgumentError(
            f"GRADC_CUDA={given!r} is not known", hint="GRADC_CUDA=emulate or GRADC_CUDA=emulate:2"
        )
    return int(count)


def device_count() -> int:
    """Return how many devices there are; 0 where there is no driver."""
    count = emulated()
    if count:
        return count
    from gradc.devices import cuda  # the driver is touched only where a device is asked for

    return cuda.device_count()


def missing() -> str:
    """Return why there is no device, or ""."""
    if emulated():
        return ""
    from gradc.devices import cuda

    return cuda.missing()


def driver(index: int = 0) -> Driver:
    """Return the driver of a device, started at first use.

    Raises:
        DeviceError: there is no such device, or this process was forked from one that used it.
    """
    found = _DRIVERS.get(index)
    if found is not None and os.getpid() == _process:
        return found
    return _start(index)


def started(index: int = 0) -> bool:
    """Return whether the device is in use already."""
    return index in _DRIVERS


def all_started() -> list[Driver]:
    """Return the drivers of all devices that are in use already."""
    return list(_DRIVERS.values())


def inherited() -> bool:
    """Return whether this process was forked from one that used a device."""
    return bool(_DRIVERS) and os.getpid() != _process


def gone() -> bool:
    """Return whether a device can't be spoken to: after a fork, or when the process ends."""
    return sys.is_finalizing() or inherited()


def _start(index: int) -> Driver:
    """Choose a driver and start it."""
    global _process  # the one place where the process is set
    with _LOCK:
        if inherited():
            raise DeviceError(
                "cuda: this process was forked from one that uses the device, which CUDA forbids",
                hint='multiprocessing.get_context("spawn")',
            )
        if index in _DRIVERS:
            return _DRIVERS[index]
        count = emulated()
        if not count:
            from gradc.devices import cuda

            made: Driver = cuda.start(index)
        else:
            from gradc.devices.emulated import EmulatedDriver

            if not 0 <= index < count:
                raise no_such_device(index, count)
            made = EmulatedDriver(index)
        _process = os.getpid()
        _DRIVERS[index] = made
        return made
