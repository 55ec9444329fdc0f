"""The CUDA driver of this machine -> what it says of itself, without any CUDA package."""

from __future__ import annotations

import ctypes
import sys
from importlib.util import find_spec

from gradc.config import wanted_cuda
from gradc.devices.driver import emulated
from gradc.runtime.cublaslt import find_cublaslt

Row = tuple[str, str]
MISSING = 'not installed: pip install "gradc[cuda]"'
NONE = 'none: programs run with device="cpu"; GRADC_CUDA=emulate runs "cuda" without a GPU, slowly'
DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


def cuda() -> list[Row]:
    """Return the driver's version and its devices, or why there are none."""
    compiler = "LLVM and nvJitLink" if _installed("cuda.bindings.nvjitlink") else MISSING
    count = emulated()
    if count:
        told = f"emulated CUDA device in host memory (GRADC_CUDA={wanted_cuda()})"
        return [*((f"device {i}", told) for i in range(count)), ("compiler", compiler)]
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return [("driver", NONE), ("compiler", compiler)]
    status = driver.cuInit(0)
    if status != 0:
        return [
            ("driver", f"there, but it does not start (error {status})"),
            ("compiler", compiler),
        ]
    number, count = ctypes.c_int(), ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(number))
    driver.cuDeviceGetCount(ctypes.byref(count))
    rows = [("driver", f"CUDA {number.value // 1000}.{number.value % 1000 // 10}")]
    for ordinal in range(count.value):
        rows.append((f"device {ordinal}", _device(driver, ordinal)))
    return [*rows, ("compiler", compiler), ("matrix products", _products())]


def _installed(module: str) -> bool:
    """Return whether a module of an optional package is there."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _products() -> str:
    """Return who computes matrix products."""
    return "cuBLASLt" if find_cublaslt() else f"generated kernels; cuBLASLt is {MISSING}"


def _device(driver: ctypes.CDLL, ordinal: int) -> str:
    """Return a device's name and memory."""
    device, memory = ctypes.c_int(), ctypes.c_size_t()
    name = ctypes.create_string_buffer(256)
    driver.cuDeviceGet(ctypes.byref(device), ordinal)
    driver.cuDeviceGetName(name, len(name), device)
    driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    return f"{name.value.decode(errors='replace')}, {memory.value / 2**30:.0f} GiB"
