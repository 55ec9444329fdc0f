"""Memory that a device has given out, and the errors when it has none left."""

from __future__ import annotations

import threading

from gradc.errors import DeviceError, OutOfMemoryError


class Statistics:
    """Memory that one device has given out, in bytes.

    Attributes:
        allocated: in use.
        peak: the most that was ever in use.
        live: how many pieces are in use.
        made: how many were ever given out.
    """

    __slots__ = ("_lock", "allocated", "live", "made", "peak")

    def __init__(self) -> None:
        self.allocated = self.peak = self.live = self.made = 0
        self._lock = threading.Lock()

    def given(self, nbytes: int) -> None:
        """Count one allocation."""
        with self._lock:
            self.allocated += nbytes
            self.peak = max(self.peak, self.allocated)
            self.live += 1
            self.made += 1

    def returned(self, nbytes: int) -> None:
        """Count one piece given back."""
        with self._lock:
            self.allocated -= nbytes
            self.live -= 1

    def reset_peak(self) -> None:
        """Count the peak from now on."""
        with self._lock:
            self.peak = self.allocated


def no_such_device(index: int, count: int) -> DeviceError:
    """Return the error for a device number out of range."""
    last = "cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
    return DeviceError(f"cuda: there is no device cuda:{index}; there is {last}", hint="cuda:0")


def out_of_memory(nbytes: int, index: int, free: int, total: int, held: int) -> OutOfMemoryError:
    """Return the error that says what was asked and what is free."""
    return OutOfMemoryError(
        f"cuda: out of memory on cuda:{index}: asked for {memory_text(nbytes)}, "
        f"{memory_text(free)} of {memory_text(total)} are free, gradc holds "
        f"{memory_text(held)}",
        hint="a smaller batch, or del tensors that are not needed any more",
    )


def memory_text(nbytes: int) -> str:
    """Write a number of bytes: `512 B`, `1.50 MiB`."""
    value = float(nbytes)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{nbytes} B" if unit == "B" else f"{value:.2f} {unit}"
        value /= 1024
    return f"{value:.2f} GiB"
