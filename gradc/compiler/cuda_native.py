"""Graph -> kernels and a step on a device, with its arena and its captured graphs.

The step is Python that launches kernels. For addresses that are met for the first time it runs as
it is, which also loads every kernel; when they are met again, what it launches is captured in a
CUDA graph, and from then on a call is one launch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradc.build.cuda import CudaNative, load_cuda
from gradc.compiler.cuda_gpu import DeviceGpu, arch_of
from gradc.compiler.cuda_pool import DevicePool, pool_for
from gradc.compiler.cuda_precision import arithmetic_for
from gradc.compiler.cuda_products import products_of
from gradc.devices.array import DeviceArray, empty, upload
from gradc.devices.driver import Driver, driver
from gradc.devices.driver import Graph as Captured
from gradc.devices.precision import PRECISION
from gradc.devices.statistics import memory_text
from gradc.emit.cuda import EmittedCuda, emit
from gradc.errors import OutOfMemoryError
from gradc.ir.dtype import DType
from gradc.ir.graph import Graph
from gradc.runtime.locks import Lock
from gradc.schedule.make import schedule
from gradc.schedule.plan import Plan
from gradc.schedule.target import CUDA

ARENA, FIRST = 2, 3
KEPT = 8  # captured graphs, for as many sets of addresses
KNOWN = 64  # sets of addresses that are remembered

Key = tuple[Any, ...]


@dataclass(slots=True)
class CudaExecutable:
    """A graph compiled for a device; one call at a time gives it work.

    Attributes:
        graph: what it computes, after the passes.
        plan: kernels, buffers, arena.
        emitted: the generated text.
        native: the loaded code.
        gpu: the device with the code's kernels.
        arena: room for temporaries.
        pools: arrays for each output.
        products: whether there are matrix products.
        graphs: captured, by stream, precision and addresses, the latest last.
        met: sets of addresses that the step has run on.
        captures: how often a graph was captured.
    """

    graph: Graph
    plan: Plan
    emitted: EmittedCuda
    native: CudaNative
    gpu: DeviceGpu
    arena: DeviceArray
    pools: list[DevicePool]
    products: bool
    graphs: dict[Key, Captured] = field(default_factory=dict[Key, Captured])
    met: dict[Key, None] = field(default_factory=dict[Key, None])
    captures: int = 0
    lock: Lock = field(default_factory=Lock)

    @property
    def driver(self) -> Driver:
        """The device."""
        return self.gpu.driver

    @property
    def first_output(self) -> int:
        """The slot of the first output."""
        return FIRST + len(self.graph.inputs)

    def call(self, addresses: Sequence[int]) -> None:
        """Give the device one step of work.

        Args:
            addresses: of the inputs, then of the outputs.
        """
        device = self.driver
        key = (device.stream, PRECISION.name, *addresses)
        graph = self.graphs.pop(key, None)
        if graph is None:
            if key not in self.met:
                self.direct(addresses)
                self.met[key] = None
                _bound(self.met, KNOWN)
                return
            self.follow_stream()
            buffers = self._buffers(addresses)
            graph = device.capture(lambda: self.native.step(self.gpu, buffers), self.gpu)
            self.captures += 1
        self.graphs[key] = graph
        _bound(self.graphs, KEPT)
        self.follow_stream()
        graph.launch()

    def direct(self, addresses: Sequence[int]) -> None:
        """Give the device one step of work, kernel by kernel."""
        self.follow_stream()
        self.native.step(self.gpu, self._buffers(addresses))

    def _buffers(self, addresses: Sequence[int]) -> dict[int, int]:
        """Return the address in each slot."""
        return {ARENA: self.arena.address, **dict(enumerate(addresses, FIRST))}

    def follow_stream(self) -> None:
        """Wait where work goes to another stream now: the program's memory is in use on the old."""
        stream = self.driver.stream
        if stream != self.gpu.stream:
            self.driver.synchronize()
            self.gpu.stream = stream
        if self.products:
            products_of(self.driver).prepare(stream)

    def run(self, arrays: Sequence[DeviceArray]) -> list[DeviceArray]:
        """Run on one array per input; return the outputs."""
        with self.lock:
            outputs = [pool.take() for pool in self.pools]
            self.call([a.address for a in (*arrays, *outputs)])
            return outputs

    def kept(self, content: Any) -> DeviceArray:
        """Return a content as the backward program reads it."""
        if isinstance(content, DeviceArray):
            return content.aligned()
        return upload(content, self.driver.index)  # a number on the CPU

    def seed(self, gradient: Any, shape: tuple[int, ...], dtype: DType) -> DeviceArray:
        """Return the gradient of a result as the backward program reads it."""
        if gradient is not None:
            return gradient.reshape(shape).aligned()
        made = empty(shape, dtype.numpy, self.driver.index)
        made.fill(0)
        return made

    @property
    def nbytes(self) -> int:
        """Bytes that one call needs besides inputs: the arena and the outputs."""
        return self.arena.nbytes + sum(pool.nbytes for pool in self.pools)


def _bound(entries: dict[Key, Any], count: int) -> None:
    """Drop the oldest entries."""
    while len(entries) > count:
        del entries[next(iter(entries))]


def cuda_executable(graph: Graph, index: int) -> CudaExecutable:
    """Plan, write out and compile a graph that the passes have seen, for a device.

    Raises:
        OutOfMemoryError: the arena doesn't fit.
    """
    device = driver(index)
    arch = arch_of(device)
    plan = schedule(graph, target=CUDA, arithmetic=arithmetic_for(arch))
    emitted = emit(plan)
    native = load_cuda(emitted.source, graph.name, arch)
    products = plan.calls_blas  # in a loop's body too
    return CudaExecutable(
        graph,
        plan,
        emitted,
        native,
        DeviceGpu(native, device, products_of(device) if products else None),
        _arena(graph.name, emitted.arena_bytes, device),
        [pool_for(v, index) for v in graph.outputs],
        products,
    )


def _arena(name: str, nbytes: int, device: Driver) -> DeviceArray:
    """Return the memory for temporaries."""
    try:
        return empty((nbytes,), np.uint8, device.index)
    except OutOfMemoryError as error:
        free, total = device.memory_info()
        raise OutOfMemoryError(
            f"compile: {name} needs {memory_text(nbytes)} for temporaries on cuda:{device.index}; "
            f"{memory_text(free)} of {memory_text(total)} are free",
            hint="a smaller batch, or del tensors that are not needed any more",
        ) from error
