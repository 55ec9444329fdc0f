"""The one module that imports `cuda.bindings`: a call of the driver -> its result, or an error."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gradc.errors import DeviceError

RESTART = (
    "start the process again: after this error CUDA refuses all work; "
    "compute-sanitizer python ... finds the kernel"
)
HINTS = {
    "CUDA_ERROR_NO_DEVICE": "nvidia-smi, CUDA_VISIBLE_DEVICES",
    "CUDA_ERROR_NOT_INITIALIZED": 'multiprocessing.get_context("spawn") in place of fork',
    "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH": "nvidia-smi; restart after an update of the driver",
    "CUDA_ERROR_UNKNOWN": "nvidia-smi; nvidia-modprobe -u; restart the machine",
    "CUDA_ERROR_NO_BINARY_FOR_GPU": "gradc cache clear: the code was built for another GPU",
    "CUDA_ERROR_INVALID_IMAGE": "gradc cache clear, a newer NVIDIA driver",
    "CUDA_ERROR_UNSUPPORTED_PTX_VERSION": "a newer NVIDIA driver",
    "CUDA_ERROR_ILLEGAL_ADDRESS": RESTART,
    "CUDA_ERROR_MISALIGNED_ADDRESS": RESTART,
    "CUDA_ERROR_LAUNCH_FAILED": RESTART,
    "CUDA_ERROR_LAUNCH_TIMEOUT": RESTART,
    "CUDA_ERROR_ASSERT": RESTART,
}
OUT_OF_MEMORY = "CUDA_ERROR_OUT_OF_MEMORY"


class DriverError(DeviceError):
    """An error of the CUDA driver.

    Attributes:
        name: the error's, such as CUDA_ERROR_OUT_OF_MEMORY.
    """

    def __init__(self, function: str, name: str) -> None:
        self.name = name
        hint = HINTS.get(name, "GRADC_CUDA=emulate finds most mistakes without a GPU")
        super().__init__(f"cuda: {function} failed: {name}", hint=hint)


class _Library:
    """The bindings, once imported."""

    __slots__ = ("module",)

    def __init__(self) -> None:
        self.module: Any = None


LIBRARY = _Library()


def library() -> Any:
    """Return `cuda.bindings.driver`.

    Raises:
        DeviceError: it is not installed.
    """
    if LIBRARY.module is None:
        try:
            LIBRARY.module = import_module("cuda.bindings.driver")
        except ImportError as error:
            raise DeviceError(
                "cuda: the package cuda-bindings is not installed", hint="pip install gradc[cuda]"
            ) from error
    return LIBRARY.module


def call(function: str, *arguments: Any) -> Any:
    """Call the driver; return its result: None, one value, or a tuple.

    Raises:
        DriverError: the driver says so.
        DeviceError: there is no driver on this machine, or it is too old to know the function.
    """
    try:
        result = getattr(LIBRARY.module or library(), function)(*arguments)
    except RuntimeError as error:
        if isinstance(error, DeviceError):
            raise
        why = f"{function} can't be called: {str(error).strip()}"
        if function == "cuInit":
            why = "there is no NVIDIA driver on this machine (libcuda is not found)"
        hint = "an NVIDIA driver of version 580 or later"
        raise DeviceError(f"cuda: {why}", hint=hint) from error
    if result[0]:
        raise DriverError(function, result[0].name)
    return result[1] if len(result) == 2 else result[1:] or None
