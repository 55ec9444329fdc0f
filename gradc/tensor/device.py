"""The name of a place where tensors live: `cpu`, or `cuda:0` and its kin."""

from __future__ import annotations

from typing import Any

from gradc.devices.driver import driver
from gradc.errors import ArgumentTypeError, DeviceError
from gradc.tensor.state import STATE


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
    """Return the device asked for, with its number; by default the CPU.

    Inside a compiled function all tensors are on the device of the function.

    Args:
        name: of the operation, for messages.
        given: a Device, a string, the number of a CUDA device, or None.

    Raises:
        DeviceError: it is not there.
    """
    trace = STATE.trace
    if given is None:
        return CPU if trace is None else trace.device
    found = CPU if given is CPU or given == "cpu" else _found(name, given)
    if trace is not None:
        trace.run_on(found)
    return found


def _found(name: str, given: Any) -> Device:
    if isinstance(given, int) and not isinstance(given, bool):
        given = Device("cuda", given)
    if isinstance(given, str):
        given = Device(given)
    if not isinstance(given, Device):
        raise ArgumentTypeError(
            f"{name}: device must be a device or a string, got {type(given).__name__}"
        )
    if given.type == "cpu":
        return CPU
    if given.type != "cuda":
        raise DeviceError(
            f"{name}: device {str(given)!r} is not available: tensors live on the CPU or on CUDA "
            "devices",
            hint='device="cpu"',
        )
    return cuda_device(STATE.cuda_index if given.index is None else given.index)


def cuda_device(index: int) -> Device:
    """Return a CUDA device, started at first use."""
    driver(index)
    return Device("cuda", index)
