"""Memory on a device, shared with other libraries by `__cuda_array_interface__`.

As with DLPack, both sides see each other's changes from then on.

Source: the CUDA Array Interface, version 3 (numba.readthedocs.io).
"""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.devices.driver import driver
from gradc.errors import ArgumentError, UnsupportedError
from gradc.tensor.exchange import lent, let_wait, taken
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def from_cuda_array(other: Any) -> Tensor:
    """Return a tensor on the memory of an object with `__cuda_array_interface__`."""
    told = other.__cuda_array_interface__
    address, read_only = told["data"]
    if read_only:
        raise UnsupportedError("as_tensor: the memory is read-only", hint="copy it first")
    if told.get("mask") is not None:
        raise UnsupportedError("as_tensor: the array has a mask", hint="fill what is masked")
    stream = told.get("stream")
    if stream == 0:
        raise ArgumentError(
            "as_tensor: __cuda_array_interface__ names stream 0, which is ambiguous",
            hint="1 is the default stream",
        )
    of = driver(driver(STATE.cuda_index).home_of(address) if address else STATE.cuda_index)
    if stream is not None:  # what made the elements; ours must wait for it
        current = of.stream
        of.use_stream(0 if stream == 1 else int(stream))
        try:
            let_wait(of, current)
        finally:
            of.use_stream(current)
    kind, strides = np.dtype(told["typestr"]), told.get("strides")
    steps = None if strides is None else tuple(s // kind.itemsize for s in strides)
    return taken("as_tensor", of, address, tuple(told["shape"]), kind.str, steps, other)


def cuda_array_interface(x: Tensor) -> dict[str, Any]:
    """Return `__cuda_array_interface__`, version 3, of a tensor on a device."""
    array = lent(x)
    return {
        "shape": array.shape,
        "typestr": array.dtype.str,
        "data": (array.address, False),
        "strides": None,
        "version": 3,
        "stream": array.driver.stream or 1,
    }
