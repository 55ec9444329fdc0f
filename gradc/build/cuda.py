"""The text of a generated CUDA file -> its step and the machine code of its kernels.

Machine code is kept in the same store as the CPU's, named by content.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from gradc import store
from gradc.build.cuda_compiler import assemble, checked
from gradc.build.key import EMULATED, cuda_key
from gradc.build.load import module_of
from gradc.build.machine import Code, host
from gradc.config import cache_directory, jit_disabled
from gradc.errors import BuildError
from gradc.runtime.cuda_launch import CudaKernel, CudaStep
from gradc.runtime.cuda_signature import Parameter

if TYPE_CHECKING:
    from gradc.build.optimiser import ObjectFile


@dataclass(frozen=True, slots=True)
class CudaFunction:
    """A kernel of a loaded program.

    Attributes:
        symbol: its entry point in the cubin.
        parameters: one pointer each.
        run: `run(blocks, threads, addresses)` on the emulated device; None for a GPU.
    """

    symbol: str
    parameters: tuple[Parameter, ...]
    run: Callable[..., None] | None = None


@dataclass(frozen=True, slots=True)
class CudaNative:
    """A loaded program.

    Attributes:
        step: what launches its kernels; call it with a device and the addresses of the slots.
        cubin: machine code of all kernels; b"" for the emulated device.
        functions: the kernels by name.
        path: the readable text, kernel.py.
        compile_seconds: what compiling took in this process; 0 where it came from the store.
        cached: whether the machine code came from the store.
        source: the text.
        arch: what it was compiled for.
    """

    step: CudaStep
    cubin: bytes
    functions: Mapping[str, CudaFunction]
    path: Path
    compile_seconds: float
    cached: bool
    source: str
    arch: str
    _keep_alive: Code | None = field(repr=False)


def load_cuda(source: str, name: str, arch: str) -> CudaNative:
    """Return the program of a text, from the store or compiled now.

    Args:
        source: a generated file: imports, `@kernel` functions, one `@step` function.
        name: what messages and `sys.modules` call it.
        arch: an architecture such as "sm_90", or "emulated".

    Raises:
        BuildError: there is no such architecture, packages are missing, or the text does not
            compile; the cause is kept.
        CacheError: the cache directory can't be trusted.
    """
    emulated = arch == EMULATED
    if emulated and jit_disabled():
        return _interpreted(source, name)
    program = cuda_key(source, arch if emulated else checked(arch))
    directory = store.opened(cache_directory())
    path = store.place(directory, program) / store.SOURCE
    module = module_of(source, name, program, path)
    entry = store.read(directory, program, source)
    started, seconds = time.perf_counter(), 0.0
    if entry is None:
        try:
            made = _compiled(module, source, arch)
        except BuildError:
            store.write_source(directory, program, source)
            raise
        code, externals = made.code, made.externals
        store.write(directory, program, source, code, externals)
        seconds = time.perf_counter() - started
    else:
        code, externals = entry.code, entry.externals
    loaded = Code(code, externals, "") if emulated and code else None
    return CudaNative(
        step_of(module),
        b"" if emulated else code,
        {k.__name__: _function(k, loaded) for k in kernels_of(module)},
        path,
        seconds,
        entry is not None,
        source,
        arch,
        loaded,
    )


def _interpreted(source: str, name: str) -> CudaNative:
    """Return the program run by the Python interpreter, so that pdb can stop in its kernels."""
    from gradc.runtime.interpreted_cuda import run

    directory = store.opened(cache_directory())
    program = cuda_key(source, "interpreted")
    entry = store.read(directory, program, source)
    path = entry.path if entry else store.write(directory, program, source, b"", ())
    module = module_of(source, name, program, path)
    functions = {
        k.__name__: CudaFunction(k.symbol, k.parameters, partial(run, k))
        for k in kernels_of(module)
    }
    return CudaNative(
        step_of(module), b"", functions, path, 0.0, entry is not None, source, EMULATED, None
    )


def ptx_of(source: str, name: str, arch: str) -> str:
    """Return the PTX of a text's kernels; it needs no NVIDIA package."""
    from gradc.build.cuda_ptx import compile_ptx

    directory = store.opened(cache_directory())
    program = cuda_key(source, EMULATED)
    path = store.place(directory, program) / store.SOURCE
    return compile_ptx(module_of(source, name, program, path), source, checked(arch)).decode()


def _compiled(module: ModuleType, source: str, arch: str) -> ObjectFile:
    """Return the machine code of a module's kernels; none where it has none."""
    # The compiler is imported here so that a warm start does without it.
    from gradc.build.cuda_ptx import compile_emulated, compile_ptx
    from gradc.build.optimiser import ObjectFile

    if not kernels_of(module):
        return ObjectFile(b"", ())
    if arch == EMULATED:
        return compile_emulated(module, source, host())
    return ObjectFile(assemble(compile_ptx(module, source, arch), arch), ())


def kernels_of(module: ModuleType) -> list[CudaKernel]:
    """Return the kernels of a generated module."""
    return [value for value in vars(module).values() if isinstance(value, CudaKernel)]


def step_of(module: ModuleType) -> CudaStep:
    """Return the step of a generated module."""
    steps = [value for value in vars(module).values() if isinstance(value, CudaStep)]
    if len(steps) != 1:
        raise BuildError(f"build: {module.__file__} has {len(steps)} @step functions, expected 1")
    return steps[0]


def _function(kernel: CudaKernel, loaded: Code | None) -> CudaFunction:
    """Return a kernel, which the emulated device can run."""
    run = None if loaded is None else _runner(loaded.function(kernel.symbol))
    return CudaFunction(kernel.symbol, kernel.parameters, run)


_ENTRY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_int32] * 4)
_ALONE = threading.Lock()  # a launch tells its kernel where it stands in variables of the module


def _runner(address: int) -> Callable[..., None]:
    """Return what runs a kernel of the emulated device, one group after the other."""
    entry = _ENTRY(address)

    def run(blocks: tuple[int, int], threads: tuple[int, int], arguments: tuple[int, ...]) -> None:
        given = (ctypes.c_int64 * max(len(arguments), 1))(*arguments)
        with _ALONE:
            entry(ctypes.addressof(given), *blocks, *threads)

    return run
