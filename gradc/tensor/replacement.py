"""Give a tensor another memory (`x.data = y`), or another class (Parameter)."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradc.errors import ArgumentTypeError, GradientError, TraceError
from gradc.tensor import epoch
from gradc.tensor.copying import data_of
from gradc.tensor.core import is_tensor, read, resolve, shape_of, type_text
from gradc.tensor.modes import GradMode
from gradc.tensor.mutation import assign
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def as_class(cls: type[Any], data: Tensor, requires_grad: bool) -> Any:
    """Return a tensor of class `cls` on the memory of `data`, off its tape."""
    if not is_tensor(data):  # pyright: ignore[reportUnnecessaryIsInstance] # users pass anything
        raise ArgumentTypeError(f"{cls.__name__}: expected a Tensor, got {type(data).__name__}")
    of = resolve(data)
    if requires_grad and not of._dtype.is_floating_point:
        raise GradientError(
            f"Only Tensors of floating point dtype can require gradients, got {type_text(of)}",
            hint="requires_grad=False",
        )
    out = object.__new__(cls)
    place, data = of._storage.place, read(of)
    out._storage, out._dtype, out._path, out._of = of._storage, of._dtype, of._path, of._of
    out._data = data if place is None or of._path else place.face(data)
    out._leaf = requires_grad
    return out


def set_data(x: Tensor, value: Tensor) -> None:
    """Make `x` a tensor on the memory of `value`, keeping its place as a leaf."""
    if STATE.trace is not None:
        if shape_of(x) != shape_of(value) or x._dtype is not value._dtype:
            raise TraceError(
                f"x.data = y can't change the type of a tensor while tracing: {type_text(x)} to "
                f"{type_text(value)}",
                hint="change it outside of the compiled function",
            )
        with GradMode(False):
            assign(data_of(x), value, "x.data = y")
        return
    of = resolve(value)
    if x._node is not None:
        raise GradientError("x.data = y: x is no leaf", hint="x = y")
    x._storage, x._data, x._dtype, x._path = of._storage, of._data, of._dtype, of._path
    x._of, x._base = of._of, None
    epoch.bump()
