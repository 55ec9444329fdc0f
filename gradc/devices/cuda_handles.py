"""What the CUDA driver lends out: modules, graphs, events, pinned memory; each is given back."""

from __future__ import annotations

import ctypes
import math
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.devices.bindings import call, library
from gradc.devices.driver import Array

if TYPE_CHECKING:
    from gradc.devices.cuda import CudaDriver


class CudaModule:
    """A loaded cubin, whose kernels may be launched as long as it lives."""

    def __init__(self, driver: CudaDriver, cubin: bytes) -> None:
        self._driver = driver
        self._cubin = cubin  # the driver may read it again when it loads a kernel
        self._handle = call("cuModuleLoadData", cubin)

    def function(self, symbol: str) -> Any:
        """Return a kernel, loaded to the device: a capture must not have to load it."""
        self._driver.enter()
        found = call("cuModuleGetFunction", self._handle, symbol.encode())
        call("cuFuncLoad", found)
        return found

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self._driver.give_back("cuModuleUnload", self._handle)


class CudaGraph:
    """An executable graph.

    Args:
        driver: of the device.
        graph: what was captured.
        keeps: whose kernels it launches: they must stay loaded.
    """

    def __init__(self, driver: CudaDriver, graph: Any, keeps: Any) -> None:
        self._driver, self._keeps = driver, keeps
        self._handle = call("cuGraphInstantiate", graph, 0)

    def launch(self) -> None:
        """Launch it on the current stream."""
        self._driver.enter()
        call("cuGraphLaunch", self._handle, self._driver.stream)

    def __del__(self) -> None:
        # the driver keeps what is still running
        if getattr(self, "_handle", None) is not None:
            self._driver.give_back("cuGraphExecDestroy", self._handle)


class CudaEvent:
    """A point in the work of a stream, with its time."""

    def __init__(self, driver: CudaDriver) -> None:
        self._driver = driver
        self.handle = call("cuEventCreate", int(library().CUevent_flags.CU_EVENT_DEFAULT))

    def record(self) -> None:
        """Set the point after all work given to the current stream so far."""
        self._driver.enter()
        call("cuEventRecord", self.handle, self._driver.stream)

    def wait(self, device: CudaDriver | None = None) -> None:
        """Let the current stream, of another device if one is given, go on only from here."""
        waiting = self._driver if device is None else device
        waiting.enter()
        call("cuStreamWaitEvent", waiting.stream, self.handle, 0)

    def synchronize(self) -> None:
        """Return once the point is reached."""
        self._driver.enter()
        call("cuEventSynchronize", self.handle)

    def reached(self) -> bool:
        """Return whether the point is reached."""
        self._driver.enter()
        results = library().CUresult
        status, *_ = library().cuEventQuery(self.handle)
        if status not in (results.CUDA_SUCCESS, results.CUDA_ERROR_NOT_READY):
            call("cuEventSynchronize", self.handle)  # raises what went wrong
        return status == results.CUDA_SUCCESS

    def milliseconds_since(self, earlier: CudaEvent) -> float:
        """Return the time that the device took from another event to this one."""
        self._driver.enter()
        return float(call("cuEventElapsedTime", earlier.handle, self.handle))

    def __del__(self) -> None:
        if getattr(self, "handle", None) is not None:
            self._driver.give_back("cuEventDestroy", self.handle)


def pinned(driver: CudaDriver, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array in page-locked host memory, freed with the last view of it."""
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes == 0:
        return np.empty(shape, dtype)
    place = int(call("cuMemHostAlloc", nbytes, library().CU_MEMHOSTALLOC_PORTABLE))
    memory = (ctypes.c_uint8 * nbytes).from_address(place)
    weakref.finalize(memory, driver.give_back, "cuMemFreeHost", place).atexit = False
    return np.ndarray(shape, dtype, memoryview(memory))
