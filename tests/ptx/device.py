"""Generated CUDA text -> its PTX, run launch by launch on the PTX machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from ptx.extents import extents_of, windows
from ptx.machine import Launch, PtxModule
from ptx.memory import GlobalMemory
from ptx.schedule import TOGETHER, Order

from gradc.build.cuda import ptx_of
from gradc.primitives.sixteen_bits import lowered
from gradc.runtime.cuda_launch import CudaKernel, CudaStep, View

ARCH = "sm_90"
DTYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64}
DTYPES |= {"u8": np.uint8, "b1": np.bool_}
_TEXTS: dict[str, str] = {}


def text_of(source: str) -> str:
    """Return the PTX of a generated file, compiled once in this process."""
    key = hashlib.sha256(source.encode()).hexdigest()
    if key not in _TEXTS:
        _TEXTS[key] = ptx_of(source, "ptx_machine", ARCH)
    return _TEXTS[key]


class PtxGpu:
    """A GPU that runs the PTX of one generated file.

    Attributes:
        memory: its memory.
        launched: the names of kernels, in order.
        steps: blocks of instructions that were run.
    """

    def __init__(self, source: str, memory: GlobalMemory, order: Order = TOGETHER) -> None:
        names: dict = {}
        exec(compile(source, "generated.py", "exec"), names)
        self._kernels = {k.__name__: k for k in names.values() if isinstance(k, CudaKernel)}
        (self._step,) = [v for v in names.values() if isinstance(v, CudaStep)]
        self._module = PtxModule(text_of(source), memory) if self._kernels else None
        self.memory, self._order = memory, order
        self.launched: list[str] = []
        self.steps = 0

    def run(self, buffers: dict[int, int]) -> None:
        """Run the step on the addresses of its slots."""
        self._step(self, buffers)

    def launch(
        self,
        name: str,
        blocks: tuple[int, int],
        threads: tuple[int, int],
        arguments: Sequence[int],
    ) -> None:
        """Run a kernel."""
        kernel = self._kernels[name]
        assert self._module is not None
        self.launched.append(name)
        extents = extents_of(kernel)
        launch = Launch(
            self._module, kernel.symbol, (*blocks, 1), (*threads, 1), arguments,
            windows(extents, arguments, self.memory, name), self._order,
        )  # fmt: skip
        launch.run()
        self.steps += launch.steps

    def product(
        self, name: str, a: View, b: View, out: View, bias: View | None, rounds: str
    ) -> None:
        """Compute a matrix product by NumPy."""
        first, second = (self.array(v) for v in (a, b))
        added = 0 if bias is None else self.array(bias)
        left, _, right = name.removeprefix("batch_").partition("matmul")
        first = first.swapaxes(-1, -2) if left else first
        second = second.swapaxes(-1, -2) if right else second
        first, second = lowered(rounds, first, second)
        dtype = DTYPES[out.code]
        result = (first @ second + np.array(added, dtype)).astype(dtype)
        self.memory.write(out.address, np.broadcast_to(result, out.shape))

    def array(self, view: View) -> np.ndarray:
        """Return a copy of what a view shows."""
        return self.memory.download(view.address, np.empty(view.shape, DTYPES[view.code]))


Seen = Callable[[PtxGpu], None]
