"""Running sums over the lanes of a group -> LLVM text for a GPU."""

from __future__ import annotations

_ALWAYS = "alwaysinline nounwind"


def running(code: str, kind: str) -> str:
    """Return the running sum over the lanes of a group, which begins with what came before.

    Within a warp each lane adds what lies 1, 2, 4, 8, 16 lanes before it; the warps' sums are
    added one after the other. `before` becomes the sum of all.
    """
    add = "fadd" if code.startswith("f") else "add"
    lines = [f"define {kind} @gradc.running.{code}({kind} %x0, ptr %before) {_ALWAYS} {{", "entry:"]
    lines += ["  %lane = call i32 @gradc.lane()", "  %in_warp = and i32 %lane, 31"]
    lines.append(f"  %start = load {kind}, ptr %before")
    for s in range(5):
        lines += [
            f"  %y{s} = call {kind} @gradc.earlier.{code}({kind} %x{s}, i32 {1 << s})",
            f"  %z{s} = {add} {kind} %y{s}, %x{s}",
            f"  %far{s} = icmp uge i32 %in_warp, {1 << s}",
            f"  %x{s + 1} = select i1 %far{s}, {kind} %z{s}, {kind} %x{s}",
        ]
    lines += [
        f"  %whole = call {kind} @gradc.at_lane.{code}({kind} %x5, i32 31)",
        "  %lanes = call i32 @gradc.lanes()",
        "  %wide = icmp ugt i32 %lanes, 32",
        "  br i1 %wide, label %several, label %alone",
        "alone:",
        f"  %own_sum = {add} {kind} %start, %x5",
        f"  %own_all = {add} {kind} %start, %whole",
        "  br label %done",
        "several:",
        "  %warp = lshr i32 %lane, 5",
        "  %warps = lshr i32 %lanes, 5",
        "  %own = getelementptr i64, ptr addrspace(3) @gradc.parts, i32 %warp",
        "  %leads = icmp eq i32 %in_warp, 0",
        "  br i1 %leads, label %tell, label %met",
        "tell:",
        f"  store {kind} %whole, ptr addrspace(3) %own",
        "  br label %met",
        "met:",
        "  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)",
        "  br label %loop",
        "loop:",
        "  %w = phi i32 [ 0, %met ], [ %w_next, %next ]",
        f"  %so_far = phi {kind} [ %start, %met ], [ %more, %next ]",
        f"  %mine = phi {kind} [ %start, %met ], [ %mine_next, %next ]",
        "  %left = icmp ult i32 %w, %warps",
        "  br i1 %left, label %next, label %over",
        "next:",
        "  %here = icmp eq i32 %w, %warp",
        f"  %mine_next = select i1 %here, {kind} %so_far, {kind} %mine",
        "  %at = getelementptr i64, ptr addrspace(3) @gradc.parts, i32 %w",
        f"  %their = load {kind}, ptr addrspace(3) %at",
        f"  %more = {add} {kind} %so_far, %their",
        "  %w_next = add nuw nsw i32 %w, 1",
        "  br label %loop",
        "over:",
        f"  %block_sum = {add} {kind} %mine, %x5",
        "  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)",
        "  br label %done",
        "done:",
        f"  %r = phi {kind} [ %own_sum, %alone ], [ %block_sum, %over ]",
        f"  %all = phi {kind} [ %own_all, %alone ], [ %so_far, %over ]",
        f"  store {kind} %all, ptr %before",
        f"  ret {kind} %r",
        "}",
    ]
    return "\n".join(lines)
