"""A CUDA driver whose GPU is the PTX machine: modules are PTX text, launches run it.

What a stream captures is kept as a list, which a launch of the graph goes through in order. All
work is done at once, whatever stream it is given to.
"""

from __future__ import annotations

import copy
import ctypes
from collections.abc import Callable

import numpy as np
from fake_cublaslt import FakeCublasLt
from fake_cuda import FakeCuda, Refused
from ptx.extents import extents_of, noted, windows
from ptx.machine import Launch, PtxModule
from ptx.memory import GlobalMemory
from ptx.schedule import TOGETHER, Order
from ptx.text import PtxError

from gradc.build import cuda_ptx
from gradc.build.cuda import kernels_of


class PtxCuda(FakeCuda):
    """The functions that the driver calls.

    Attributes:
        gpu_memory: the memory of all devices.
        order: which warps go first.
        launches: how many kernels ran.
        kernels: the names of those that ran.
    """

    def __init__(self, real, memory: GlobalMemory, devices: int = 2) -> None:
        super().__init__(real, devices)
        self.driver = True  # the real functions must not be called, not even to convert arguments
        self.gpu_memory = memory
        self.order: Order = TOGETHER
        self.launches = 0
        self.kernels: set[str] = set()
        self._modules: dict[int, PtxModule] = {}
        self._functions: dict[int, tuple[PtxModule, str]] = {}
        self._recorded: dict[int, list[Callable[[], None]]] = {}

    def do(self, work: Callable[[], None]) -> None:
        """Do some work, or keep it where this thread captures."""
        if getattr(self.thread, "capturing", False):
            self.thread.recording.append(work)
        else:
            work()

    def _cuMemGetInfo(self):
        used = sum(self.gpu_memory.sizes.values())
        total = len(self.gpu_memory.bytes)
        return (total - used, total)

    def _cuMemAlloc(self, nbytes):
        try:
            return (self.real.CUdeviceptr(self.gpu_memory.allocate(nbytes)),)
        except PtxError as error:
            raise Refused("CUDA_ERROR_OUT_OF_MEMORY") from error

    def _cuMemFree(self, place):
        self.gpu_memory.free(int(place))
        return ()

    def _cuMemHostAlloc(self, nbytes, flags):
        pinned = np.zeros(max(nbytes, 1), np.uint8)
        place = pinned.__array_interface__["data"][0]
        self.memory[place] = pinned
        return (place,)

    def _cuMemFreeHost(self, place):
        del self.memory[int(place)]
        return ()

    def _cuMemcpyHtoDAsync(self, to, source, nbytes, stream):
        def work():
            raw = (ctypes.c_uint8 * nbytes).from_address(source)
            self.gpu_memory.write(int(to), np.frombuffer(raw, np.uint8))

        self.do(work)
        return ()

    def _cuMemcpyDtoHAsync(self, to, source, nbytes, stream):
        found = self.gpu_memory.read(int(source), nbytes)
        ctypes.memmove(to, found.ctypes.data, nbytes)
        return ()

    def _cuMemcpyDtoDAsync(self, to, source, nbytes, stream):
        self.do(lambda: self.gpu_memory.copy(int(to), int(source), nbytes))
        return ()

    def _cuMemsetD8Async(self, to, byte, nbytes, stream):
        self.do(lambda: self.gpu_memory.write(int(to), np.full(nbytes, byte, np.uint8)))
        return ()

    def _cuModuleLoadData(self, image):
        (handle,) = self._handle("CUmodule")
        self._modules[int(handle)] = PtxModule(image.decode(), self.gpu_memory)
        return (handle,)

    def _cuModuleGetFunction(self, module, name):
        (handle,) = self._handle("CUfunction")
        self._functions[int(handle)] = (self._modules[int(module)], name.decode())
        return (handle,)

    def _cuLaunchKernel(self, function, *rest):
        module, name = self._functions[int(function)]
        blocks, threads = rest[:3], rest[3:6]
        count = len(module.kernels[name].parameters)
        places = (ctypes.c_void_p * count).from_address(rest[-2])
        given = [ctypes.c_uint64.from_address(p).value for p in places]
        extents = noted(module.notes)[name]

        def work():
            allowed = windows(extents, given, self.gpu_memory, name)
            Launch(module, name, blocks, threads, given, allowed, self.order).run()
            self.launches += 1
            self.kernels.add(name)

        self.do(work)
        return ()

    def _cuStreamBeginCapture(self, stream, mode):
        self.thread.recording = []
        return super()._cuStreamBeginCapture(stream, mode)

    def _cuStreamEndCapture(self, stream):
        (handle,) = super()._cuStreamEndCapture(stream)
        self._recorded[int(handle)] = self.thread.recording
        return (handle,)

    def _cuGraphInstantiate(self, graph, flags):
        (handle,) = super()._cuGraphInstantiate(graph, flags)
        self._recorded[int(handle)] = list(self._recorded[int(graph)])
        return (handle,)

    def _cuGraphLaunch(self, graph, stream):
        for work in self._recorded[int(graph)]:
            work()
        return ()


class PtxCublasLt(FakeCublasLt):
    """cuBLASLt on the memory of a PTX machine: it reads what was written, and can be captured."""

    def __init__(self, gpu: PtxCuda) -> None:
        super().__init__()
        self._gpu = gpu

    def cublasLtMatmul(
        self, handle, operation, alpha, a, la, b, lb, beta, c, lc, d, ld, algo, space, size, stream
    ):
        # descriptors and pointers are used again for the next product
        known = {x.value: copy.deepcopy(self.objects[x.value]) for x in (operation, la, lb, ld)}
        pointers = (a, la, b, lb, beta, c, lc, d, ld)
        kept = [ctypes.c_void_p(p.value) if hasattr(p, "value") else p for p in pointers]
        first = ctypes.c_void_p(operation.value)

        def work():
            now, self.objects = self.objects, known
            try:
                super(PtxCublasLt, self).cublasLtMatmul(
                    handle, first, alpha, *kept, algo, space, size, stream
                )
                begin, nbytes = kept[-2].value, self._extent(known[ld.value])
                self._gpu.gpu_memory.allow(begin, nbytes, written=True)
            finally:
                self.objects = now

        self._gpu.do(work)
        return self.status

    def _extent(self, layout) -> int:
        """Return the bytes from the first to the last element of matrices."""
        kind, _, columns, leading = layout["layout"]
        count, step = layout["attributes"].get(5, 1), layout["attributes"].get(6, 0)
        return ((count - 1) * step + columns * leading) * (4, 8)[kind]

    def _matrices(self, place, layout):
        self._gpu.gpu_memory.check_range(place.value, self._extent(layout))
        return super()._matrices(place, layout)


def assemble(text: bytes, arch: str) -> bytes:
    """Return PTX text in place of machine code."""
    return text


_COMPILE = cuda_ptx.compile_ptx


def compile_noted(module, source: str, arch: str) -> bytes:
    """Compile a module, and note what its kernels may touch."""
    notes = [extents_of(k).note(k.symbol) for k in kernels_of(module)]
    return "\n".join([_COMPILE(module, source, arch).decode(), *notes, ""]).encode()
