"""A loaded CUDA module -> what its step tells its launches to: a device with these kernels."""

from __future__ import annotations

from typing import Any, Protocol

from gradc.build.cuda import CudaNative
from gradc.build.cuda_compiler import ARCHITECTURES
from gradc.build.key import EMULATED
from gradc.devices.driver import Driver, Module, Size
from gradc.errors import DeviceError
from gradc.runtime.cuda_launch import View


class Multiplies(Protocol):
    """Who computes matrix products."""

    @property
    def library(self) -> str:
        """What it is called."""
        ...

    def run(
        self,
        name: str,
        a: View,
        b: View,
        out: View,
        stream: int,
        bias: View | None = None,
        rounds: str = "",
    ) -> None:
        """Compute out = a @ b, plus a bias for each row; of operands rounded to a format."""
        ...


class DeviceGpu:
    """A device with the kernels of one module.

    Args:
        native: the module.
        driver: the device.
        products: who computes its products; None for a module that has none.
    """

    def __init__(self, native: CudaNative, driver: Driver, products: Multiplies | None) -> None:
        self.driver = driver
        self.products = products
        self.stream = driver.stream  # the one on which what is captured will be launched
        self.functions, self.module = _functions(native, driver)

    @property
    def library(self) -> str:
        """Return what computes its products, or ""."""
        return "" if self.products is None else self.products.library

    def launch(self, name: str, blocks: Size, threads: Size, arguments: tuple[int, ...]) -> None:
        """Launch a kernel."""
        self.driver.launch(self.functions[name], blocks, threads, arguments)

    def product(
        self, name: str, a: View, b: View, out: View, bias: View | None, rounds: str
    ) -> None:
        """Compute a matrix product."""
        assert self.products is not None
        self.products.run(name, a, b, out, self.stream, bias, rounds)


def _functions(native: CudaNative, driver: Driver) -> tuple[dict[str, Any], Module | None]:
    """Return what the driver launches for each kernel, and the module that it must keep."""
    if driver.emulated:
        return {name: kernel.run for name, kernel in native.functions.items()}, None
    if not native.functions:
        return {}, None
    module = driver.load(native.cubin)
    kernels = {name: module.function(kernel.symbol) for name, kernel in native.functions.items()}
    return kernels, module


def arch_of(driver: Driver) -> str:
    """Return the architecture to compile for: the device's, or the nearest before it.

    Raises:
        DeviceError: the device is older than all, or of a generation that is not known yet.
    """
    if driver.emulated:
        return EMULATED
    major, minor = driver.compute_capability
    found = [a for a in ARCHITECTURES if divmod(int(a[3:]), 10) <= (major, minor)]
    if not found or int(found[-1][3:]) // 10 != major:
        raise DeviceError(
            f"cuda: {driver.name} has compute capability {major}.{minor}; kernels can be compiled "
            f"for {', '.join(ARCHITECTURES)}",
            hint="a newer gradc",
        )
    return found[-1]
