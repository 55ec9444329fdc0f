"""The kernels of a generated CUDA module -> PTX, or machine code of the emulated device.

The same translation as for the CPU (`build/functions.py`). LLVM optimises all kernels together;
its own code generator for NVIDIA GPUs, which comes with llvmlite, writes the PTX.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core.compiler_lock import global_compiler_lock

from gradc.build.cuda_entry import gpu_entry, host_entry
from gradc.build.cuda_functions import define_kernel, kernel_types
from gradc.build.cuda_unroll import unrolled_text
from gradc.build.machine import Machine
from gradc.build.marks import mark
from gradc.build.optimiser import ObjectFile, externals_of
from gradc.build.optimiser import target as host_target
from gradc.errors import BuildError
from gradc.runtime.cuda_device import emulated_text, gpu_text
from gradc.runtime.cuda_device_cores import gpu_tiles
from gradc.runtime.cuda_device_tiles import emulated_tiles
from gradc.runtime.cuda_launch import CudaKernel

TRIPLE = "nvptx64-nvidia-cuda"
PTX = 80  # understood by every driver since CUDA 12.0
# the first versions that know the architecture; a driver that runs it knows them
LATER_PTX = {"sm_100": 86, "sm_103": 88, "sm_110": 90, "sm_120": 87}


@global_compiler_lock
def compile_ptx(module: ModuleType, source: str, arch: str) -> bytes:
    """Compile the kernels of a module, with its text, for an architecture such as sm_90."""
    kernels = kernels_of(module)
    target = _target().create_target_machine(
        cpu=arch, features=f"+ptx{LATER_PTX.get(arch, PTX)}", opt=3
    )
    linked, entries = _translated(module, source, target, TRIPLE, freeze=False, text=unrolled_text)
    linked = _exact_remainders(linked)
    texts = [gpu_text(), *(gpu_entry(k, entries[k.__name__]) for k in kernels)]
    texts.append(gpu_tiles(_asked(linked)))
    _link(linked, texts)
    _optimise(linked, target, {k.symbol for k in kernels})
    return target.emit_assembly(linked).encode()


@global_compiler_lock
def compile_emulated(module: ModuleType, source: str, machine: Machine) -> ObjectFile:
    """Compile the kernels of a module for this processor, one lane in each group."""
    kernels = kernels_of(module)
    target = host_target(machine.goal)
    linked, entries = _translated(
        module, source, target, llvm.get_process_triple(), freeze=True, wide=machine.wide_vectors
    )
    texts = [emulated_text(), *(host_entry(k, entries[k.__name__]) for k in kernels)]
    texts.append(emulated_tiles(_asked(linked)))
    _link(linked, texts)
    _optimise(linked, target, {k.symbol for k in kernels})
    externals = externals_of(linked)
    return ObjectFile(target.emit_object(linked), externals)


def kernels_of(module: ModuleType) -> list[CudaKernel]:
    """Return the kernels of a generated module."""
    return [value for value in vars(module).values() if isinstance(value, CudaKernel)]


@cache
def _target() -> Any:
    """Return LLVM's NVIDIA target.

    Raises:
        BuildError: this LLVM was built without it.
    """
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        return llvm.Target.from_triple(TRIPLE)
    except RuntimeError as error:
        raise BuildError(
            "build: this llvmlite has no code generator for NVIDIA GPUs",
            hint="pip install --force-reinstall llvmlite: its wheels on PyPI have one",
        ) from error


def _translated(
    module: ModuleType,
    source: str,
    target: Any,
    triple: str,
    *,
    freeze: bool,
    wide: bool = False,
    text: Callable[[Any], str] = str,
) -> tuple[Any, dict[str, str]]:
    """Return one LLVM module with all kernels, and the name of each function in it.

    Args:
        module: the text, run.
        source: the text.
        target: LLVM's code generator.
        triple: what LLVM calls it.
        freeze: whether numbers are settled that lie in memory which a kernel writes.
        wide: whether vectors of 512 bits are wanted.
        text: writes the text of llvmlite's module.
    """
    trees = {n.name: n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)}
    made = ir.Module("gradc")
    made.triple, made.data_layout = triple, str(target.target_data)
    entries: dict[str, str] = {}
    for kernel in kernels_of(module):
        kinds = kernel_types(kernel.parameters, wide=kernel.resident > 0)
        tree = trees[kernel.function.__name__]
        try:
            function = define_kernel(made, kernel, tree, kinds, freeze=freeze)
        except Exception as error:
            why = error.message if isinstance(error, BuildError) else error
            raise BuildError(
                f"build: {kernel.__name__} in {module.__file__} did not compile: {why}"
            ) from error
        entries[kernel.__name__] = function.name
    for function in made.functions:
        if function.blocks:
            mark(function, wide=wide)
    linked = llvm.parse_assembly(text(made))
    linked.verify()
    return linked, entries


_REMAINDER = re.compile(r"= frem (?:reassoc |contract )*(float|double) ([^,]+), ([^,\n]+)")
_CODES = {"float": "f32", "double": "f64"}


def _exact_remainders(module: Any) -> Any:
    """Return a module in which remainders are calls of `gradc.frem`."""

    def call(found: re.Match[str]) -> str:
        kind, x, y = found.groups()
        return f"= call {kind} @gradc.frem.{_CODES[kind]}({kind} {x}, {kind} {y})"

    text, count = _REMAINDER.subn(call, str(module))
    if not count:
        return module
    known = [
        f"declare {kind} @gradc.frem.{code}({kind}, {kind})\n" for kind, code in _CODES.items()
    ]
    return llvm.parse_assembly("".join([text, *known]))


def _asked(module: Any) -> list[str]:
    """Return the names of the functions that a module calls and does not have."""
    return [f.name for f in module.functions if f.is_declaration]


def _link(module: Any, texts: list[str]) -> None:
    """Link further functions into a module."""
    head = f'target triple = "{module.triple}"\ntarget datalayout = "{module.data_layout}"\n'
    other = llvm.parse_assembly(head + "\n".join(texts))
    other.verify()
    module.link_in(other)


def _optimise(module: Any, target: Any, entries: set[str]) -> None:
    """Hide all but the entry points, and optimise."""
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name not in entries:
            value.linkage = "internal"
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    builder = llvm.create_pass_builder(target, options)
    builder.getModulePassManager().run(module, builder)
