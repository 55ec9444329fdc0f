"""`@kernel`, `@step`, views and products of generated CUDA text: what its step tells a device.

The step is ordinary Python. It runs once, while a device records what it is told to do; the device
is whatever offers the methods of `Gpu`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from gradc.errors import BuildError
from gradc.runtime.cuda_signature import Parameter, parse

Size = int | tuple[int, int]


@dataclass(frozen=True, slots=True)
class View:
    """An array in device memory.

    Args:
        address: of its first element.
        code: element type, as in `f32`.
        shape: sizes, in C order.
    """

    address: int
    code: str
    shape: tuple[int, ...]


class Gpu(Protocol):
    """What a step tells a device."""

    def launch(
        self,
        name: str,
        blocks: tuple[int, int],
        threads: tuple[int, int],
        arguments: tuple[int, ...],
    ) -> None:
        """Launch a kernel of this step's module on arrays at these addresses."""
        ...

    def product(
        self, name: str, a: View, b: View, out: View, bias: View | None, rounds: str
    ) -> None:
        """Compute a matrix product; the names are the CPU's: `matmul_t`, `batch_matmul` ..."""
        ...


_GPU: ContextVar[Gpu] = ContextVar("_GPU")


class CudaKernel:
    """A kernel of a generated file.

    Attributes:
        function: the Python original.
        parameters: what it takes.
        overlap: whether an array that is written may lie in the memory of another one.
        unaligned: whether an array may begin anywhere, not only at multiples of 16 bytes.
        sizes: lengths of the arrays, where one launch has several sets of them.
        resident: of blocks of 256 threads, how many a multiprocessor has registers for at a time;
            0 where blocks have other sizes.
        symbol: the name of its machine code.
    """

    def __init__(
        self,
        function: Callable[..., None],
        parameters: tuple[Parameter, ...],
        overlap: bool,
        unaligned: bool,
        sizes: tuple[int, ...],
        resident: int,
    ) -> None:
        self.function, self.parameters, self.sizes = function, parameters, sizes
        self.overlap, self.unaligned, self.resident = overlap, unaligned, resident
        self.__name__ = function.__name__
        self.symbol = f"gradc_{function.__name__}"

    def __getitem__(self, size: tuple[Size, Size]) -> Callable[..., None]:
        """Return what launches it: `kernel[blocks, threads](arguments...)`.

        Two numbers of blocks are columns and parts, two numbers of threads lanes and groups.
        """
        blocks, threads = (n if isinstance(n, tuple) else (n, 1) for n in size)

        def launch(*arguments: View) -> None:
            addresses = tuple(a.address for a in arguments)
            _GPU.get().launch(self.__name__, blocks, threads, addresses)

        return launch


@dataclass(frozen=True, slots=True)
class CudaStep:
    """The entry point of a generated file: what is launched, in order."""

    function: Callable[[Gpu, Mapping[int, int]], None]

    def __call__(self, gpu: Gpu, buffers: Mapping[int, int]) -> None:
        """Tell a device everything that the step consists of.

        Args:
            gpu: the device.
            buffers: the address in each slot: 2 the arena, 3... inputs, then outputs.
        """
        token = _GPU.set(gpu)
        try:
            self.function(gpu, buffers)
        finally:
            _GPU.reset(token)


def kernel(
    text: str,
    overlap: bool = False,
    unaligned: bool = False,
    sizes: tuple[int, ...] = (),
    resident: int = 0,
) -> Callable[[Callable[..., None]], CudaKernel]:
    """Declare a kernel with the parameters that `text` names.

    Args:
        text: the signature.
        overlap: whether an array that is written may lie in the memory of another one.
        unaligned: whether an array may begin anywhere, not only at multiples of 16 bytes.
        sizes: for a kernel that takes a segment: lengths of the arrays. A launch has one set of
            arguments for each of them, side by side, each with whole blocks of its own.
        resident: for a kernel of blocks of 256 threads: how many of them are to have room in a
            multiprocessor's registers at a time; 0 leaves that and the threads open.
    """
    parameters = parse(text)

    def declared(function: Callable[..., None]) -> CudaKernel:
        count = function.__code__.co_argcount
        if count != len(parameters):
            raise BuildError(
                f"kernel: {function.__name__} takes {count} arguments, "
                f"its signature names {len(parameters)}"
            )
        return CudaKernel(function, parameters, overlap, unaligned, sizes, resident)

    return declared


def step(function: Callable[[Gpu, Mapping[int, int]], None]) -> CudaStep:
    """Declare the entry point."""
    return CudaStep(function)


def loop_body(function: Callable[..., None]) -> Callable[..., None]:
    """Declare one step of a loop: a function of the device, the buffers and the times."""
    return function


def _view(code: str) -> Callable[[Mapping[int, int], int, int, tuple[int, ...]], View]:
    """Return the function `view_<code>(buffers, slot, offset, shape)`."""

    def view(buffers: Mapping[int, int], slot: int, offset: int, shape: tuple[int, ...]) -> View:
        return View(buffers[slot] + offset, code, shape)

    return view


view_f32, view_f64 = _view("f32"), _view("f64")
view_i32, view_i64 = _view("i32"), _view("i64")
view_u8, view_b1 = _view("u8"), _view("b1")


def _product(name: str) -> Callable[..., None]:
    """Return the function `name(gpu, a, b, out, bias=None, rounds="")`.

    A bias is added to each row; `rounds` names the format that operands are rounded to.
    """

    def product(
        gpu: Gpu, a: View, b: View, out: View, bias: View | None = None, rounds: str = ""
    ) -> None:
        gpu.product(name, a, b, out, bias, rounds)

    return product


matmul, matmul_t = _product("matmul"), _product("matmul_t")
t_matmul, t_matmul_t = _product("t_matmul"), _product("t_matmul_t")
batch_matmul, batch_matmul_t = _product("batch_matmul"), _product("batch_matmul_t")
batch_t_matmul, batch_t_matmul_t = _product("batch_t_matmul"), _product("batch_t_matmul_t")
