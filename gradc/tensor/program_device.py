"""The one device that a traced program is for: that of the tensors which the trace meets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gradc.errors import UnsupportedError
from gradc.tensor.core import shape_of
from gradc.tensor.device import CPU, Device
from gradc.tensor.moving import device_of, devices_differ

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


class ProgramDevice:
    """Types in a graph don't tell the device; this does, for the whole of it.

    Attributes:
        device: the CPU until a tensor or the user says otherwise.
        name_of: returns what the user calls a concrete tensor, or "", for messages.
    """

    def __init__(self) -> None:
        self.device = CPU
        self.name_of: Callable[[Tensor], str] = lambda tensor: ""
        self._settled = False
        self._first: tuple[Tensor, str] | None = None  # that told the device

    def settle(self, device: Device) -> None:
        """Let the program be for a device that the user names.

        Raises:
            UnsupportedError: it is for another.
        """
        if not self._settled:
            self.device, self._settled = device, True
        elif device != self.device:
            raise UnsupportedError(
                f"compile: the function runs on {self.device}, a tensor inside it can't be on "
                f"{device}",
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
            raise devices_differ("compile", known, self._called(tensor, name))
        self.settle(device)
        if self._first is None:
            self._first = tensor, name

    def _called(self, tensor: Tensor, name: str) -> tuple[str, Tensor]:
        """Return a concrete tensor with the user's name for it."""
        return name or self.name_of(tensor) or "a tensor from outside", tensor
