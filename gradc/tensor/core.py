"""What a tensor is made of: a storage, a path of views into it, and its place on the tape."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gradc.errors import DTypeError, TraceError
from gradc.ir.dtype import ALL, DType
from gradc.ir.graph import Role, TensorType, Value
from gradc.ir.primitive import Primitive
from gradc.tensor.state import STATE
from gradc.tensor.storage import Storage

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from gradc.tensor.node import Node
    from gradc.tensor.tensor import Tensor
    from gradc.tensor.trace import Trace

Array = np.ndarray[Any, Any]
Step = tuple[Primitive, dict[str, Any]]
Path = tuple[Step, ...]


class TensorCore:
    """The fields of every tensor; rare ones keep their class-level default.

    Attributes:
        _storage: the memory, shared with all views.
        _data: this tensor's ndarray (a view of the storage's), or its Value.
        _dtype: element type.
        _path: movements that lead from the storage's base to this tensor.
        _base: for a view: the tensor that in-place changes are recorded on.
        _of: for a traced view: the base Value that `_data` was read from.
        _node, _slot: the operation and the number of its output that made this tensor.
        _seen: for a view: the base's node when `_node` was derived.
        _leaf: whether this is a leaf that requires grad.
        _untracked: made by `.data`: changes through it don't count as versions.
        _frozen_view: made under no_grad: must not be changed in place with gradients.
        _foreign: stands under a trace for a tensor computed, with gradients, before it.
    """

    public: ClassVar[type[Tensor]]  # set by tensor.tensor, which imports this module

    _storage: Storage
    _data: Any
    _dtype: DType
    _path: Path = ()
    _base: Tensor | None = None
    _of: Value | None = None
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
    tensor = _new(TensorCore.public)
    tensor._storage = Storage(array)
    tensor._data = array
    tensor._dtype = dtype
    return tensor


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
    if of._storage.trace is not None:
        tensor._of = of._storage.content
    if of._untracked:
        tensor._untracked = True
    return tensor


def wrap(content: Any, trace: Trace | None) -> Tensor:
    """Return a base tensor of an array (no trace) or a Value."""
    return wrap_array(content) if trace is None else wrap_value(content, trace)


def resolve(tensor: Tensor) -> Tensor:
    """Return the tensor to work on: itself, or its stand-in under the running trace."""
    trace, owner = STATE.trace, tensor._storage.trace
    if trace is owner:
        return tensor
    if trace is not None and (owner is None or trace.encloses(owner)):
        return trace.shadow(tensor)
    raise TraceError(
        f"a tensor {type_text(tensor)} made inside a compiled function was used outside of it",
        hint="return it from the compiled function instead of keeping it elsewhere",
    )


def read(tensor: Tensor) -> Any:
    """Return the current ndarray or Value of a resolved tensor."""
    trace = tensor._storage.trace
    if trace is not None and tensor._path and tensor._of is not tensor._storage.content:
        refresh(tensor, trace)
    elif trace is not None and not tensor._path:
        return tensor._storage.content
    return tensor._data


def refresh(tensor: Tensor, trace: Trace) -> None:
    """Read a traced view anew by following its path from the storage's current Value."""
    value = tensor._storage.content
    for primitive, params in tensor._path:
        value = trace.emit(primitive, (value,), params)
    tensor._of, tensor._data = tensor._storage.content, value


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
