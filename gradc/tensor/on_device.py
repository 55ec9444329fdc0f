"""Operations on arrays in a device's memory, one by one: primitive, arrays -> new arrays.

Arrays on a device don't change while an operation can see them: in-place changes make new ones.
"""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from gradc.devices.array import DeviceArray, copy_into, upload
from gradc.devices.eager import EAGER
from gradc.devices.repeated import Repeated, number
from gradc.ir.builder import Builder
from gradc.ir.dtype import ALL, DType, from_numpy
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Primitive, lookup
from gradc.tensor.core import TensorCore, wrap
from gradc.tensor.device import CPU, Device
from gradc.tensor.kinds import is_tuple, several
from gradc.tensor.place import Place
from gradc.tensor.state import STATE
from gradc.tensor.storage import Storage

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

_BY_NUMPY = {d.numpy: d for d in ALL}


@dataclass(frozen=True, slots=True)
class Outline:
    """What a base tensor on a device keeps of its elements: it must not keep old memory alive."""

    shape: tuple[int, ...]


class OnDevice(Place):
    """One CUDA device, real or emulated."""

    traces = False

    def __init__(self, index: int) -> None:
        self.index = index
        self._device = Device("cuda", index)
        self._builder = DeviceBuilder(self)

    @property
    def device(self) -> Device:
        """The device."""
        return self._device

    @property
    def builder(self) -> DeviceBuilder:
        """Runs rules on arrays."""
        return self._builder

    def emit(self, primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Run a primitive at once; a reshaped array lies in the memory of the operand."""
        if primitive is RESHAPE:
            return values[0].reshape(params["shape"])
        if not values:
            params = {**params, "device": str(self._device)}
        elif any(v.size == 0 for v in values):
            return by_host(primitive, values, params)
        return EAGER.run(primitive, values, params)

    def view(self, primitive: Primitive, content: Any, params: dict[str, Any]) -> Any:
        """Apply a movement to an array that stays as it is as long as the view is read."""
        if primitive is BROADCAST and content.size and 0 not in params["shape"]:
            return Repeated(content, params["shape"])
        return self.emit(primitive, (content,), params)

    def number(self, value: Any, dtype: DType, shape: tuple[int, ...]) -> DeviceArray:
        """Return an array of one number, which takes no memory before somebody asks for it."""
        if shape and 0 not in shape:
            return Repeated(number(value, dtype.numpy, self.index), shape)
        params = {"shape": shape, "dtype": dtype, "value": value, "device": str(self._device)}
        made: Any = EAGER.run(FULL, (), params)
        return made

    def wrap(self, content: DeviceArray) -> Tensor:
        """Return a base tensor that owns an array."""
        tensor = object.__new__(TensorCore.public)
        tensor._storage = Storage(content, self)
        tensor._data = Outline(content.shape)
        tensor._dtype = _BY_NUMPY[content.dtype]
        return tensor

    def face(self, content: DeviceArray) -> Outline:
        """Return the shape."""
        return Outline(content.shape)

    def copy(self, content: DeviceArray) -> DeviceArray:
        """Return a copy: memory belongs to one storage, since compiled programs update it."""
        return content.copy()

    def written(self, old: DeviceArray, new: DeviceArray) -> DeviceArray:
        """Return the new array; memory that other libraries use too stays, with new elements."""
        if not old.memory.lent:
            return new
        copy_into(old, new)
        return old.reshape(old.shape)

    def apart(
        self, results: tuple[Any, ...], values: tuple[DeviceArray, ...]
    ) -> tuple[DeviceArray, ...]:
        """Return results in memory of their own."""
        taken = [v.memory for v in values]
        return tuple([r.copy() if r.memory in taken else r for r in results])

    def placing(self) -> Builder:
        """Return the builder that writes through views."""
        return self._builder

    def base_strides(self, storage: Storage) -> None:
        """Arrays on a device are contiguous."""


class DeviceBuilder(Builder):
    """Runs rules on arrays of one device; operands that were not saved are (shape, dtype)."""

    def __init__(self, place: OnDevice) -> None:
        self.place = place

    def apply(self, primitive: Primitive, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Run the primitive."""
        if primitive is FULL:
            return self.place.number(params["value"], params["dtype"], params["shape"])
        return self.place.emit(primitive, inputs, params)

    def typeof(self, operand: Any) -> TensorType:
        """Return the type of an array, or of (shape, dtype)."""
        if is_tuple(operand):
            return TensorType(operand[0], operand[1])
        dtype: DType | None = from_numpy(operand.dtype)
        assert dtype is not None
        return TensorType(operand.shape, dtype)


RESHAPE, BROADCAST, FULL = lookup("reshape"), lookup("broadcast"), lookup("full")


def by_host(primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Run a primitive on empty arrays, for which there are no kernels."""
    found = primitive.meaning(*[v.numpy() for v in values], **params)
    made = tuple([upload(a, values[0].index) for a in several(found)])
    return made if is_tuple(found) else made[0]


@cache
def device_place(index: int) -> OnDevice:
    """Return the place of a CUDA device."""
    return OnDevice(index)


def place_at(device: Device) -> Place | None:
    """Return the place of a device; None for the CPU."""
    return None if device == CPU else device_place(device.index or 0)


def place_named(device: str) -> Place | None:
    """Return the place of `cpu` or `cuda:0`."""
    return None if device == "cpu" else device_named(device)


def device_named(device: str) -> OnDevice:
    """Return the place of `cuda:0`."""
    return device_place(int(device.partition(":")[2]))


def holder(content: Any) -> Place | None:
    """Return the place of a content that belongs to no running trace."""
    return device_place(content.index) if isinstance(content, DeviceArray) else None


def tensor_of(content: Any) -> Tensor:
    """Return a content, of the running trace if there is one, as a tensor."""
    return wrap(content, holder(content) if STATE.trace is None else STATE.trace)
