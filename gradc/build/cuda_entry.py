"""A kernel -> the LLVM text of its entry point, for a GPU and for the emulated device.

The entry point calls the kernel's function. Where a launch has several sets of arrays, it
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
    if kernel.sizes:
        lines += _set(kernel, function, facts, each=NEIGHBOURS, unroll=True)
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
    if kernel.sizes:
        lines += ["  %block = call i32 @gradc.block()", "  %thread = call i32 @gradc.thread()"]
        lines += [*_segment(kernel, "done"), "done:"]
    else:
        lines.append(f"  {_call(function, names)} alwaysinline")
    return "\n".join([*lines, "  ret void", "}"])


def host_entry(kernel: CudaKernel, function: str) -> str:
    """Return `void entry(int64_t *arguments, int blocks, parts, threads, groups)`.

    It runs one group after the other.
    """
    names = _names(kernel)
    lines = [_declared(kernel, function)]
    if kernel.sizes:
        whole = NEIGHBOURS * THREADS
        facts = "" if kernel.overlap else " noalias"
        lines += _set(kernel, function, facts, each=whole, unroll=False)
    head = ", ".join(["ptr %arguments", *(f"i32 %{name}" for name in _DIMENSIONS)])
    lines += [f"define void @{kernel.symbol}({head}) nounwind {{", "entry:"]
    lines.append("  %thread = add i32 0, 0")
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
        lines += _segment(kernel, "group_of_block.done")
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
    """Return the declaration of the kernel's function."""
    kinds = ["ptr" if p.is_array else "i32, i32, i32, i32" for p in kernel.parameters]
    return f'declare i32 @"{function}"({", ".join(kinds)})'


def _call(function: str, names: list[str], further: str = "") -> str:
    """Return a call of that function."""
    given = ", ".join(f"ptr {name}" for name in names)
    return f'call i32 @"{function}"({given}{further})'


_WHOLE = ", i32 0, i32 %first, i32 %end, i32 1"


def _one_by_one(function: str, arrays: list[str]) -> list[str]:
    """Return a call for each neighbour: inlined, that is a loop unrolled."""
    lines = [f"  %at{k} = add nuw nsw i32 %first, {k}" for k in range(NEIGHBOURS)]
    for k in range(NEIGHBOURS):
        positions = f", i32 %at{k}, i32 0, i32 1, i32 1"
        lines.append(f"  %s{k} = {_call(function, arrays, positions)} alwaysinline")
    return lines


def _search(first: int, last: int) -> str:
    """Return the label where a block looks for its set of arrays among these."""
    return f"find{first}" if first == last else f"find{first}.{last}"


def _searched(begins: list[int], first: int, last: int) -> list[str]:
    """Return the lines that halve the sets of arrays until one is left."""
    here = _search(first, last)
    if first == last:
        return [f"{here}:", "  br label %found"]
    middle = (first + last) // 2
    low, high = _search(first, middle), _search(middle + 1, last)
    return [
        f"{here}:",
        f"  %{here}.low = icmp ult i32 %block, {begins[middle + 1]}",
        f"  br i1 %{here}.low, label %{low}, label %{high}",
        *_searched(begins, first, middle),
        *_searched(begins, middle + 1, last),
    ]


def _segment(kernel: CudaKernel, done: str) -> list[str]:
    """Return the lines that find the arrays of a block, and do its positions.

    Args:
        kernel: one with several sets of arrays.
        done: where to go on.
    """
    per_block = THREADS * NEIGHBOURS
    begins = [0, *accumulate(-(-size // per_block) for size in kernel.sizes)]
    count = sum(p.is_array for p in kernel.parameters)
    last = len(kernel.sizes) - 1
    lines = [f"  br label %{_search(0, last)}", *_searched(begins, 0, last)]
    lines.append("found:")
    for i in range(count):
        origins = ", ".join(f"[ %a{s * count + i}, %find{s} ]" for s in range(last + 1))
        lines.append(f"  %array{i} = phi ptr {origins}")
    for name, values in (("size", kernel.sizes), ("begin", begins)):
        origins = ", ".join(f"[ {values[s]}, %find{s} ]" for s in range(last + 1))
        lines.append(f"  %{name} = phi i32 {origins}")
    given = ", ".join([*(f"ptr %array{i}" for i in range(count)), "i32 %first", "i32 %size"])
    return [
        *lines,
        "  %own = sub i32 %block, %begin",
        f"  %before = mul nuw nsw i32 %own, {per_block}",
        f"  %within = mul nuw nsw i32 %thread, {NEIGHBOURS}",
        "  %first = add nuw nsw i32 %before, %within",
        "  %some = icmp ult i32 %first, %size",
        f"  br i1 %some, label %work, label %{done}",
        "work:",
        f"  call void @{kernel.symbol}.set({given}) alwaysinline",
        f"  br label %{done}",
    ]


def _set(kernel: CudaKernel, function: str, facts: str, *, each: int, unroll: bool) -> list[str]:
    """Return the function that does a thread's positions of one set of arrays.

    NOTE: told of these arrays here, LLVM knows it of all positions: neighbours are read at once.
    """
    arrays = [f"%a{i}" for i in range(sum(p.is_array for p in kernel.parameters))]
    given = ", ".join([*(f"ptr{facts} {name}" for name in arrays), "i32 %first", "i32 %size"])
    lines = [
        f"define internal void @{kernel.symbol}.set({given}) nounwind {{",
        "entry:",
    ]
    if "align" in facts:
        for name in arrays:
            aligned = f'["align"(ptr {name}, i64 {ALIGNMENT})]'
            lines.append(f"  call void @llvm.assume(i1 true) {aligned}")
    last_ones = [
        f"  {_call(function, arrays, ', i32 0, i32 %first, i32 %size, i32 1')} alwaysinline",
        "  ret void",
        "}",
    ]
    if max(kernel.sizes) < NEIGHBOURS:
        return lines + last_ones
    return [
        *lines,
        f"  %end = add nuw nsw i32 %first, {each}",
        "  %full = icmp ule i32 %end, %size",
        "  br i1 %full, label %whole, label %rest",
        "whole:",
        *(_one_by_one(function, arrays) if unroll else [f"  {_call(function, arrays, _WHOLE)}"]),
        "  ret void",
        "rest:",
        *last_ones,
    ]
