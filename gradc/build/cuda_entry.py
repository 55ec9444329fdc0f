"""A kernel -> the LLVM text of its entry point, for a GPU and for the emulated device.

The entry point calls the function that Numba made. Where a launch has several sets of arrays, it
finds the set of its block first.
"""

from __future__ import annotations

from itertools import accumulate

from gradc.runtime.cuda_launch import CudaKernel

ALIGNMENT = 16  # bytes: of arrays whose place allows it
NEIGHBOURS = 4  # positions for each thread of a segment
THREADS = 256  # of a block of a segment, or of tiles
_DIMENSIONS = ("blocks", "parts", "threads", "groups_of_block")


def gpu_entry(kernel: CudaKernel, function: str) -> str:
    """Return the entry point for a GPU."""
    facts = "" if kernel.overlap else " noalias"
    facts += "" if kernel.unaligned else f" align {ALIGNMENT}"
    names = _names(kernel)
    lines = [_declared(kernel, function)]
    given = ", ".join(f"ptr{facts} {name}" for name in names)
    known = ""
    if kernel.resident:
        known = f' "nvvm.reqntid"="{THREADS},1,1" "nvvm.minctasm"="{kernel.resident}"'
    lines += [f"define ptx_kernel void @{kernel.symbol}({given}) nounwind{known} {{", "entry:"]
    if kernel.resident:
        lines += [
            "  %lanes = call i32 @gradc.lanes()",
            f"  %all = icmp eq i32 %lanes, {THREADS}",
            "  call void @llvm.assume(i1 %all)",
        ]
    lines += ["  %r = alloca ptr", "  %e = alloca ptr"]
    if kernel.sizes:
        lines += ["  %block = call i32 @gradc.block()", "  %thread = call i32 @gradc.thread()"]
        lines += _segment(kernel, function, each=NEIGHBOURS, done="done", unroll=True)
        lines.append("done:")
    else:
        lines.append(f"  {_call(function, names)} alwaysinline")
    return "\n".join([*lines, "  ret void", "}"])


def host_entry(kernel: CudaKernel, function: str) -> str:
    """Return `void entry(int64_t *arguments, int blocks, parts, threads, groups)`.

    It runs one group after the other.
    """
    names = _names(kernel)
    lines = [_declared(kernel, function)]
    head = ", ".join(["ptr %arguments", *(f"i32 %{name}" for name in _DIMENSIONS)])
    lines += [f"define void @{kernel.symbol}({head}) nounwind {{", "entry:"]
    lines += ["  %r = alloca ptr", "  %e = alloca ptr", "  %thread = add i32 0, 0"]
    for name in ("blocks", "threads", "groups_of_block"):
        lines.append(f"  store i32 %{name}, ptr @gradc.at.{name}")
    for i, name in enumerate(names):
        lines.append(f"  %p{i} = getelementptr i64, ptr %arguments, i64 {i}")
        lines.append(f"  {name} = load ptr, ptr %p{i}")
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
    if kernel.sizes:
        whole = NEIGHBOURS * THREADS
        lines += _segment(kernel, function, each=whole, done="group_of_block.done", unroll=False)
    else:
        lines += [f"  {_call(function, names)}", "  br label %group_of_block.done"]
    for (name, _), outer in zip(reversed(loops), ("block", "part", ""), strict=True):
        lines += [
            f"{name}.done:",
            f"  %{name}.next = add i32 %{name}, 1",
            f"  br label %{name}.loop",
            f"{name}.over:",
            f"  br label %{outer}.done" if outer else "  ret void",
        ]
    return "\n".join([*lines, "}"])


def _names(kernel: CudaKernel) -> list[str]:
    """Return the names of the pointers that a launch gives."""
    count = sum(p.is_array for p in kernel.parameters) * max(len(kernel.sizes), 1)
    return [f"%a{i}" for i in range(count)]


def _declared(kernel: CudaKernel, function: str) -> str:
    """Return the declaration of the function that Numba made."""
    kinds = ["ptr" if p.is_array else "i32, i32, i32, i32" for p in kernel.parameters]
    return f'declare i32 @"{function}"({", ".join(["ptr", "ptr", *kinds])})'


def _call(function: str, names: list[str], further: str = "") -> str:
    """Return a call of that function."""
    given = ", ".join(["ptr %r", "ptr %e", *(f"ptr {name}" for name in names)])
    return f'call i32 @"{function}"({given}{further})'


_WHOLE = ", i32 0, i32 %first, i32 %end, i32 1"


def _one_by_one(function: str, arrays: list[str]) -> list[str]:
    """Return a call for each neighbour: inlined, that is a loop unrolled."""
    lines = [f"  %at{k} = add nuw nsw i32 %first, {k}" for k in range(NEIGHBOURS)]
    for k in range(NEIGHBOURS):
        positions = f", i32 %at{k}, i32 0, i32 1, i32 1"
        lines.append(f"  %s{k} = {_call(function, arrays, positions)} alwaysinline")
    return lines


def _segment(kernel: CudaKernel, function: str, *, each: int, done: str, unroll: bool) -> list[str]:
    """Return the lines that find the arrays of a block, and call the function on its positions.

    Args:
        kernel: one with several sets of arrays.
        function: what Numba made.
        each: how many positions a thread has.
        done: where to go on.
        unroll: whether a thread's positions are few enough to be written out.
    """
    per_block = THREADS * NEIGHBOURS
    begins = [0, *accumulate(-(-size // per_block) for size in kernel.sizes)]
    count = sum(p.is_array for p in kernel.parameters)
    lines: list[str] = ["  br label %find0"]
    last = len(kernel.sizes) - 1
    for s in range(last + 1):
        lines.append(f"find{s}:")
        if s < last:
            lines.append(f"  %here{s} = icmp ult i32 %block, {begins[s + 1]}")
            lines.append(f"  br i1 %here{s}, label %found, label %find{s + 1}")
        else:
            lines.append("  br label %found")
    lines.append("found:")
    for i in range(count):
        origins = ", ".join(f"[ %a{s * count + i}, %find{s} ]" for s in range(last + 1))
        lines.append(f"  %array{i} = phi ptr {origins}")
    for name, values in (("size", kernel.sizes), ("begin", begins)):
        origins = ", ".join(f"[ {values[s]}, %find{s} ]" for s in range(last + 1))
        lines.append(f"  %{name} = phi i32 {origins}")
    arrays = [f"%array{i}" for i in range(count)]
    lines += [
        "  %own = sub i32 %block, %begin",
        f"  %before = mul nuw nsw i32 %own, {per_block}",
        f"  %within = mul nuw nsw i32 %thread, {NEIGHBOURS}",
        "  %first = add nuw nsw i32 %before, %within",
        "  %some = icmp ult i32 %first, %size",
        f"  br i1 %some, label %work, label %{done}",
        "work:",
        f"  %end = add nuw nsw i32 %first, {each}",
        "  %full = icmp ule i32 %end, %size",
        "  br i1 %full, label %whole, label %rest",
        "whole:",
        *(_one_by_one(function, arrays) if unroll else [f"  {_call(function, arrays, _WHOLE)}"]),
        f"  br label %{done}",
        "rest:",
        f"  {_call(function, arrays, ', i32 0, i32 %first, i32 %size, i32 1')} alwaysinline",
        f"  br label %{done}",
    ]
    return lines
