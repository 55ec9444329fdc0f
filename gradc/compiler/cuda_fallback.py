"""A product that no library computes, of whole numbers for instance -> a generated kernel."""

from __future__ import annotations

from typing import Any

from gradc.build.cuda import CudaNative, load_cuda
from gradc.compiler.cuda_gpu import DeviceGpu, arch_of
from gradc.compiler.cuda_precision import arithmetic_for
from gradc.devices.driver import Driver
from gradc.emit.cuda_frames import ALIGNMENT
from gradc.emit.cuda_product import text
from gradc.runtime.cuda_launch import View

A = 3  # the first slot


class Fallback:
    """Kernels for products, by the name of the product and the shapes."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._known: dict[Any, tuple[CudaNative, DeviceGpu]] = {}

    def run(
        self, name: str, a: View, b: View, out: View, bias: View | None = None, rounds: str = ""
    ) -> None:
        """Launch the kernel of a product; compile it at first use."""
        given = (a, b, out) if bias is None else (a, b, out, bias)
        aligned = all(x.address % ALIGNMENT == 0 for x in given)
        arch = arch_of(self._driver)
        arithmetic = arithmetic_for(arch)
        shapes = a.shape, b.shape, out.shape
        key = (name, out.code, shapes, bias is None, aligned, rounds, arithmetic)
        known = self._known.get(key)
        if known is None:
            source = text(
                name, out.code, *shapes,
                bias=bias is not None, aligned=aligned, rounds=rounds, arithmetic=arithmetic,
            )  # fmt: skip
            native = load_cuda(source, name, arch)
            known = self._known[key] = native, DeviceGpu(native, self._driver, None)
        native, gpu = known
        native.step(gpu, {slot: x.address for slot, x in enumerate(given, A)})
