"""What the CUDA driver lends out: modules, graphs, events, pinned memory; each is given back."""

from __future__ import annotations

import ctypes
import math
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.devices.bindings import call, library
from gradc.devices.driver import Array, gone

if TYPE_CHECKING:
    from gradc.devices.cuda import CudaDriver


class CudaModule:
    """A loaded cubin; it stays loaded as long as the process."""

    def __init__(self, cubin: bytes) -> None:
        self._cubin = cubin  # the driver may read it again when it loads a kernel
        self._handle = call("cuModuleLoadData", cubin)

    def function(self, symbol: str) -> Any:
        """Return a kernel, loaded to the device: a capture must not have to load it."""
        found = call("cuModuleGetFunction", self._handle, symbol.encode())
        call("cuFuncLoad", found)
        return found


class CudaGraph:
    """An executable graph."""

    def __init__(self, driver: CudaDriver, graph: Any) -> None:
        self._driver = driver
        self._handle = call("cuGraphInstantiate", graph, 0)

    def launch(self) -> None:
        """Launch it on the current stream."""
        self._driver.enter()
        call("cuGraphLaunch", self._handle, self._driver.stream)

    def __del__(self) -> None:
        # the driver keeps what is still running
        if getattr(self, "_handle", None) is not None and not gone():
            self._driver.enter()
            call("cuGraphExecDestroy", self._handle)
            self._handle = None


class CudaEvent:
    """A point in the work of a stream, with its time."""

    def __init__(self, driver: CudaDriver) -> None:
        self._driver = driver
        self.handle = call("cuEventCreate", int(library().CUevent_flags.CU_EVENT_DEFAULT))

    def record(self) -> None:
        """Set the point after all work given to the current stream so far."""
        self._driver.enter()
        call("cuEventRecord", self.handle, self._driver.stream)

    def wait(self) -> None:
        """Let the current stream go on only once the point is reached."""
        self._driver.enter()
        call("cuStreamWaitEvent", self._driver.stream, self.handle, 0)

    def synchronize(self) -> None:
        """Return once the point is reached."""
        call("cuEventSynchronize", self.handle)

    def reached(self) -> bool:
        """Return whether the point is reached."""
        results = library().CUresult
        status, *_ = library().cuEventQuery(self.handle)
        if status not in (results.CUDA_SUCCESS, results.CUDA_ERROR_NOT_READY):
            call("cuEventSynchronize", self.handle)  # raises what went wrong
        return status == results.CUDA_SUCCESS

    def milliseconds_since(self, earlier: CudaEvent) -> float:
        """Return the time that the device took from another event to this one."""
        return float(call("cuEventElapsedTime", earlier.handle, self.handle))

    def __del__(self) -> None:
        if getattr(self, "handle", None) is not None and not gone():
            call("cuEventDestroy", self.handle)
            self.handle = None


def pinned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array in page-locked host memory, freed with the last view of it."""
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes == 0:
        return np.empty(shape, dtype)
    place = int(call("cuMemHostAlloc", nbytes, library().CU_MEMHOSTALLOC_PORTABLE))
    memory = (ctypes.c_uint8 * nbytes).from_address(place)
    weakref.finalize(memory, _unpin, place).atexit = False
    return np.ndarray(shape, dtype, memoryview(memory))


def _unpin(place: int) -> None:
    """Free page-locked memory."""
    if not gone():
        call("cuMemFreeHost", place)
