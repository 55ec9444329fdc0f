"""The CUDA devices of this machine: how many, what they are, which is the current one."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any

from gradc.devices import driver as drivers
from gradc.devices.driver import Driver
from gradc.errors import ArgumentError
from gradc.tensor import Tensor
from gradc.tensor.device import Device, check_device
from gradc.tensor.state import STATE


@dataclass(frozen=True, slots=True)
class DeviceProperties:
    """What a device is.

    Attributes:
        name: what it calls itself.
        major, minor: its compute capability.
        total_memory: in bytes.
        multi_processor_count: how many multiprocessors it has.
    """

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int


def number_of(name: str, device: Any) -> int:
    """Return the number of a device.

    Args:
        name: of the function, for messages.
        device: a number, a Device, a string, or None for the current one.
    """
    if device is None:
        return STATE.cuda_index
    found: Device = check_device(name, device)
    if found.index is None:
        raise ArgumentError(f"{name}: expected a CUDA device, got {found}", hint='device="cuda"')
    return found.index


def driver_of(name: str, device: Any) -> Driver:
    """Return the driver of a device; arguments as for `number_of`."""
    return drivers.driver(number_of(name, device))


def is_available() -> bool:
    """Return whether there is a CUDA device, real or emulated (GRADC_CUDA=emulate).

    Example:
        >>> import gradc
        >>> device = "cuda" if gradc.cuda.is_available() else "cpu"
    """
    return drivers.device_count() > 0


def device_count() -> int:
    """Return how many CUDA devices there are; 0 without a driver."""
    return drivers.device_count()


def is_initialized() -> bool:
    """Return whether a device is in use already: it starts when it is first used."""
    return any(drivers.started(i) for i in range(drivers.device_count()))


def current_device() -> int:
    """Return the number of the device that "cuda" stands for, in this thread."""
    return STATE.cuda_index


def set_device(device: Any) -> None:
    """Make a device the one that "cuda" stands for, in this thread.

    Args:
        device: a number, a Device or a string.

    Raises:
        DeviceError: it is not there.
    """
    STATE.cuda_index = number_of("cuda.set_device", device)


class device:
    """Make a device the current one for the length of a block.

    Args:
        device: a number, a Device or a string; None changes nothing.
    """

    def __init__(self, device: Any) -> None:
        self._wanted = number_of("cuda.device", device)
        self._before: list[int] = []

    def __enter__(self) -> None:
        self._before.append(STATE.cuda_index)
        STATE.cuda_index = self._wanted

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        STATE.cuda_index = self._before.pop()


def get_device_name(device: Any = None) -> str:
    """Return what a device calls itself."""
    return driver_of("cuda.get_device_name", device).name


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """Return the compute capability of a device, such as (9, 0)."""
    return driver_of("cuda.get_device_capability", device).compute_capability


def get_device_properties(device: Any = None) -> DeviceProperties:
    """Return name, compute capability, memory and multiprocessors of a device."""
    of = driver_of("cuda.get_device_properties", device)
    major, minor = of.compute_capability
    return DeviceProperties(of.name, major, minor, of.memory_info()[1], of.multiprocessors)


def synchronize(device: Any = None) -> None:
    """Wait until all work given to a device is done, the current one where none is given."""
    driver_of("cuda.synchronize", device).synchronize()


class device_of(device):
    """Make the device of a tensor the current one for the length of a block.

    Args:
        obj: a tensor; one on the CPU changes nothing.
    """

    def __init__(self, obj: Tensor) -> None:
        super().__init__(obj.get_device() if obj.is_cuda else None)


def init() -> None:
    """Start the current device, which otherwise starts when it is first used."""
    driver_of("cuda.init", None)


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Return whether products of bfloat16 numbers run on tensor cores.

    Args:
        including_emulation: whether other devices count too: they round in float32.
    """
    major, _ = driver_of("cuda.is_bf16_supported", None).compute_capability
    return including_emulation or major >= 8
