"""The CUDA driver of this machine."""

from __future__ import annotations

from gradc.device.driver import Driver
from gradc.errors import DeviceError


def missing() -> str:
    """Return why there is no device, or ""."""
    return "this version has no CUDA driver yet"


def device_count() -> int:
    """Return how many devices there are."""
    return 0


def start(index: int) -> Driver:
    """Start a device."""
    raise DeviceError(
        f"device 'cuda:{index}' is not available: {missing()}",
        hint='device="cpu", or GRADC_CUDA=emulate to run without a GPU, slowly',
    )
