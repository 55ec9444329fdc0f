"""A stand-in for `cuda.bindings.driver` that checks each call against the real module's signature.

The real functions say in their docstrings what each parameter is; enums and handles are the real
module's. Memory is host memory, so that copies are copies; kernels are recorded. As in CUDA, a
thread needs a current context, and what a thread captures forbids it what may wait.
"""

from __future__ import annotations

import ctypes
import re
import threading

import numpy as np
import pytest

INTEGERS = {"int", "unsigned int", "size_t", "unsigned char", "unsigned long long"}


# What works without a current context.
ANYWHERE = re.compile("cu(Init|DeviceGet|DevicePrimaryCtx|CtxSetCurrent|MemPool|PointerGet)")
# What CUDA forbids to a thread that captures in the thread-local mode.
UNSAFE = re.compile(
    "cu(MemAlloc$|MemFree$|MemHostAlloc|MemFreeHost|ModuleLoad|ModuleUnload|FuncLoad"
    "|CtxSynchronize|StreamSynchronize|EventSynchronize|EventQuery|StreamQuery)"
)
STREAM = {"cuStreamWaitEvent": 0, "cuEventRecord": 1, "cuLaunchKernel": 8, "cuGraphLaunch": 1}
PAIRS = {
    "cuModuleUnload": "CUmodule",
    "cuGraphDestroy": "CUgraph",
    "cuGraphExecDestroy": "CUgraphExec",
    "cuEventDestroy": "CUevent",
}


def parameters(function) -> list[tuple[str, str]]:
    """Return (name, type) of each parameter, as the docstring of a binding says."""
    text = function.__doc__.split("Parameters\n", 1)
    if len(text) == 1:
        return []
    found = re.findall(r"^ *(\w+) : (.*)$", text[1].split("Returns\n", 1)[0], re.MULTILINE)
    return [(name, re.sub(r":py:obj:`~\.(\w+)`", r"\1", kind)) for name, kind in found]


def fits(real, kind: str, value) -> bool:
    """Return whether a value may be given for a parameter."""
    if kind in INTEGERS:
        return type(value) is int and value >= 0
    if kind == "bytes":
        return isinstance(value, bytes)
    if kind in ("Any", "list[Any]"):
        return isinstance(value, int | bytes | real.cuuint64_t)
    name = kind.split(" ")[0]
    known = getattr(real, name)
    if hasattr(known, "__members__"):
        return isinstance(value, known)
    return isinstance(value, int | known)  # a handle or its number


def has_driver(real) -> bool:
    """Return whether this machine has a CUDA driver, which must not be called by these tests."""
    try:
        real.cuInit(0)
    except RuntimeError:
        return False
    return True


class Refused(Exception):
    """The name of the error that a function returns."""


