"""Move a module's parameters and buffers to another dtype or device, in place."""

# The files of this room share Module's tables.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, cast

from gradc.errors import ArgumentTypeError, DTypeError
from gradc.ir.dtype import DType, bfloat16, float16, float32, float64
from gradc.tensor import Tensor, epoch, no_grad

if TYPE_CHECKING:
    from gradc.nn.module import Module


class Conversion:
    """The part of Module that changes dtypes and devices."""

    def to(
        self,
        *args: Any,
        device: Any = None,
        dtype: DType | None = None,
        non_blocking: bool = False,
    ) -> Self:
        """Change the dtype of floating parameters and buffers, and the device of all.

        Called as `to(device)`, `to(dtype)`, `to(device, dtype)` or `to(tensor)`.

        Args:
            args: a device, a floating dtype, both, or a tensor that has the ones wanted.
            device: where to.
            dtype: a floating dtype.
            non_blocking: whether copies to a device may be made after this returns.

        Returns:
            The module itself.
        """
        for given in args:
            if isinstance(given, Tensor):
                device, dtype = given.device, given.dtype
            elif isinstance(given, DType):
                dtype = given
            elif isinstance(given, bool):
                non_blocking = given
            elif given is not None:
                device = given
        kind = cast("object", dtype)
        if not (kind is None or isinstance(kind, DType)):
            raise ArgumentTypeError(f"Module.to: dtype must be a dtype, got {type(kind).__name__}")
        if dtype is not None and not dtype.is_floating_point:
            raise DTypeError(
                f"Module.to: expected a floating dtype, got {dtype}: parameters have fractions"
            )

        def convert(tensor: Tensor) -> Tensor:
            moved = tensor if device is None else tensor.to(device, non_blocking=non_blocking)
            floating = tensor.dtype.is_floating_point
            return moved.to(dtype) if dtype is not None and floating else moved

        return self._convert(convert)

    def float(self) -> Self:
        """Make floating parameters and buffers float32."""
        return self.to(dtype=float32)

    def double(self) -> Self:
        """Make floating parameters and buffers float64."""
        return self.to(dtype=float64)

    def half(self) -> Self:
        """Raise: gradc stores no float16."""
        raise float16.not_stored()

    def bfloat16(self) -> Self:
        """Raise: gradc stores no bfloat16."""
        raise bfloat16.not_stored()

    def cpu(self) -> Self:
        """Move parameters and buffers to the CPU."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> Self:
        """Move parameters and buffers to a CUDA device, the current one where none is given."""
        return self.to("cuda" if device is None else device)

    def _convert(self, convert: Callable[[Tensor], Tensor]) -> Self:
        """Give every parameter, gradient and buffer its converted value."""
        module = cast("Module", self)
        with no_grad():
            for part in module.modules():
                for parameter in part._parameters.values():
                    if parameter is None:
                        continue
                    parameter.data = convert(parameter.data)
                    if parameter.grad is not None:
                        parameter.grad = convert(parameter.grad.detach())
                for name, buffer in part._buffers.items():
                    if buffer is not None:
                        part._buffers[name] = convert(buffer)
        epoch.bump()
        return self
