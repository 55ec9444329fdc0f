"""How much of a device's memory is in use."""

from __future__ import annotations

from typing import Any

from gradc.cuda.devices import driver_of
from gradc.devices.repeated import forget_numbers


def memory_allocated(device: Any = None) -> int:
    """Return the bytes that tensors and compiled programs hold on a device."""
    return driver_of("cuda.memory_allocated", device).statistics.allocated


def max_memory_allocated(device: Any = None) -> int:
    """Return the most bytes that they held, since the start or the last reset."""
    return driver_of("cuda.max_memory_allocated", device).statistics.peak


def reset_peak_memory_stats(device: Any = None) -> None:
    """Count `max_memory_allocated` from now on."""
    driver_of("cuda.reset_peak_memory_stats", device).statistics.reset_peak()


def memory_reserved(device: Any = None) -> int:
    """Return the bytes that the driver holds for this process, in use or kept for later."""
    return driver_of("cuda.memory_reserved", device).reserved()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Return the bytes that are free on a device, those kept for later included, and all."""
    return driver_of("cuda.mem_get_info", device).memory_info()


def empty_cache() -> None:
    """Give memory of the current device that is kept for later back to the system."""
    forget_numbers()
    driver_of("cuda.empty_cache", None).release()
