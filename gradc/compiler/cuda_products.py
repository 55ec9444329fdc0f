"""Matrix products of a device: cuBLASLt, NumPy where it is emulated, a generated kernel else."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gradc.compiler.cuda_fallback import Fallback
from gradc.devices.array import DeviceArray, empty
from gradc.devices.driver import Array, Driver
from gradc.devices.emulated import EmulatedDriver
from gradc.devices.precision import PRECISION
from gradc.primitives.sixteen_bits import lowered
from gradc.runtime import interpreted
from gradc.runtime.cublaslt import WORKSPACE, CublasLt, Problem, alignment, find_cublaslt
from gradc.runtime.cuda_launch import View

REAL = ("f32", "f64")
_NAME = re.compile(r"(batch_)?(t_)?matmul(_t)?")


@dataclass(frozen=True, slots=True)
class Form:
    """Which operands of a product lie transposed in memory, and whether there is a batch."""

    batched: bool
    a_transposed: bool
    b_transposed: bool


@cache
def form_of(name: str) -> Form:
    """Return what `batch_t_matmul_t` and its kin mean."""
    match = _NAME.fullmatch(name)
    assert match is not None
    return Form(*(part is not None for part in match.groups()))


class Products:
    """The products of one device.

    Attributes:
        lt: cuBLASLt, or None where it is not installed.
    """

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        library = None if driver.emulated else find_cublaslt()
        self.lt = None if library is None else CublasLt(library)
        self._fallback = Fallback(driver)
        self._workspaces: dict[int, DeviceArray] = {}

    @property
    def library(self) -> str:
        """Return what computes products of floating-point numbers."""
        if self.driver.emulated:
            return "NumPy, for the emulated device"
        return "generated kernels" if self.lt is None else "cuBLASLt"

    def prepare(self, stream: int) -> None:
        """Have room for products on a stream: a capture can't allocate it."""
        if self.lt is not None and stream not in self._workspaces:
            self._workspaces[stream] = empty((WORKSPACE,), np.uint8, self.driver.index)

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
        """Compute out = a @ b, or a @ b + bias.

        Args:
            name: `matmul_t` and so on, as in the generated text.
            a: the left operand.
            b: the right operand.
            out: the result.
            stream: the one on which it will run; while a graph is captured, the one on which
                that will be launched. Its workspace was prepared.
            bias: what is added to each row; only to sums of at least one term.
            rounds: the format that float32 operands are rounded to, or "".
        """
        form = form_of(name)
        if 0 in out.shape:
            return
        length = a.shape[-2 if form.a_transposed else -1]
        if length == 0:
            self.driver.fill(out.address, 0, _bytes(out))
        elif isinstance(self.driver, EmulatedDriver):
            self.driver.run(_by_numpy(form, a, b, out, bias, rounds))
        elif self.lt is not None and out.code in REAL:
            problem = Problem(
                out.code,
                (out.shape[-2], out.shape[-1], length),
                out.shape[0] if form.batched else 1,
                form.a_transposed,
                form.b_transposed,
                rounds or PRECISION.name,
                (alignment(a.address), alignment(b.address), alignment(out.address)),
                0 if bias is None else alignment(bias.address),
            )
            place, added = self._workspaces[stream].address, 0 if bias is None else bias.address
            self.lt.matmul(
                problem, a.address, b.address, out.address, place, self.driver.stream, added
            )
        else:
            self._fallback.run(name, a, b, out, bias, rounds)


def _host(view: View) -> Array:
    """Return the array that lies in host memory."""
    made: Callable[..., Array] = getattr(interpreted, f"view_{view.code}")
    return made({0: view.address}, 0, 0, view.shape)


def _bytes(view: View) -> int:
    """Return the size of an array."""
    return math.prod(view.shape) * _host(View(0, view.code, (0,))).itemsize


def _by_numpy(
    form: Form, a: View, b: View, out: View, bias: View | None, rounds: str
) -> Callable[[], None]:
    """Return what computes a product in host memory."""
    left, right, result = map(_host, (a, b, out))
    added = None if bias is None else _host(bias)
    left = left.swapaxes(-1, -2) if form.a_transposed else left
    right = right.swapaxes(-1, -2) if form.b_transposed else right

    def run() -> None:
        with np.errstate(all="ignore"):
            product = np.matmul(*lowered(rounds, left, right))
            result[...] = product if added is None else product + added

    return run


@cache
def products_of(driver: Any) -> Products:
    """Return the products of a device, found at first use."""
    return Products(driver)
