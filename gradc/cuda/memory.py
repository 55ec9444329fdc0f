"""How much of a device's memory is in use."""

from __future__ import annotations

from typing import Any

from gradc.cuda.devices import driver_of
from gradc.devices.repeated import forget_numbers
from gradc.devices.statistics import memory_text


def memory_allocated(device: Any = None) -> int:
    """Return the bytes that tensors and compiled programs hold on a device."""
    return driver_of("cuda.memory_allocated", device).statistics.allocated


def max_memory_allocated(device: Any = None) -> int:
    """Return the most bytes that they held, since the start or the last reset."""
    return driver_of("cuda.max_memory_allocated", device).statistics.peak


def reset_peak_memory_stats(device: Any = None) -> None:
    """Count `max_memory_allocated` and `max_memory_reserved` from now on."""
    of = driver_of("cuda.reset_peak_memory_stats", device)
    of.statistics.reset_peak()
    of.reset_reserved()


def memory_reserved(device: Any = None) -> int:
    """Return the bytes that the driver holds for this process, in use or kept for later."""
    return driver_of("cuda.memory_reserved", device).reserved()


def max_memory_reserved(device: Any = None) -> int:
    """Return the most bytes that the driver held, since the start or the last reset."""
    return driver_of("cuda.max_memory_reserved", device).reserved(most=True)


def memory_stats(device: Any = None) -> dict[str, int]:
    """Return what is known of a device's memory, by PyTorch's keys.

    Example:
        >>> import gradc
        >>> if gradc.cuda.is_available():
        ...     used = gradc.cuda.memory_stats()["allocated_bytes.all.current"]
    """
    of = driver_of("cuda.memory_stats", device)
    counted = of.statistics
    return {
        "allocated_bytes.all.current": counted.allocated,
        "allocated_bytes.all.peak": counted.peak,
        "allocation.all.allocated": counted.made,
        "allocation.all.current": counted.live,
        "allocation.all.freed": counted.made - counted.live,
        "reserved_bytes.all.current": of.reserved(),
        "reserved_bytes.all.peak": of.reserved(most=True),
    }


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """Return a table of what is in use, what the driver holds, and what is free.

    Args:
        device: which; the current one where not given.
        abbreviated: accepted for PyTorch's sake: the table is short.
    """
    of = driver_of("cuda.memory_summary", device)
    counted, (free, total) = of.statistics, of.memory_info()
    rows = [
        ("in use", counted.allocated, counted.peak),
        ("held from the system", of.reserved(), of.reserved(most=True)),
    ]
    lines = [f"memory of cuda:{of.index}, {of.name}", f"{'':22}{'now':>12}{'most':>12}"]
    lines += [f"{name:22}{memory_text(n):>12}{memory_text(most):>12}" for name, n, most in rows]
    lines.append(f"{'free':22}{memory_text(free):>12} of {memory_text(total)}")
    lines.append(f"{'arrays':22}{counted.live:>12} of {counted.made} that were ever made")
    return "\n".join(lines)


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Return the bytes that are free on a device, those kept for later included, and all."""
    return driver_of("cuda.mem_get_info", device).memory_info()


def empty_cache() -> None:
    """Give memory of the current device that is kept for later back to the system."""
    forget_numbers()
    driver_of("cuda.empty_cache", None).release()
