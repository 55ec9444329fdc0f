"""The name of a place where tensors live: `cpu`, or `cuda:0` and its kin."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from gradc.devices.driver import driver
from gradc.errors import ArgumentTypeError, DeviceError
from gradc.tensor.state import STATE


class Device:
    """A device, such as `gradc.device("cpu")`; equal to another of the same kind and number.

    In a `with` statement it is where tensors are made that name no device.

    Args:
        type: `cpu` or `cuda`, both in one as `cuda:1`, or the number of a CUDA device.
        index: number of the device, or None for the current one.

    Example:
        >>> import gradc
        >>> with gradc.device("cpu"):
        ...     gradc.zeros(2).device
        device(type='cpu')
    """

    __slots__ = ("index", "type")

    def __init__(self, type: str | int | Device, index: int | None = None) -> None:
        given = f"cuda:{type}" if isinstance(type, int) and not isinstance(type, bool) else type
        kind, colon, number = str(given).partition(":")
        if kind not in ("cpu", "cuda", "meta", "mps", "xpu") or (colon and not number.isdigit()):
            raise DeviceError(f"device: invalid device string {str(type)!r}", hint='device("cpu")')
        if colon and index is not None and not isinstance(type, Device):
            raise DeviceError(
                f"device: {str(given)!r} has a number already, index={index} is one too many",
                hint=f'device("{kind}", {index})',
            )
        if index is not None and index < 0:
            raise DeviceError(f"device: index must not be negative, got {index}", hint="index=0")
        self.type = kind
        self.index = int(number) if colon else index

    def __enter__(self) -> Self:
        before = STATE.default_device
        set_default_device(self)
        STATE.outer_devices = (*STATE.outer_devices, before)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        *outer, STATE.default_device = STATE.outer_devices
        STATE.outer_devices = tuple(outer)

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
    """Return the device asked for, with its number; by default that of `set_default_device`.

    Inside a compiled function all tensors are on the device of the function.

    Args:
        name: of the operation, for messages.
        given: a Device, a string, the number of a CUDA device, or None.

    Raises:
        DeviceError: it is not there.
    """
    trace = STATE.trace
    if given is None:
        return get_default_device() if trace is None else trace.target.otherwise()
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


def set_default_device(device: Any) -> None:
    """Set where this thread makes tensors that name no device; None: on the CPU.

    Args:
        device: a Device, a string, the number of a CUDA device, or None.

    Example:
        >>> import gradc
        >>> gradc.set_default_device("cpu")
        >>> gradc.ones(2).device
        device(type='cpu')
    """
    given: Any = "cpu" if device is None else device
    found = _found("set_default_device", given)
    if found == CPU:
        STATE.default_device = None
        return
    # one without a number is the current one of the time when a tensor is made
    STATE.default_device = Device("cuda") if Device(given).index is None else found


def get_default_device() -> Device:
    """Return where this thread makes tensors that name no device."""
    wanted = STATE.default_device
    return CPU if wanted is None else _found("get_default_device", wanted)
