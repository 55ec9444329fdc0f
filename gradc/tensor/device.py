"""Where tensors live: the CPU, for now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradc.errors import ArgumentTypeError, DeviceError


@dataclass(frozen=True, slots=True)
class Device:
    """A device, such as `gradc.device("cpu")`.

    Args:
        type: `cpu` or `cuda`.
        index: number of the device, or None for the current one.
    """

    type: str
    index: int | None = None

    def __post_init__(self) -> None:
        kind, colon, number = self.type.partition(":")
        if kind not in ("cpu", "cuda", "meta", "mps", "xpu") or (colon and not number.isdigit()):
            raise DeviceError(f"device: invalid device string {self.type!r}", hint='device("cpu")')
        if colon:
            object.__setattr__(self, "type", kind)
            object.__setattr__(self, "index", int(number))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"


CPU = Device("cpu")


def check_device(name: str, given: Any) -> Device:
    """Return the device asked for; only the CPU is there."""
    if given is None:
        return CPU
    if isinstance(given, str):
        given = Device(given)
    if not isinstance(given, Device):
        raise ArgumentTypeError(
            f"{name}: device must be a device or a string, got {type(given).__name__}"
        )
    if given.type != "cpu":
        raise DeviceError(
            f"{name}: device {str(given)!r} is not available: tensors live on the CPU",
            hint='device="cpu"',
        )
    return CPU
