"""A tensor -> what other libraries read its memory by, and back: DLPack, CUDA arrays."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import GradientError
from gradc.tensor import exchange
from gradc.tensor.conversion import cpu, numpy
from gradc.tensor.copying import clone, detach
from gradc.tensor.core import is_tensor, resolve, type_text, wrap_array
from gradc.tensor.edges import wants_grad
from gradc.tensor.moving import device_of
from gradc.tensor.refusal import refuse_value

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def from_dlpack(ext_tensor: Any) -> Tensor:
    """Return a tensor on the memory of an array of another library (`__dlpack__`).

    Args:
        ext_tensor: on the CPU, or contiguous on a CUDA device.
    """
    if is_tensor(ext_tensor) or ext_tensor.__dlpack_device__()[0] == exchange.CUDA_KIND:
        return detach(ext_tensor) if is_tensor(ext_tensor) else exchange.from_dlpack(ext_tensor)
    return wrap_array(np.from_dlpack(ext_tensor))


def to_dlpack(
    x: Tensor,
    *,
    stream: int | None = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """Return a capsule that shares this tensor's memory, for `from_dlpack` of another library.

    Args:
        x: not requiring grad.
        stream: of the consumer: it waits for the work that makes the elements.
        max_version: of the protocol that the consumer knows; the capsule is of version 0.8.
        dl_device: where the consumer wants it: here, or on the CPU.
        copy: give a copy; False: never copy.
    """
    of = resolve(x)
    refuse_value(of, "__dlpack__")
    if of._storage.place is None:
        options: dict[str, Any] = {"max_version": max_version, "dl_device": dl_device, "copy": copy}
        return numpy(x).__dlpack__(stream=stream, **options)
    if wants_grad(of):
        raise GradientError(
            "Can't export tensors that require gradient, use tensor.detach()", hint="x.detach()"
        )
    here = dlpack_device(of)
    if dl_device is not None and tuple(dl_device) != here:
        if tuple(dl_device) != (exchange.CPU_KIND, 0) or copy is False:
            raise BufferError(f"__dlpack__: can't export from {here} to {dl_device}")
        return cpu(of).__dlpack__(max_version=max_version)
    return exchange.dlpack(clone(of) if copy else of, stream)


def dlpack_device(x: Tensor) -> tuple[int, int]:
    """Return DLPack's numbers of the device: (1, 0) the CPU, (2, n) CUDA's."""
    device = device_of(x)
    if device.index is None:
        return exchange.CPU_KIND, 0
    return exchange.device_numbers(device.index)


def cuda_array_interface(x: Tensor) -> dict[str, Any]:
    """Return `__cuda_array_interface__`."""
    of = resolve(x)
    if device_of(of).type == "cpu" or of._storage.traced:
        raise AttributeError(
            f"a tensor {type_text(of)} on {device_of(of)} has no __cuda_array_interface__"
        )
    if wants_grad(of):
        raise GradientError(
            "Can't get __cuda_array_interface__ on Variable that requires grad.", hint="x.detach()"
        )
    return exchange.cuda_array_interface(of)