class FakeCuda:
    """The functions that the driver calls.

    Attributes:
        calls: (function, arguments) in order.
        fail: names of functions -> names of the errors that their next calls return.
        memory: host arrays by address.
        live: kinds of handles -> those that were not given back, with their contexts.
    """

    def __init__(self, real, devices: int = 1) -> None:
        self.real = real
        self.devices = devices
        self.calls: list[tuple[str, tuple]] = []
        self.fail: dict[str, list[str]] = {}
        self.memory: dict[int, np.ndarray] = {}
        self.parameters_of_launches: list[list[int]] = []
        self.handles = 1000
        self.thread = threading.local()
        self.owners: dict[int, int] = {}
        self.live: dict[str, set[int]] = {}
        self.driver = has_driver(real)

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def __getattr__(self, name: str):
        real = getattr(self.real, name)
        if not re.match(r"cu[A-Z]", name):
            return real  # an enum, a handle, a constant

        def function(*arguments):
            wanted = parameters(real)
            assert len(arguments) == len(wanted), (name, arguments, wanted)
            for (parameter, kind), value in zip(wanted, arguments, strict=True):
                assert fits(self.real, kind, value), (name, parameter, kind, value)
            if not self.driver:
                with pytest.raises(RuntimeError, match="driver library"):
                    real(*arguments)  # the bindings convert all arguments before they miss it
            self._check(name, arguments)
            self.calls.append((name, arguments))
            errors = self.fail.get(name)
            if errors:
                return (getattr(self.real.CUresult, errors.pop(0)), None)
            try:
                result = getattr(self, f"_{name}", lambda *a: ())(*arguments)
            except Refused as refused:
                return (getattr(self.real.CUresult, str(refused)), None)
            return (self.real.CUresult.CUDA_SUCCESS, *result)

        return function

    def _check(self, name, arguments):
        """Check the context, the stream's device, and that no capture is disturbed."""
        if ANYWHERE.match(name):
            return
        context = getattr(self.thread, "context", None)
        assert context is not None, f"{name} without a current context"
        if name in STREAM and (stream := int(arguments[STREAM[name]])) > 2:
            assert self.owners[stream] == context, f"{name} on a stream of another device"
        if getattr(self.thread, "capturing", False):
            assert not UNSAFE.match(name), f"{name} while this thread captures"
        if name in PAIRS:
            self.live[PAIRS[name]].remove(int(arguments[0]))

    def _handle(self, kind: str):
        self.handles += 8
        self.owners[self.handles] = getattr(self.thread, "context", None)
        self.live.setdefault(kind, set()).add(self.handles)
        return (getattr(self.real, kind)(self.handles),)

    def _cuCtxSetCurrent(self, context):
        self.thread.context = int(context)
        return ()

    def _cuStreamBeginCapture(self, stream, mode):
        self.thread.capturing = True
        return ()

    def _cuDeviceGetCount(self):
        return (self.devices,)

    def _cuDeviceGet(self, index):
        return (self.real.CUdevice(index),)

    def _cuDeviceGetName(self, length, device):
        return (b"NVIDIA H100 80GB HBM3" + bytes(length - 21),)

    def _cuDeviceGetAttribute(self, attribute, device):
        known = {"COMPUTE_CAPABILITY_MAJOR": 9, "COMPUTE_CAPABILITY_MINOR": 0}
        known["MULTIPROCESSOR_COUNT"] = 132
        return (known.get(attribute.name.removeprefix("CU_DEVICE_ATTRIBUTE_"), 1),)

    def _cuDevicePrimaryCtxRetain(self, device):
        return self._handle("CUcontext")

    def _cuDeviceGetMemPool(self, device):
        return self._handle("CUmemoryPool")

    def _cuMemPoolGetAttribute(self, pool, attribute):
        return (self.real.cuuint64_t(4096 if "RESERVED" in attribute.name else 1024),)

    def _cuStreamCreate(self, flags):
        return self._handle("CUstream")

    def _cuEventCreate(self, flags):
        return self._handle("CUevent")

    def _cuEventElapsedTime(self, start, end):
        return (1.5,)

    def _cuPointerGetAttribute(self, attribute, place):
        if not any(a <= place < a + m.nbytes for a, m in self.memory.items()):
            raise Refused("CUDA_ERROR_INVALID_VALUE")
        return (1,)

    def _cuMemGetInfo(self):
        return (3 << 20, 8 << 20)

    def _cuModuleLoadData(self, image):
        return self._handle("CUmodule")

    def _cuModuleGetFunction(self, module, name):
        return self._handle("CUfunction")

    def _cuStreamEndCapture(self, stream):
        self.thread.capturing = False
        return self._handle("CUgraph")

    def _cuGraphInstantiate(self, graph, flags):
        return self._handle("CUgraphExec")

    def _cuMemAlloc(self, nbytes):
        memory = np.zeros(nbytes, np.uint8)
        place = memory.__array_interface__["data"][0]
        self.memory[place] = memory
        return (self.real.CUdeviceptr(place),)

    def _cuMemAllocAsync(self, nbytes, stream):
        return self._cuMemAlloc(nbytes)

    def _cuMemHostAlloc(self, nbytes, flags):
        return (int(self._cuMemAlloc(nbytes)[0]),)

    def _cuMemFree(self, place):
        del self.memory[int(place)]
        return ()

    def _cuMemFreeAsync(self, place, stream):
        return self._cuMemFree(place)

    def _cuMemFreeHost(self, place):
        return self._cuMemFree(place)

    def _move(self, to, source, nbytes, stream):
        ctypes.memmove(to, source, nbytes)
        return ()

    _cuMemcpyHtoDAsync = _cuMemcpyDtoHAsync = _cuMemcpyDtoDAsync = _move

    def _cuMemsetD8Async(self, to, byte, nbytes, stream):
        ctypes.memset(to, byte, nbytes)
        return ()

    def _cuLaunchKernel(self, function, *rest):
        where, launches = rest[-2], self.parameters_of_launches
        count = self.expected_parameters
        places = (ctypes.c_void_p * count).from_address(where)
        launches.append([ctypes.c_uint64.from_address(p).value for p in places])
        return ()

    expected_parameters = 0
