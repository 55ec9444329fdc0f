"""Where tensors live: the CPU, for now."""

from __future__ import annotations

from typing import Any

from gradc.errors import ArgumentTypeError, DeviceError


class Device:
    """A device, such as `gradc.device("cpu")`; equal to another of the same kind and number.

    Args:
        type: `cpu` or `cuda`, or both in one as `cuda:1`.
        index: number of the device, or None for the current one.
    """

    __slots__ = ("index", "type")

    def __init__(self, type: str | Device, index: int | None = None) -> None:
        kind, colon, number = str(type).partition(":")
        if kind not in ("cpu", "cuda", "meta", "mps", "xpu") or (colon and not number.isdigit()):
            raise DeviceError(f"device: invalid device string {str(type)!r}", hint='device("cpu")')
        self.type = kind
        self.index = int(number) if colon else index

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, Device)
        return same and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

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
