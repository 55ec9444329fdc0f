"""A device in host memory that finds what a real one would not forgive, for tests without a GPU.

New and freed memory is filled with NaN, freed memory is kept for a while, and every piece has a
rim: so reading what was never written shows, and use after free and writes out of bounds raise.
"""

from __future__ import annotations

import ctypes
import threading
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from gradc.devices.driver import STREAMS, Array, Size, all_started
from gradc.devices.emulated_event import EmulatedEvent
from gradc.devices.statistics import Statistics, out_of_memory
from gradc.errors import DeviceError

ALIGNMENT = 256
RIM = 256  # bytes before and after each piece
RIM_BYTE, NAN_BYTE = 0xA5, 0xFF
PAGE = 4096  # nothing lies below
KEPT = 256  # freed pieces that are remembered
TOTAL = 8 << 30  # bytes that the device seems to have


@dataclass(slots=True)
class _Piece:
    """One allocation: `memory` holds a rim, the piece, a rim."""

    address: int
    nbytes: int
    memory: Array
    live: bool = True

    def part(self, begin: int, end: int) -> Array:
        """Return bytes by their distance from the piece's begin."""
        at = self.address - self.memory.__array_interface__["data"][0]
        return self.memory[at + begin : at + end]

    def sound(self) -> bool:
        """Return whether nothing was written around the piece."""
        before, after = self.part(-RIM, 0), self.part(self.nbytes, self.nbytes + RIM)
        return bool((before == RIM_BYTE).all() and (after == RIM_BYTE).all())


class _Thread(threading.local):
    """What each thread has for itself.

    Attributes:
        stream: the current one.
        captured: what is kept while capturing, else None.
        freed: addresses freed meanwhile.
    """

    def __init__(self) -> None:
        self.stream = 0
        self.captured: list[Callable[[], None]] | None = None
        self.freed: list[int] = []


