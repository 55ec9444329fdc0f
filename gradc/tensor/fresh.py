"""New tensors of the dtype, and on the device, of another."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradc.ir.dtype import DType
from gradc.tensor import creation
from gradc.tensor.data import tensor
from gradc.tensor.moving import device_of

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def new_tensor(x: Tensor, data: Any, *, dtype: DType | None = None, **kwargs: Any) -> Tensor:
    """Return a copy of data in this tensor's dtype, on its device."""
    return tensor(data, dtype=dtype or x._dtype, **_beside(x, kwargs))


def new_zeros(x: Tensor, *size: Any, dtype: DType | None = None, **kwargs: Any) -> Tensor:
    """Return zeros in this tensor's dtype, on its device."""
    return creation.zeros(*size, dtype=dtype or x._dtype, **_beside(x, kwargs))


def new_ones(x: Tensor, *size: Any, dtype: DType | None = None, **kwargs: Any) -> Tensor:
    """Return ones in this tensor's dtype, on its device."""
    return creation.ones(*size, dtype=dtype or x._dtype, **_beside(x, kwargs))


def new_empty(x: Tensor, *size: Any, dtype: DType | None = None, **kwargs: Any) -> Tensor:
    """Return a tensor to be overwritten in this tensor's dtype, on its device."""
    return creation.empty(*size, dtype=dtype or x._dtype, **_beside(x, kwargs))


def new_full(
    x: Tensor, size: Any, fill_value: Any, *, dtype: DType | None = None, **kwargs: Any
) -> Tensor:
    """Return one value in this tensor's dtype, on its device."""
    return creation.full(size, fill_value, dtype=dtype or x._dtype, **_beside(x, kwargs))


def _beside(x: Tensor, kwargs: dict[str, Any]) -> dict[str, Any]:
    return kwargs if kwargs.get("device") is not None else {**kwargs, "device": device_of(x)}
