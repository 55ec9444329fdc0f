"""Streams, in which a device does its work in order, and events, which are points in them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from gradc.cuda.devices import driver_of
from gradc.devices import driver as drivers
from gradc.devices.driver import Driver
from gradc.errors import ArgumentError, UnsupportedError


class Stream:
    """A queue of work of one device; it and the default stream wait for each other.

    There are 32 for each device, given out in turn.

    Args:
        device: whose; the current one where not given.
        priority: must be 0.

    Attributes:
        device_index: the number of the device.
        cuda_stream: CUDA's handle, 0 for the default stream.
    """

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        if priority != 0:
            raise UnsupportedError(f"cuda.Stream: priority={priority} is not supported")
        of = driver_of("cuda.Stream", device)
        self.device_index = of.index
        self.cuda_stream = of.new_stream()

    @property
    def driver(self) -> Driver:
        """The driver of its device."""
        return drivers.driver(self.device_index)

    def synchronize(self) -> None:
        """Wait until all its work is done."""
        with stream(self):
            self.driver.wait()

    def query(self) -> bool:
        """Return whether all its work is done."""
        with stream(self):
            return self.driver.idle()

    def record_event(self, event: Event | None = None) -> Event:
        """Set an event, a new one where none is given, after its work so far; return it."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Go on only once an event is reached."""
        event.wait(self)

    def wait_stream(self, stream: Stream) -> None:
        """Go on only once the work that another stream has so far is done."""
        self.wait_event(stream.record_event())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Stream):
            return False
        mine = (self.device_index, self.cuda_stream)
        return mine == (other.device_index, other.cuda_stream)

    def __hash__(self) -> int:
        return hash((self.device_index, self.cuda_stream))

    def __repr__(self) -> str:
        return f"<gradc.cuda.Stream device=cuda:{self.device_index} cuda_stream={self.cuda_stream}>"


class Event:
    """A point in the work of a stream.

    Args:
        enable_timing: whether `elapsed_time` is wanted.
        blocking: accepted for PyTorch's sake.
        interprocess: must be False.
    """

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> None:
        if interprocess:
            raise UnsupportedError("cuda.Event: interprocess=True is not supported")
        self._timed = enable_timing
        self._event: drivers.Event | None = None
        self._index = -1

    def record(self, stream: Stream | None = None) -> None:
        """Set the point after all work given to a stream so far, the current one by default."""
        where = current_stream() if stream is None else stream
        if self._event is None:
            self._event, self._index = where.driver.event(), where.device_index
        elif self._index != where.device_index:
            raise ArgumentError(
                f"cuda.Event.record: the event belongs to cuda:{self._index}, the stream to "
                f"cuda:{where.device_index}",
                hint="another event, gradc.cuda.Event()",
            )
        with on(where):
            self._event.record()

    def wait(self, stream: Stream | None = None) -> None:
        """Let a stream, the current one by default, go on only once the point is reached."""
        if self._event is None:
            return
        waiting = current_stream() if stream is None else stream
        with on(waiting):
            self._event.wait(waiting.driver)

    def synchronize(self) -> None:
        """Wait until the point is reached."""
        if self._event is not None:
            self._event.synchronize()

    def query(self) -> bool:
        """Return whether the point is reached; an event that was never recorded is."""
        return self._event is None or self._event.reached()

    def elapsed_time(self, end_event: Event) -> float:
        """Return the milliseconds that the device took from this point to a later one."""
        if not (self._timed and end_event._timed):
            raise ArgumentError(
                "cuda.Event.elapsed_time: both events must be created with argument "
                "'enable_timing=True'."
            )
        if self._event is None or end_event._event is None:
            raise ArgumentError(
                "cuda.Event.elapsed_time: both events must be recorded before calculating elapsed "
                "time."
            )
        return end_event._event.milliseconds_since(self._event)


def current_stream(device: Any = None) -> Stream:
    """Return the stream that a device works in now, in this thread."""
    of = driver_of("cuda.current_stream", device)
    return _stream(of, of.stream)


def default_stream(device: Any = None) -> Stream:
    """Return the stream that a device works in by default: CUDA's legacy default stream."""
    return _stream(driver_of("cuda.default_stream", device), 0)


def _stream(of: Driver, handle: int) -> Stream:
    found = object.__new__(Stream)
    found.device_index, found.cuda_stream = of.index, handle
    return found


def set_stream(stream: Stream) -> None:
    """Make a stream the current one of its device, in this thread."""
    stream.driver.use_stream(stream.cuda_stream)


@contextmanager
def on(stream: Stream) -> Generator[None]:
    """Make a stream the current one of its device for the length of a block."""
    before = stream.driver.stream
    stream.driver.use_stream(stream.cuda_stream)
    try:
        yield
    finally:
        stream.driver.use_stream(before)


@contextmanager
def stream(stream: Stream | None) -> Generator[None]:
    """Make a stream the current one for the length of a block; None changes nothing."""
    if stream is None:
        yield
        return
    with on(stream):
        yield
