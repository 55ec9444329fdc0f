"""The one device that a traced program is for: that of the tensors which the trace meets."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

from gradc.errors import UnsupportedError
from gradc.origin import PACKAGE
from gradc.tensor.core import shape_of
from gradc.tensor.device import CPU, Device, get_default_device
from gradc.tensor.moving import NAMELESS, device_of, devices_differ
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


class ProgramDevice:
    """Types in a graph don't tell the device; this does, for the whole of it.

    Args:
        caller: what traces, for messages.

    Attributes:
        device: the CPU until a tensor or the user says otherwise.
        by_default: whether it depends on the thread's default device.
        name_of: returns what the user calls a concrete tensor, or "", for messages.
    """

    def __init__(self, caller: str) -> None:
        self.caller = caller
        self.device = CPU
        self.by_default = False
        self.name_of: Callable[[Tensor], str] = variable_of
        self._settled = False
        self._first: tuple[Tensor, str] | None = None  # that told the device

    def otherwise(self) -> Device:
        """Return where a tensor is made inside that names no device: where the program is.

        A program that has met no tensor yet is for the thread's default device.
        """
        if not self._settled:
            self.by_default = True
            if STATE.default_device is not None:
                self.settle(get_default_device())
        return self.device

    def settle(self, device: Device) -> None:
        """Let the program be for a device that the user names.

        Raises:
            UnsupportedError: it is for another.
        """
        if not self._settled:
            self.device, self._settled = device, True
        elif device != self.device:
            raise UnsupportedError(
                f"{self.caller}: the function runs on {self.device}, a tensor inside it can't be "
                f"on {device}",
                hint="move tensors before the call and its results after it",
            )

    def meet(self, tensor: Tensor, name: str) -> None:
        """Let the program be for the device of a concrete tensor; numbers on the CPU may mix.

        Args:
            tensor: around the function, or an argument.
            name: what the user calls it, or "".

        Raises:
            DeviceError: it has met a tensor on another.
        """
        device = device_of(tensor)
        if device == CPU and not shape_of(tensor):
            return
        if self._first is not None and device != self.device:
            known = self._called(*self._first)
            raise devices_differ(self.caller, known, self._called(tensor, name))
        self.settle(device)
        if self._first is None:
            self._first = tensor, name

    def _called(self, tensor: Tensor, name: str) -> tuple[str, Tensor]:
        """Return a concrete tensor with the user's name for it."""
        return name or self.name_of(tensor) or NAMELESS, tensor


def variable_of(tensor: Tensor) -> str:
    """Return the user's variable that is a tensor, in the innermost function that has one."""
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage] # no public way
    while frame is not None:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            for variables in (frame.f_locals, frame.f_globals):
                for name, value in variables.items():
                    if value is tensor:
                        return name
        frame = frame.f_back
    return ""