class EmulatedDriver:
    """A device in host memory; everything runs at once, in the calling thread."""

    def __init__(self, index: int = 0) -> None:
        self.index = index
        self.name = "emulated CUDA device"
        self.emulated = True
        self.multiprocessors = 1
        self.compute_capability: tuple[int, int] = (9, 0)
        self.statistics = Statistics()
        self.total = TOTAL
        self.captures = 0
        self.launches = 0  # of captured graphs
        self._lock = threading.RLock()  # a freed array may interrupt an allocation
        self._pieces: dict[int, _Piece] = {}
        self._begins: list[int] = []
        self._freed: deque[int] = deque()
        self._streams = 0
        self._pinned: WeakValueDictionary[int, Array] = WeakValueDictionary()
        self._thread = _Thread()

    @property
    def stream(self) -> int:
        """The current stream of this thread."""
        return self._thread.stream

    def use_stream(self, stream: int) -> None:
        """Make another stream the current one."""
        self._thread.stream = stream

    def new_stream(self) -> int:
        """Return a number; all streams run at once."""
        with self._lock:
            self._streams += 1
            return (self._streams - 1) % STREAMS + 1

    def aside(self) -> AbstractContextManager[None]:
        """Change nothing: copies are done at once."""
        return nullcontext()

    def allocate(self, nbytes: int) -> int:
        """Return the address of NumPy memory full of NaN."""
        self._refuse("allocate memory")
        with self._lock:
            if self.statistics.allocated + nbytes > self.total:
                raise out_of_memory(
                    nbytes, self.index, *self.memory_info(), self.statistics.allocated
                )
            memory = np.empty(nbytes + 2 * RIM + ALIGNMENT, np.uint8)
            start = memory.__array_interface__["data"][0] + RIM
            piece = _Piece(-(-start // ALIGNMENT) * ALIGNMENT, nbytes, memory)
            memory[:] = RIM_BYTE
            piece.part(0, nbytes)[:] = NAN_BYTE
            self._pieces[piece.address] = piece
            insort(self._begins, piece.address)
            return piece.address

    def free(self, address: int) -> None:
        """Fill the memory with NaN and remember that it is gone."""
        if self._thread.captured is not None:
            self._thread.freed.append(address)
            return
        with self._lock:
            piece = self._pieces.get(address)
            if piece is None or not piece.live:
                raise DeviceError(f"emulated device: free of {address:#x}, which is not in use")
            piece.live = False
            if not piece.sound():
                raise DeviceError(
                    f"emulated device: something wrote around the {piece.nbytes} bytes at "
                    f"{address:#x}"
                )
            piece.part(0, piece.nbytes)[:] = NAN_BYTE
            self._freed.append(address)
            if len(self._freed) > KEPT:
                gone = self._freed.popleft()
                del self._pieces[gone]
                self._begins.remove(gone)

    def check(self, address: int, nbytes: int) -> None:
        """Raise unless the bytes lie in one piece in use, or in memory of somebody else."""
        with self._lock:
            at = bisect_right(self._begins, address + RIM) - 1
            piece = self._pieces[self._begins[at]] if at >= 0 else None
        if address < PAGE:
            raise DeviceError(f"emulated device: {address:#x} is no address")
        if piece is None or address >= piece.address + piece.nbytes + RIM:
            return
        if not piece.live:
            raise DeviceError(
                f"emulated device: use after free of {nbytes} bytes at {address:#x}, in the "
                f"{piece.nbytes} bytes at {piece.address:#x}"
            )
        if address < piece.address or address + nbytes > piece.address + piece.nbytes:
            raise DeviceError(
                f"emulated device: {nbytes} bytes at {address:#x} are out of bounds of the "
                f"{piece.nbytes} bytes at {piece.address:#x}"
            )

    def upload(self, to: int, source: Array, wait: bool = True) -> None:
        """Copy from a host array; without `wait` too, it is done on return."""
        self.check(to, source.nbytes)
        self.run(lambda: _move(to, source.__array_interface__["data"][0], source.nbytes))

    def download(self, to: Array, source: int) -> None:
        """Copy to a host array."""
        self.check(source, to.nbytes)
        self.run(lambda: _move(to.__array_interface__["data"][0], source, to.nbytes))

    def copy(self, to: int, source: int, nbytes: int) -> None:
        """Copy inside the device."""
        self.check(source, nbytes)
        self.check(to, nbytes)
        self.run(lambda: _move(to, source, nbytes))

    def fill(self, to: int, byte: int, nbytes: int) -> None:
        """Set every byte."""
        self.check(to, nbytes)
        self.run(lambda: _set(to, byte, nbytes))

    def synchronize(self) -> None:
        """Return at once: nothing is under way."""
        self._refuse("wait")

    def wait(self) -> None:
        """Return at once: nothing is under way."""
        self._refuse("wait")

    def idle(self) -> bool:
        """Return True: nothing is under way."""
        return True

    def event(self) -> EmulatedEvent:
        """Return a new event."""
        return EmulatedEvent()

    def memory_info(self) -> tuple[int, int]:
        """Return bytes free and bytes in all, as if the device had 8 GiB."""
        return self.total - self.statistics.allocated, self.total

    def reserved(self, most: bool = False) -> int:
        """Return the bytes in use: none are kept for later."""
        return self.statistics.peak if most else self.statistics.allocated

    def reset_reserved(self) -> None:
        """Do nothing: the most that were in use are counted by the statistics."""

    def release(self) -> None:
        """Keep nothing: freed memory is free."""

    def pinned(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return ordinary memory."""
        array = np.empty(shape, dtype)
        self._pinned[array.__array_interface__["data"][0]] = array
        return array

    def is_pinned(self, array: Array) -> bool:
        """Return whether the array begins where one begins that any device has pinned."""
        place = array.__array_interface__["data"][0]
        devices = [self, *all_started()]
        return any(isinstance(d, EmulatedDriver) and place in d._pinned for d in devices)

    def home_of(self, address: int) -> int:
        """Look among the memory of all devices; memory of somebody else counts as this one's."""
        others = [d for d in all_started() if isinstance(d, EmulatedDriver)]
        return next((d.index for d in others if d.holds(address)), self.index)

    def holds(self, address: int) -> bool:
        """Return whether an address lies in memory of this device that is in use."""
        with self._lock:
            at = bisect_right(self._begins, address) - 1
            piece = self._pieces[self._begins[at]] if at >= 0 else None
        return piece is not None and piece.live and address < piece.address + piece.nbytes

    def load(self, cubin: bytes) -> Any:
        """Refuse: kernels of an emulated device are jitted for the processor."""
        raise DeviceError(
            f"emulated device: can't run the {len(cubin)} bytes of a cubin", hint="GRADC_CUDA= "
        )

    def launch(self, function: Any, blocks: Size, threads: Size, arguments: Sequence[int]) -> None:
        """Call `function(blocks, threads, arguments)`; small arguments are no addresses."""
        given = tuple(arguments)
        for address in given:
            if address >= PAGE:
                self.check(address, 1)
        self.run(lambda: function(blocks, threads, given))

    def run(self, work: Callable[[], None]) -> None:
        """Do some work on the host's side of the device, or keep it while capturing."""
        if self._thread.captured is None:
            work()
        else:
            self._thread.captured.append(work)

    def capture(self, run: Callable[[], None], keeps: Any = None) -> EmulatedGraph:
        """Keep what `run` launches and copies."""
        self._refuse("capture")
        thread = self._thread
        thread.captured = []
        try:
            run()
            graph = EmulatedGraph(self, tuple(thread.captured))
        finally:
            thread.captured = None
            freed, thread.freed = thread.freed, []
            for address in freed:
                self.free(address)
        self.captures += 1
        return graph

    def _refuse(self, what: str) -> None:
        """Raise while capturing."""
        if self._thread.captured is not None:
            raise DeviceError(f"cuda: can't {what} while a graph is captured")


@dataclass(frozen=True, slots=True)
class EmulatedGraph:
    """What was captured, in its order."""

    driver: EmulatedDriver
    work: tuple[Callable[[], None], ...]

    def launch(self) -> None:
        """Do it all."""
        self.driver.launches += 1
        for work in self.work:
            work()


def _move(to: int, source: int, nbytes: int) -> None:
    """Copy bytes that may overlap."""
    ctypes.memmove(to, source, nbytes)


def _set(to: int, byte: int, nbytes: int) -> None:
    """Set bytes."""
    ctypes.memset(to, byte, nbytes)
