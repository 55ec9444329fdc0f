"""What a tensor is made of: a storage, a path of views into it, and its place on the tape."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gradc.errors import DTypeError, TraceError
from gradc.ir.dtype import ALL, DType
from gradc.ir.graph import Role, TensorType, Value
from gradc.ir.primitive import Primitive
from gradc.tensor.kinds import is_array
from gradc.tensor.state import STATE
from gradc.tensor.storage import Storage, storage_of

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from gradc.tensor.node import Node
    from gradc.tensor.place import Place
    from gradc.tensor.tensor import Tensor
    from gradc.tensor.trace import Trace

Array = np.ndarray[Any, Any]
Step = tuple[Primitive, dict[str, Any]]
Path = tuple[Step, ...]


class TensorCore:
    """The fields of every tensor; rare ones keep their class-level default.

    Attributes:
        _storage: the memory, shared with all views.
        _data: this tensor's ndarray (a view of the storage's), or its Value; on a device a
            view's copy of the elements, of others only the shape.
        _dtype: element type.
        _path: movements that lead from the storage's base to this tensor.
        _base: for a view: the tensor that in-place changes are recorded on.
        _of: for a view that is no ndarray: the base content that `_data` was read from.
        _node, _slot: the operation and the number of its output that made this tensor.
        _seen: for a view: the base's node when `_node` was derived.
        _leaf: whether this is a leaf that requires grad.
        _untracked: made by `.data`: changes through it don't count as versions.
        _frozen_view: made under no_grad: must not be changed in place with gradients.
        _foreign: stands under a trace for a tensor computed, with gradients, before it.
    """

    # Of every tensor, and where native code finds them.
    __slots__ = ("_data", "_dtype", "_storage")

    public: ClassVar[type[Tensor]]  # set by tensor.tensor, which imports this module

    _storage: Storage
    _data: Any
    _dtype: DType
    _path: Path = ()
    _base: Tensor | None = None
    _of: Any = None
    _node: Node | None = None
    _slot: int = 0
    _seen: Node | None = None
    _leaf: bool = False
    _grad: Tensor | None = None
    _retains: bool = False
    _hooks: dict[int, Any] | None = None
    _after: dict[int, Any] | None = None
    _untracked: bool = False
    _frozen_view: bool = False
    _inference: bool = False
    _foreign: bool = False
    _role: Role = Role.BUFFER


_new = object.__new__
_BY_NUMPY = {d.numpy: d for d in ALL}


def wrap_array(array: Any) -> Tensor:
    """Return a base tensor that owns `array`."""
    if type(array) is not np.ndarray:
        array = np.asarray(array)
    dtype = _BY_NUMPY.get(array.dtype)
    if dtype is None:
        raise DTypeError(
            f"gradc has no dtype for NumPy's {array.dtype}",
            hint="convert with array.astype('float32'), or another of float32, float64, int32, "
            "int64, uint8, bool",
        )
    return wrap_new(array, dtype)


def wrap_new(array: Any, dtype: DType) -> Tensor:
    """Return a base tensor that owns an ndarray of a dtype that is known."""
    tensor = _new(TensorCore.public)
    tensor._storage = storage_of(array)
    tensor._data = array
    tensor._dtype = dtype
    return tensor


def mark_inference(tensors: Sequence[Tensor]) -> None:
    """Say of new tensors that they were made under inference_mode."""
    for t in tensors:
        t._inference = True


def wrap_value(value: Value, trace: Trace) -> Tensor:
    """Return a base tensor whose content is a graph Value."""
    tensor = _new(TensorCore.public)
    tensor._storage = Storage(value, trace)
    tensor._data = value
    tensor._dtype = value.dtype
    return tensor


def wrap_view(of: TensorCore, data: Any, path: Path) -> Tensor:
    """Return a tensor on the same storage; the caller sets its base and node."""
    tensor = _new(TensorCore.public)
    tensor._storage = of._storage
    tensor._data = data
    tensor._dtype = of._dtype
    tensor._path = path
    place = of._storage.place
    if place is not None:
        if path:
            tensor._of = of._storage.content
        else:
            tensor._data = place.face(data)
    if of._untracked:
        tensor._untracked = True
    return tensor


def wrap(content: Any, place: Place | None) -> Tensor:
    """Return a base tensor of an ndarray (no place) or of a content at a place."""
    return wrap_array(content) if place is None else place.wrap(content)


def resolve(tensor: Tensor) -> Tensor:
    """Return the tensor to work on: itself, or its stand-in under the running trace."""
    trace, place = STATE.trace, tensor._storage.place
    if place is trace:
        return tensor
    if place is None or not place.traces:
        return tensor if trace is None else trace.shadow(tensor)
    if trace is not None and trace.encloses(place):
        return trace.shadow(tensor)
    raise TraceError(
        f"a tensor {type_text(tensor)} made inside {place.running} was used outside of it",
        hint=f"return it from {place.running} instead of keeping it elsewhere",
    )


def read(tensor: Tensor) -> Any:
    """Return the current ndarray, Value or array on a device of a resolved tensor."""
    place = tensor._storage.place
    if place is None:
        return tensor._data
    if not tensor._path:
        return tensor._storage.content
    if tensor._of is not tensor._storage.content:
        refresh(tensor, place)
    return tensor._data


def elements(tensor: Tensor) -> Array:
    """Return the elements of a tensor that is not traced; of one on a device, a copy."""
    content = read(tensor)
    return content if is_array(content) else content.numpy()


def refresh(tensor: Tensor, place: Place) -> None:
    """Read a view anew by following its path from the storage's current content."""
    value = tensor._storage.content
    for primitive, params in tensor._path:
        value = place.view(primitive, value, params)
    tensor._of, tensor._data = tensor._storage.content, value


def home(tensor: TensorCore) -> str:
    """Return the device of new tensors that are to meet this one."""
    place = tensor._storage.place
    return "cpu" if place is None or place.traces else str(place.device)


def is_tensor(obj: object) -> TypeIs[Tensor]:
    """Return whether an object is a Tensor."""
    return isinstance(obj, TensorCore)


def shape_of(tensor: TensorCore) -> tuple[int, ...]:
    """Return the sizes of a tensor as a plain tuple."""
    return tensor._data.shape


def brief(tensor: TensorCore) -> tuple[tuple[int, ...], DType]:
    """Return (shape, dtype)."""
    return tensor._data.shape, tensor._dtype


def typeof(tensor: TensorCore) -> TensorType:
    """Return the type of a tensor."""
    return TensorType(tensor._data.shape, tensor._dtype)


def type_text(tensor: TensorCore) -> str:
    """Return `float32[2, 3]`."""
    return str(typeof(tensor))
