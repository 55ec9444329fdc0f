"""A product that no library computes, of whole numbers for instance -> a generated kernel."""

from __future__ import annotations

import math
from typing import Any

from gradc.build.cuda import CudaNative, load_cuda
from gradc.compiler.cuda_gpu import DeviceGpu, arch_of
from gradc.devices.driver import Driver
from gradc.runtime.cuda_launch import View

THREADS = 128
A, B, OUT = 3, 4, 5  # slots
ZERO = {"f32": "f(0.0)", "f64": "0.0", "i32": "int32(0)", "i64": "0", "u8": "uint8(0)"}
IMPORTS = {
    "f32": "from numpy import float32 as f",
    "i32": "from numpy import int32",
    "u8": "from numpy import uint8",
}


class Fallback:
    """Kernels for products, by the name of the product and the shapes."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._known: dict[Any, tuple[CudaNative, DeviceGpu]] = {}

    def run(self, name: str, a: View, b: View, out: View) -> None:
        """Launch the kernel of a product; compile it at first use."""
        key = (name, out.code, a.shape, b.shape, out.shape)
        known = self._known.get(key)
        if known is None:
            source = text(name, out.code, a.shape, b.shape, out.shape)
            native = load_cuda(source, name, arch_of(self._driver))
            known = self._known[key] = native, DeviceGpu(native, self._driver, None)
        native, gpu = known
        native.step(gpu, {A: a.address, B: b.address, OUT: out.address})


def text(name: str, code: str, a: tuple[int, ...], b: tuple[int, ...], out: tuple[int, ...]) -> str:
    """Return the generated file of a product: one thread for each element of the result."""
    batch = "batch, " if len(out) == 3 else ""
    left = "p, i" if name.removeprefix("batch_").startswith("t_") else "i, p"
    right = "j, p" if name.endswith("_t") else "p, j"
    length = a[-2] if left == "p, i" else a[-1]
    shapes = ", ".join(f"{code}[{','.join(map(str, shape))}]" for shape in (a, b, out))
    blocks = -(-math.prod(out) // THREADS)
    views = [
        f"    {x} = view_{code}(buffers, {slot}, 0, {shape})"
        for x, slot, shape in (("a", A, a), ("b", B, b), ("out", OUT, out))
    ]
    lines = [
        f'"""{name} of {code}: each thread computes one element of the result."""',
        "",
        *([IMPORTS[code], ""] if code in IMPORTS else []),
        f"from gradc.runtime.cuda import grid, kernel, step, view_{code}",
        "",
        "",
        f'@kernel("{shapes}")',
        f"def {name}(a, b, out):",
        f"    for {batch}i, j in grid({', '.join(map(str, out))}):",
        f"        total = {ZERO[code]}",
        f"        for p in range({length}):",
        f"            total += a[{batch}{left}] * b[{batch}{right}]",
        f"        out[{batch}i, j] = total",
        "",
        "",
        "@step",
        "def product(gpu, buffers):",
        *views,
        f"    {name}[{blocks}, {THREADS}](a, b, out)",
    ]
    return "\n".join([*lines, ""])
