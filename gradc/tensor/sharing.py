"""A tensor -> what other libraries read its memory by, and back: DLPack, CUDA arrays."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import ArgumentError, ArgumentTypeError, GradientError
from gradc.tensor import cuda_array, exchange
from gradc.tensor.conversion import cpu, numpy
from gradc.tensor.copying import clone, detach
from gradc.tensor.core import is_tensor, resolve, type_text, wrap_array
from gradc.tensor.device import check_device
from gradc.tensor.edges import wants_grad
from gradc.tensor.moving import device_of, move
from gradc.tensor.refusal import refuse_value

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """Return a tensor on the memory of an array of another library (`__dlpack__`).

    Args:
        ext_tensor: on the CPU, or contiguous on a CUDA device; or a DLPack capsule.
        device: where the tensor is to be; a copy where that is elsewhere.
        copy: give a copy in any case; False: never copy.

    Raises:
        ArgumentTypeError: an object that has no `__dlpack__`.
        ArgumentError: a capsule that was used already, or a copy that `copy=False` forbids.
    """
    shared = _shared(ext_tensor)
    where = device_of(shared) if device is None else check_device("from_dlpack", device)
    if where == device_of(shared):
        return clone(shared) if copy else shared
    if copy is False:
        raise ArgumentError(
            f"from_dlpack: copy=False, but the array is on {device_of(shared)}, not on {where}",
            hint="leave copy away",
        )
    return move(shared, where)


def _shared(given: Any) -> Tensor:
    """Return a tensor on the memory of an array or in a capsule."""
    if is_tensor(given):
        return detach(given)
    if exchange.is_capsule(given):
        if exchange.kind_of(given) == exchange.CUDA_KIND:
            return exchange.from_dlpack(given)
        return wrap_array(np.from_dlpack(exchange.Carried(given)))
    if not (hasattr(given, "__dlpack__") and hasattr(given, "__dlpack_device__")):
        raise ArgumentTypeError(
            f"from_dlpack: expected an array with __dlpack__ and __dlpack_device__, got "
            f"{type(given).__name__}",
            hint="gradc.tensor(...) copies lists and numbers",
        )
    if given.__dlpack_device__()[0] == exchange.CUDA_KIND:
        return exchange.from_dlpack(given)
    return wrap_array(np.from_dlpack(given))


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
    return cuda_array.cuda_array_interface(of)
