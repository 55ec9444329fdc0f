"""The CUDA driver of this machine, by `cuda.bindings`.

All work goes to the current stream of the thread: the legacy default stream, on which PyTorch and
CuPy work too, so what they compute and what gradc computes follows one order without events.
Memory comes from the device's own pool, and comes and goes in the order of that stream. Only copies
from pinned memory have a stream of their own, for which the current one waits.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradc.devices.bindings import OUT_OF_MEMORY, DriverError, call, library
from gradc.devices.cuda_handles import CudaEvent, CudaGraph, CudaModule, pinned
from gradc.devices.driver import STREAMS, Array, Driver, Size, gone
from gradc.devices.statistics import Statistics, no_such_device, out_of_memory
from gradc.errors import DeviceError

LEGACY = 0
WHOLE = 16  # bytes that a kernel reads at once, also of an array that ends among them
KEEP = 2**64 - 1  # bytes that the pool keeps when they are free: all


def missing() -> str:
    """Return why there is no device, or ""."""
    try:
        call("cuInit", 0)
        return "" if call("cuDeviceGetCount") else "the NVIDIA driver finds no GPU"
    except DeviceError as error:
        return error.message.removeprefix("cuda: ")


def device_count() -> int:
    """Return how many devices there are; 0 where there is no driver."""
    return 0 if missing() else int(call("cuDeviceGetCount"))


def start(index: int) -> Driver:
    """Start a device.

    Raises:
        DeviceError: there is none, or none of that number.
    """
    why = missing()
    if why:
        raise DeviceError(
            f"device 'cuda:{index}' is not available: {why}",
            hint='device="cpu", or GRADC_CUDA=emulate to run without a GPU, slowly',
        )
    count = device_count()
    if not 0 <= index < count:
        raise no_such_device(index, count)
    return CudaDriver(index)


class _Thread(threading.local):
    """What each thread has for itself.

    Attributes:
        stream: the current one.
        pool: the stream that allocates.
        capturing: whether it captures a graph.
        later: what is given back meanwhile: functions of the driver with their arguments.
    """

    def __init__(self) -> None:
        self.stream = self.pool = LEGACY
        self.capturing = False
        self.later: list[tuple[str, tuple[Any, ...]]] = []


class CudaDriver:
    """One NVIDIA GPU, in the primary context, which PyTorch and CuPy use too."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.emulated = False
        self.statistics = Statistics()
        self._thread = _Thread()
        self._capture_lock = threading.RLock()
        self._stream_lock = threading.Lock()
        self._streams: list[Any] = []
        device = call("cuDeviceGet", index)
        self._context = call("cuDevicePrimaryCtxRetain", device)
        self.enter()
        self.name = call("cuDeviceGetName", 256, device).split(b"\0")[0].decode()
        attribute = library().CUdevice_attribute

        def ask(which: Any) -> int:
            return int(call("cuDeviceGetAttribute", which, device))

        self.compute_capability: tuple[int, int] = (
            ask(attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
            ask(attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
        )
        self.multiprocessors = ask(attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
        self._pool: Any = None
        if ask(attribute.CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED):
            self._pool = call("cuDeviceGetMemPool", device)
            threshold = library().CUmemPool_attribute.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD
            call("cuMemPoolSetAttribute", self._pool, threshold, library().cuuint64_t(KEEP))
            # else a copy would wait for the step that used the memory before, to use it again
            waits = library().CUmemPool_attribute.CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES
            call("cuMemPoolSetAttribute", self._pool, waits, 0)
        non_blocking = int(library().CUstream_flags.CU_STREAM_NON_BLOCKING)
        # work on the legacy stream must not become part of what is captured
        self._capture_stream = call("cuStreamCreate", non_blocking)
        # copies from pinned memory must not wait for what runs on the legacy stream
        self._copy_stream = call("cuStreamCreate", non_blocking)

    def enter(self) -> None:
        """Make the device's context current in this thread, whoever changed it before."""
        call("cuCtxSetCurrent", self._context)

    @property
    def stream(self) -> int:
        """The current stream of this thread."""
        return self._thread.stream

    def use_stream(self, stream: int) -> None:
        """Make another stream the current one."""
        self._thread.stream = stream

    def new_stream(self) -> int:
        """Return one of 32 streams in turn; it and the default stream wait for each other."""
        self.enter()
        with self._stream_lock:
            if len(self._streams) < STREAMS:
                made = call("cuStreamCreate", int(library().CUstream_flags.CU_STREAM_DEFAULT))
                self._streams.append(made)
            else:
                self._streams.append(self._streams.pop(0))
            return int(self._streams[-1])

    @contextmanager
    def aside(self) -> Generator[None]:
        """Within it this thread allocates and copies on the stream for copies."""
        thread = self._thread
        before, copies = (thread.stream, thread.pool), int(self._copy_stream)
        done = self.event()
        thread.stream = thread.pool = copies
        try:
            yield
            done.record()
        finally:
            thread.stream, thread.pool = before
        done.wait()

    def allocate(self, nbytes: int) -> int:
        """Return memory that may be used by all work given to the device from now on."""
        self._refuse("allocate memory")
        self.enter()
        try:
            return self._allocate(nbytes)
        except DriverError as error:
            if error.name != OUT_OF_MEMORY:
                raise
        self.release()
        try:
            return self._allocate(nbytes)
        except DriverError as error:
            if error.name != OUT_OF_MEMORY:
                raise
            raise out_of_memory(
                nbytes, self.index, *self.memory_info(), self.statistics.allocated
            ) from error

    def _allocate(self, nbytes: int) -> int:
        nbytes += -nbytes % WHOLE
        if self._pool is None:
            return int(call("cuMemAlloc", nbytes))
        # on the default stream, with which all others keep step, but for copies on their own
        return int(call("cuMemAllocAsync", nbytes, self._thread.pool))

    def free(self, address: int) -> None:
        """Give memory back once the work given to the device so far is done."""
        if self._pool is None:
            self.give_back("cuMemFree", address)
        else:
            self.give_back("cuMemFreeAsync", address, LEGACY)

    def give_back(self, function: str, *handle: Any) -> None:
        """Call a function that gives something back; after a capture where this thread has one.

        Its status is not looked at: whatever is wrong was raised by the call that met it.
        """
        if gone():
            return
        if self._thread.capturing:
            self._thread.later.append((function, handle))
            return
        driver = library()
        driver.cuCtxSetCurrent(self._context)
        getattr(driver, function)(*handle)

    def upload(self, to: int, source: Array, wait: bool = True) -> None:
        """Copy from a host array; `wait` matters for pinned memory only."""
        self.enter()
        place = _address(source)
        call("cuMemcpyHtoDAsync", to, place, source.nbytes, self.stream)
        if wait and _is_pinned(place):
            self.wait()

    def download(self, to: Array, source: int) -> None:
        """Copy to a host array."""
        self.enter()
        call("cuMemcpyDtoHAsync", _address(to), source, to.nbytes, self.stream)

    def copy(self, to: int, source: int, nbytes: int) -> None:
        """Copy inside the device."""
        self.enter()
        call("cuMemcpyDtoDAsync", to, source, nbytes, self.stream)

    def fill(self, to: int, byte: int, nbytes: int) -> None:
        """Set every byte."""
        self.enter()
        call("cuMemsetD8Async", to, byte, nbytes, self.stream)

    def synchronize(self) -> None:
        """Return once all work given to the device is done."""
        self._refuse("wait")
        with self._capture_lock:  # CUDA can't wait for a context while any thread captures in it
            self.enter()
            call("cuCtxSynchronize")

    def wait(self) -> None:
        """Return once all work given to the current stream is done."""
        self._refuse("wait")
        self.enter()
        call("cuStreamSynchronize", self.stream)

    def idle(self) -> bool:
        """Return whether all work given to the current stream is done."""
        self.enter()
        results = library().CUresult
        status, *_ = library().cuStreamQuery(self.stream)
        if status not in (results.CUDA_SUCCESS, results.CUDA_ERROR_NOT_READY):
            call("cuStreamSynchronize", self.stream)  # raises what went wrong
        return status == results.CUDA_SUCCESS

    def event(self) -> CudaEvent:
        """Return a new event."""
        self.enter()
        return CudaEvent(self)

    def memory_info(self) -> tuple[int, int]:
        """Return bytes free and bytes in all; what the pool keeps counts as free."""
        self.enter()
        free, total = call("cuMemGetInfo")
        return int(free) + self._kept(), int(total)

    def _kept(self) -> int:
        """Return the bytes that the pool has and nobody uses."""
        if self._pool is None:
            return 0
        attribute = library().CUmemPool_attribute
        reserved = attribute.CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT
        used = attribute.CU_MEMPOOL_ATTR_USED_MEM_CURRENT
        ask = (int(call("cuMemPoolGetAttribute", self._pool, which)) for which in (reserved, used))
        return next(ask) - next(ask)

    def reserved(self, most: bool = False) -> int:
        """Return the bytes that the pool has from the system."""
        if self._pool is None:
            return self.statistics.peak if most else self.statistics.allocated
        if not most:
            return self.statistics.allocated + self._kept()
        which = library().CUmemPool_attribute.CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH
        return int(call("cuMemPoolGetAttribute", self._pool, which))

    def reset_reserved(self) -> None:
        """Tell the pool to forget the most that it had."""
        if self._pool is not None:
            which = library().CUmemPool_attribute.CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH
            call("cuMemPoolSetAttribute", self._pool, which, library().cuuint64_t(0))

    def release(self) -> None:
        """Give memory that the pool keeps back to the system."""
        self.synchronize()
        if self._pool is not None:
            call("cuMemPoolTrimTo", self._pool, 0)

    def pinned(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return an array in page-locked host memory."""
        self.enter()
        return pinned(self, shape, dtype)

    def is_pinned(self, array: Array) -> bool:
        """Ask the driver."""
        self.enter()
        return _is_pinned(_address(array))

    def home_of(self, address: int) -> int:
        """Ask the driver."""
        self.enter()
        which = library().CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
        return int(call("cuPointerGetAttribute", which, address))

    def load(self, cubin: bytes) -> CudaModule:
        """Load compiled code."""
        self.enter()
        return CudaModule(self, cubin)

    def launch(self, function: Any, blocks: Size, threads: Size, arguments: Sequence[int]) -> None:
        """Run a kernel whose parameters are addresses and whole numbers.

        Each lies in eight bytes, of which CUDA reads as many as the parameter has.
        """
        count = len(arguments)
        values = (ctypes.c_int64 * count)(*arguments)
        base = ctypes.addressof(values)
        places = (ctypes.c_void_p * count)(*range(base, base + 8 * count, 8))
        self.enter()
        stream, where = self.stream, ctypes.addressof(places)
        call("cuLaunchKernel", function, *blocks, 1, *threads, 1, 0, stream, where, 0)

    def capture(self, run: Callable[[], None], keeps: Any = None) -> CudaGraph:
        """Call `run` on the capturing stream; return what it launched and copied."""
        self._refuse("capture")
        thread, before = self._thread, self._thread.stream
        mode = library().CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        graph: Any = None
        with self._capture_lock:
            self.enter()
            thread.capturing, thread.stream = True, int(self._capture_stream)
            try:
                call("cuStreamBeginCapture", self._capture_stream, mode)
                run()
                graph = call("cuStreamEndCapture", self._capture_stream)
            finally:
                thread.capturing, thread.stream = False, before
                if graph is None:  # what went wrong is the error to see, not that of the end
                    self._destroy(library().cuStreamEndCapture(self._capture_stream)[-1])
                later, thread.later = thread.later, []
                for function, handle in later:
                    self.give_back(function, *handle)
        try:
            return CudaGraph(self, graph, keeps)
        finally:
            self._destroy(graph)

    def _destroy(self, graph: Any) -> None:
        """Give a captured graph back; the executable one made of it stays."""
        if graph is not None and int(graph):
            self.give_back("cuGraphDestroy", graph)

    def _refuse(self, what: str) -> None:
        """Raise while capturing."""
        if self._thread.capturing:
            raise DeviceError(f"cuda: can't {what} while a graph is captured")


def _address(array: Array) -> int:
    """Return where the elements of a host array begin."""
    return array.__array_interface__["data"][0]


def _is_pinned(place: int) -> bool:
    """Return whether CUDA knows a host address: it then copies after the call returns."""
    which = library().CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMORY_TYPE
    status, *_ = library().cuPointerGetAttribute(which, place)
    return not status
