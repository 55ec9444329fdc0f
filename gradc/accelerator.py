"""PyTorch's `torch.accelerator` names: the CUDA devices, where there are any."""

from __future__ import annotations

from typing import Any

from gradc.cuda.devices import current_device as current_device_index
from gradc.cuda.devices import device as device_index
from gradc.cuda.devices import device_count, is_available, synchronize
from gradc.cuda.devices import set_device as set_device_index
from gradc.cuda.memory import (
    empty_cache,
    max_memory_allocated,
    max_memory_reserved,
    memory_allocated,
    memory_reserved,
    memory_stats,
    reset_peak_memory_stats,
)
from gradc.cuda.memory import mem_get_info as get_memory_info
from gradc.cuda.streams import current_stream, set_stream
from gradc.tensor.device import Device

__all__ = [
    "current_accelerator",
    "current_device_index",
    "current_stream",
    "device_count",
    "device_index",
    "empty_cache",
    "get_memory_info",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_peak_memory_stats",
    "set_device_index",
    "set_stream",
    "synchronize",
]


def current_accelerator(check_available: bool = False) -> Any:
    """Return the kind of device that computes faster than the CPU, or None.

    Args:
        check_available: accepted for PyTorch's sake: only what is there is returned.

    Example:
        >>> import gradc
        >>> found = gradc.accelerator.current_accelerator()
        >>> device = found.type if found is not None else "cpu"
    """
    return Device("cuda") if is_available() else None
