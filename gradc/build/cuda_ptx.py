"""The kernels of a generated CUDA module -> PTX, or machine code of the emulated device.

The same front end as for the CPU: Numba types and lowers each kernel, LLVM optimises all of them
together. LLVM's own code generator for NVIDIA GPUs, which comes with llvmlite, writes the PTX.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import llvmlite.binding as llvm
from numba.core.compiler_lock import global_compiler_lock

from gradc.build.lowering import collector, forget, lower
from gradc.build.machine import Machine
from gradc.build.objectfile import ObjectFile, externals_of
from gradc.errors import BuildError
from gradc.runtime.cuda_arrays import DeviceArrayType
from gradc.runtime.cuda_device import emulated_text, gpu_text
from gradc.runtime.cuda_launch import CudaKernel
from gradc.runtime.cuda_signature import Parameter
from gradc.runtime.decorators import ELEMENT, Kernel

TRIPLE = "nvptx64-nvidia-cuda"
PTX_FEATURES = "+ptx80"  # understood by every driver since CUDA 12.0
ALIGNMENT = 16  # of arrays whose place allows it: what four float32 take
_LLVM = {"f32": "float", "f64": "double", "i32": "i32", "i64": "i64", "u8": "i8", "b1": "i1"}


@global_compiler_lock
def compile_ptx(module: ModuleType, arch: str) -> bytes:
    """Compile the kernels of a module for an architecture such as sm_90."""
    kernels = kernels_of(module)
    linked, entries = _lowered(module, kernels, wide=False)
    target = _target().create_target_machine(cpu=arch, features=PTX_FEATURES, opt=3)
    linked.triple, linked.data_layout = TRIPLE, str(target.target_data)
    texts = [gpu_text(), *(_gpu_entry(k, entries[k.__name__]) for k in kernels)]
    _link(linked, texts, TRIPLE, str(target.target_data))
    _optimise(linked, target, {k.symbol for k in kernels})
    return target.emit_assembly(linked).encode()


@global_compiler_lock
def compile_emulated(module: ModuleType, machine: Machine) -> ObjectFile:
    """Compile the kernels of a module for this processor, one lane in each group."""
    kernels = kernels_of(module)
    linked, entries = _lowered(module, kernels, wide=machine.wide_vectors)
    target = machine.target_machine()
    texts = [emulated_text(), *(_host_entry(k, entries[k.__name__]) for k in kernels)]
    _link(linked, texts, linked.triple, linked.data_layout)
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


def _lowered(
    module: ModuleType, kernels: list[CudaKernel], *, wide: bool
) -> tuple[Any, dict[str, str]]:
    """Return one LLVM module with all kernels, and the name of each function in it."""
    library = collector(module.__name__, wide=wide)
    made: list[Kernel] = []
    entries: dict[str, str] = {}
    try:
        for kernel in kernels:
            types = tuple(_numba_type(p) for p in kernel.parameters)
            made.append(Kernel(kernel.function, types, kernel.overlap))
            entries[kernel.__name__] = lower(made[-1], library, module).llvm_func_name
    finally:
        forget(made)
    return library.linked(), entries


def _numba_type(parameter: Parameter) -> Any:
    """Return the Numba type of a parameter."""
    element = ELEMENT[parameter.code]
    return element if parameter.sizes is None else DeviceArrayType(element, parameter.sizes)


def _link(module: Any, texts: list[str], triple: str, layout: str) -> None:
    """Link further functions into a module."""
    head = f'target triple = "{triple}"\ntarget datalayout = "{layout}"\n'
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


def _gpu_entry(kernel: CudaKernel, function: str) -> str:
    """Return the LLVM text of a kernel's entry point."""
    kinds = [_given(p) for p in kernel.parameters]
    facts = "" if kernel.overlap else " noalias"
    facts += "" if kernel.unaligned else f" align {ALIGNMENT}"
    declared = [
        f"ptr{facts} %a{i}" if p.is_array else f"{kind} %a{i}"
        for i, (p, kind) in enumerate(zip(kernel.parameters, kinds, strict=True))
    ]
    given = ", ".join(["ptr %r", "ptr %e", *(f"{kind} %a{i}" for i, kind in enumerate(kinds))])
    return f"""
declare i32 @"{function}"({", ".join(["ptr", "ptr", *kinds])})
define ptx_kernel void @{kernel.symbol}({", ".join(declared)}) nounwind {{
  %r = alloca ptr
  %e = alloca ptr
  %status = call i32 @"{function}"({given}) alwaysinline
  ret void
}}"""


def _given(parameter: Parameter) -> str:
    return "ptr" if parameter.is_array else _LLVM[parameter.code]


_DIMENSIONS = ("blocks", "parts", "threads", "groups_of_block")


def _host_entry(kernel: CudaKernel, function: str) -> str:
    """Return the LLVM text of `void entry(int64_t *arguments, int blocks, parts, threads, groups)`.

    It runs one group after the other.
    """
    kinds = [_given(p) for p in kernel.parameters]
    lines = [f'declare i32 @"{function}"({", ".join(["ptr", "ptr", *kinds])})']
    head = ", ".join(["ptr %arguments", *(f"i32 %{name}" for name in _DIMENSIONS)])
    lines += [f"define void @{kernel.symbol}({head}) nounwind {{", "entry:"]
    lines += ["  %r = alloca ptr", "  %e = alloca ptr"]
    for name in ("blocks", "threads", "groups_of_block"):
        lines.append(f"  store i32 %{name}, ptr @gradc.at.{name}")
    for i, kind in enumerate(kinds):
        lines.append(f"  %p{i} = getelementptr i64, ptr %arguments, i64 {i}")
        lines.append(f"  %a{i} = load {kind}, ptr %p{i}")
    loops = (("part", "parts"), ("block", "blocks"), ("group_of_block", "groups_of_block"))
    before = "entry"
    for name, count in loops:
        lines += [
            f"  br label %{name}.loop",
            f"{name}.loop:",
            f"  %{name} = phi i32 [ 0, %{before} ], [ %{name}.next, %{name}.done ]",
            f"  store i32 %{name}, ptr @gradc.at.{name}",
            f"  %{name}.more = icmp ult i32 %{name}, %{count}",
            f"  br i1 %{name}.more, label %{name}.body, label %{name}.over",
            f"{name}.body:",
        ]
        before = f"{name}.body"
    given = ", ".join(["ptr %r", "ptr %e", *(f"{kind} %a{i}" for i, kind in enumerate(kinds))])
    lines += [f'  %status = call i32 @"{function}"({given})', "  br label %group_of_block.done"]
    for (name, _), outer in zip(reversed(loops), ("block", "part", ""), strict=True):
        lines += [
            f"{name}.done:",
            f"  %{name}.next = add i32 %{name}, 1",
            f"  br label %{name}.loop",
            f"{name}.over:",
            f"  br label %{outer}.done" if outer else "  ret void",
        ]
    text = "\n".join([*lines, "}"])
    return text
