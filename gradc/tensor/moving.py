"""From device to device: a tensor -> a copy elsewhere, whose gradient comes back."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gradc.devices.array import send, upload
from gradc.devices.driver import Event, driver
from gradc.errors import DeviceError
from gradc.ir.builder import Builder
from gradc.tensor.core import brief, is_tensor, read, resolve, shape_of, type_text, wrap
from gradc.tensor.device import CPU, Device
from gradc.tensor.edges import edge_of
from gradc.tensor.expressions import default_names, operand_names
from gradc.tensor.kinds import is_array
from gradc.tensor.mark import Mark, mark
from gradc.tensor.node import Edge, Node, TapeOperands
from gradc.tensor.on_device import place_at
from gradc.tensor.place import Place
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def device_of(x: Tensor) -> Device:
    """Return where a tensor is; a traced one is on the device of the compiled function."""
    place = x._storage.place
    return CPU if place is None else place.device


def transfer(content: Any, device: Device, non_blocking: bool = False) -> Any:
    """Return a copy of an array on a device.

    Args:
        content: an ndarray or a DeviceArray.
        device: where to.
        non_blocking: whether the copy of an ndarray to a device may be made after this returns.
    """
    array = content if is_array(content) else content.numpy()
    if device == CPU:
        return array
    index = device.index or 0
    if not (non_blocking and driver(index).is_pinned(array)):
        return upload(array, index)
    made, copied = send(array, index)
    with _LOCK:
        _COPYING[:] = [(a, e) for a, e in _COPYING if not e.reached()]
        _COPYING.append((array, copied))
    return made


# Arrays that devices are copying from, and the points at which they have: they must live so long.
_COPYING: list[tuple[Any, Event]] = []
_LOCK = threading.Lock()


def move(x: Tensor, device: Device, non_blocking: bool = False) -> Tensor:
    """Return a tensor on a device, itself where it is there."""
    of = resolve(x)
    here = device_of(of)
    if here == device or STATE.trace is not None:
        return x
    out = wrap(transfer(read(of), device, non_blocking), place_at(device))
    if STATE.grad and (edge := edge_of(of)) is not None:
        out._node = ToCopyBackward0(edge, of, here, device, mark())
    if STATE.inference:
        out._inference = True
    return out


class ToCopyBackward0(Node):
    """The identity from one device to another."""

    __slots__ = ("back", "forth")

    def __init__(
        self, edge: Edge, of: Tensor, back: Device, forth: Device, where: Mark | None
    ) -> None:
        Node.__init__(self, (edge,), (brief(of),), where)
        self.back, self.forth = back, forth

    def pull(
        self, b: Builder, cotangents: tuple[Any, ...], needed: Sequence[bool]
    ) -> Sequence[Any | None]:
        """Bring the gradient back."""
        return [_carried(b, cotangents[0], self.back)]

    def push(self, b: Builder, tangents: tuple[Any, ...]) -> Sequence[Any | None]:
        """Take the tangent along."""
        return [None if t is None else _carried(b, t, self.forth) for t in tangents]


def _carried(b: Builder, gradient: Any, device: Device) -> Any:
    if isinstance(b, TapeOperands):
        return move(gradient, device)
    return transfer(gradient, device)


def beside(x: Tensor, like: Tensor) -> Tensor:
    """Return a tensor on the device of another."""
    return move(x, device_of(like))


def gathered(name: str, operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return operands with 0-d tensors on the CPU copied to the device of the others.

    Args:
        name: of the operation, for messages.
        operands: tensors, and numbers, which are returned as they are.

    Raises:
        DeviceError: the others are on different devices.
    """
    tensors = [x for x in operands if is_tensor(x)]
    places = [resolve(x)._storage.place for x in tensors]
    place = next((p for p in places if p is not None), None)
    if place is None or all(p is place for p in places):
        return operands
    for x, p in zip(tensors, places, strict=True):
        if p is not place and (p is not None or shape_of(x)):
            raise mixed(name, operands, place)
    return tuple([move(x, place.device) if is_tensor(x) else x for x in operands])


def check_beside(name: str, **tensors: Tensor | None) -> None:
    """Raise unless tensors, given with their names, are on the device of the first; eager only.

    Numbers on the CPU may mix. A trace compares devices as it meets tensors.
    """
    if STATE.trace is not None:
        return
    given = [(argument, x) for argument, x in tensors.items() if x is not None]
    for argument, x in given[1:]:
        elsewhere = x._storage.place is not given[0][1]._storage.place
        if elsewhere and (x._storage.place is not None or shape_of(x)):
            raise devices_differ(name, given[0], (argument, x))


def mixed(name: str, operands: tuple[Any, ...], place: Place) -> DeviceError:
    """Return the error for operands on different devices."""
    names = operand_names(name, len(operands))
    if any(n.isdigit() for n in names):  # a public function whose arguments have another order
        names = default_names(len(operands))
    given = [(n, x) for n, x in zip(names, operands, strict=True) if is_tensor(x)]
    one, x = next((n, x) for n, x in given if x._storage.place is place)
    other, y = next(
        (n, x)
        for n, x in given
        if x._storage.place is not place and (x._storage.place is not None or shape_of(x))
    )
    return devices_differ(name, (one, x), (other, y))


NAMELESS = "a tensor from outside"
TO = "t.to(device) for one of the tensors"


def _bracketed(name: str) -> str:
    """Return a name or expression so that a method can be called on it."""
    return f"({name})" if " " in name and not name.endswith(")") else name


def devices_differ(name: str, one: tuple[str, Tensor], other: tuple[str, Tensor]) -> DeviceError:
    """Return the error for two tensors, given with their names, on different devices."""
    (m, x), (n, y) = one, other
    return DeviceError(
        f"{name}: Expected all tensors to be on the same device, but {m} {type_text(x)} is on "
        f"{device_of(x)} and {n} {type_text(y)} is on {device_of(y)}",
        hint=f"{_bracketed(n)}.to({_bracketed(m)}.device)" if NAMELESS not in (m, n) else TO,
    )
