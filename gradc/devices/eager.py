"""The hook by which each operation on device arrays runs: the room of compiled programs sets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradc.devices.array import DeviceArray
from gradc.errors import UnsupportedError
from gradc.ir.primitive import Primitive

Result = DeviceArray | tuple[DeviceArray, ...]
Run = Callable[[Primitive, tuple[DeviceArray, ...], Mapping[str, Any]], Result]


def _nothing(
    primitive: Primitive, operands: tuple[DeviceArray, ...], params: Mapping[str, Any]
) -> Result:
    """Stand in until the room of compiled programs is loaded."""
    raise UnsupportedError(f"{primitive.name}: nothing runs operations on a device yet")


class _Hook:
    """Who runs operations on device arrays."""

    __slots__ = ("run",)

    def __init__(self) -> None:
        self.run: Run = _nothing


EAGER = _Hook()


def set_eager(run: Run) -> Run:
    """Let `run` do all operations on device arrays from now on; return who did them before."""
    before, EAGER.run = EAGER.run, run
    return before
