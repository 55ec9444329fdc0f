"""What the lanes of a group add up together -> LLVM text for each device.

A fold goes by halves within each warp and then from warp to warp, through shared memory: always
in the same order, so that all lanes get the same result to the last bit.
"""

from __future__ import annotations

from itertools import product

from gradc.runtime.cuda_device_running import running

TYPES = {"f32": "float", "f64": "double", "i32": "i32", "i64": "i64"}
FOLDS = ("sum", "prod", "max", "min", "any", "all")
SEARCHES = ("argmax", "argmin")
_ALWAYS = "alwaysinline nounwind"
_SHARED = """
declare i32 @llvm.nvvm.shfl.sync.bfly.i32(i32, i32, i32, i32)
declare i32 @llvm.nvvm.shfl.sync.up.i32(i32, i32, i32, i32)
declare i32 @llvm.nvvm.shfl.sync.idx.i32(i32, i32, i32, i32)
@gradc.parts = internal addrspace(3) global [32 x i64] undef, align 8
@gradc.places = internal addrspace(3) global [32 x i64] undef, align 8
"""
_SHUFFLES = {"other": ("bfly", 31), "earlier": ("up", 0), "at_lane": ("idx", 31)}
_EXTREMES = [
    (code, TYPES[code], name)
    for code, names in (
        ("f32", ("maximum", "minimum")),
        ("f64", ("maximum", "minimum")),
        ("i32", ("smax", "smin")),
        ("i64", ("smax", "smin")),
    )
    for name in names
]


def gpu_folds() -> str:
    """Return the functions for a GPU."""
    texts = [_SHARED]
    texts += [_shuffle(word, code) for word, code in product(_SHUFFLES, TYPES)]
    for code, fold in product(TYPES, FOLDS):
        if fold not in ("any", "all") or code == "i32":
            texts.append(_combination(fold, code))
            texts.append(_fold(fold, code))
    for code, search in product(TYPES, SEARCHES):
        texts.append(_better(search, code))
        texts.append(_search(search, code))
    texts += [running(code, kind) for code, kind in TYPES.items()]
    texts += [f"declare {t} @llvm.{n}.{c}({t}, {t})" for c, t, n in _EXTREMES]
    return "\n".join(texts)


def emulated_folds() -> str:
    """Return the functions for one lane in each group."""
    texts: list[str] = []
    for code, fold in product(TYPES, FOLDS):
        kind = TYPES[code]
        head = f"define {kind} @gradc.{fold}.{code}({kind} %x) {_ALWAYS}"
        texts.append(f"{head} {{\n  ret {kind} %x\n}}")
    for code, search in product(TYPES, SEARCHES):
        head = f"define void @gradc.{search}.{code}(ptr %best, ptr %place) {_ALWAYS}"
        texts.append(f"{head} {{\n  ret void\n}}")
    for code, kind in TYPES.items():
        add = "fadd" if code.startswith("f") else "add"
        texts.append(
            f"define {kind} @gradc.running.{code}({kind} %x, ptr %before) {_ALWAYS} {{\n"
            f"  %b = load {kind}, ptr %before\n  %r = {add} {kind} %b, %x\n"
            f"  store {kind} %r, ptr %before\n  ret {kind} %r\n}}"
        )
    return "\n".join(texts)


def _shuffle(word: str, code: str) -> str:
    """Return a function that reads another lane's number.

    `other` is the lane whose bits differ, `earlier` one so many lanes before, `at_lane` that one.
    """
    way, last = _SHUFFLES[word]
    kind, wide = TYPES[code], code.endswith("64")
    whole = "i64" if wide else "i32"
    lines = [f"define {kind} @gradc.{word}.{code}({kind} %x, i32 %bits) {_ALWAYS} {{"]
    lines.append(f"  %raw = bitcast {kind} %x to {whole}")
    ask = f"call i32 @llvm.nvvm.shfl.sync.{way}.i32(i32 -1, i32"
    if wide:
        lines += [
            "  %low = trunc i64 %raw to i32",
            "  %up = lshr i64 %raw, 32",
            "  %high = trunc i64 %up to i32",
            f"  %low_y = {ask} %low, i32 %bits, i32 {last})",
            f"  %high_y = {ask} %high, i32 %bits, i32 {last})",
            "  %wide_low = zext i32 %low_y to i64",
            "  %wide_high = zext i32 %high_y to i64",
            "  %shifted = shl i64 %wide_high, 32",
            "  %y = or i64 %shifted, %wide_low",
        ]
    else:
        lines.append(f"  %y = {ask} %raw, i32 %bits, i32 {last})")
    lines += [f"  %result = bitcast {whole} %y to {kind}", f"  ret {kind} %result", "}"]
    return "\n".join(lines)


def _combination(fold: str, code: str) -> str:
    """Return the function of two numbers that a fold is made of."""
    kind, real = TYPES[code], code.startswith("f")
    intrinsic = {"max": "maximum" if real else "smax", "min": "minimum" if real else "smin"}
    operation = {"sum": "fadd" if real else "add", "prod": "fmul" if real else "mul"}
    operation |= {"any": "or", "all": "and"}
    if fold in intrinsic:
        made = f"call {kind} @llvm.{intrinsic[fold]}.{code}({kind} %x, {kind} %y)"
    else:
        made = f"{operation[fold]} {kind} %x, %y"
    head = f"define {kind} @gradc.{fold}_of.{code}({kind} %x, {kind} %y) {_ALWAYS}"
    return f"{head} {{\n  %r = {made}\n  ret {kind} %r\n}}"


def _fold(fold: str, code: str) -> str:
    """Return the fold over a group: within each warp by halves, then warp after warp."""
    kind = TYPES[code]
    lines = [f"define {kind} @gradc.{fold}.{code}({kind} %x0) {_ALWAYS} {{", "entry:"]
    for step in range(5):
        x, bits = f"%x{step}", 16 >> step
        lines.append(f"  %y{step} = call {kind} @gradc.other.{code}({kind} {x}, i32 {bits})")
        pair = f"{kind} {x}, {kind} %y{step}"
        lines.append(f"  %x{step + 1} = call {kind} @gradc.{fold}_of.{code}({pair})")
    lines += _beyond_warps(
        loads=[f"  %first = load {kind}, ptr addrspace(3) @gradc.parts"],
        stores=[f"  store {kind} %x5, ptr addrspace(3) %own"],
        phis=[f"  %so_far = phi {kind} [ %first, %met ], [ %more, %next ]"],
        step=[
            f"  %their = load {kind}, ptr addrspace(3) %at",
            f"  %more = call {kind} @gradc.{fold}_of.{code}({kind} %so_far, {kind} %their)",
        ],
        ends=[
            f"  %r = phi {kind} [ %x5, %entry ], [ %so_far, %over ]",
            f"  ret {kind} %r",
        ],
    )
    return "\n".join([*lines, "}"])


def _beyond_warps(
    loads: list[str], stores: list[str], phis: list[str], step: list[str], ends: list[str]
) -> list[str]:
    """Return what follows within a block of several warps: each lane goes through their parts."""
    return [
        "  %lanes = call i32 @gradc.lanes()",
        "  %wide = icmp ugt i32 %lanes, 32",
        "  br i1 %wide, label %several, label %done",
        "several:",
        "  %lane = call i32 @gradc.lane()",
        "  %warp = lshr i32 %lane, 5",
        "  %warps = lshr i32 %lanes, 5",
        "  %in_warp = and i32 %lane, 31",
        "  %leads = icmp eq i32 %in_warp, 0",
        "  %own = getelementptr i64, ptr addrspace(3) @gradc.parts, i32 %warp",
        "  %own_place = getelementptr i64, ptr addrspace(3) @gradc.places, i32 %warp",
        "  br i1 %leads, label %tell, label %met",
        "tell:",
        *stores,
        "  br label %met",
        "met:",
        "  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)",
        *loads,
        "  br label %loop",
        "loop:",
        "  %w = phi i32 [ 1, %met ], [ %w_next, %next ]",
        *phis,
        "  %left = icmp ult i32 %w, %warps",
        "  br i1 %left, label %next, label %over",
        "next:",
        "  %at = getelementptr i64, ptr addrspace(3) @gradc.parts, i32 %w",
        "  %at_place = getelementptr i64, ptr addrspace(3) @gradc.places, i32 %w",
        *step,
        "  %w_next = add nuw nsw i32 %w, 1",
        "  br label %loop",
        "over:",
        "  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)",
        "  br label %done",
        "done:",
        *ends,
    ]


def _better(search: str, code: str) -> str:
    """Return whether y at q is to be taken instead of x at p: the first best, or the first NaN."""
    kind, real = TYPES[code], code.startswith("f")
    largest = search == "argmax"
    compare = ("fcmp ogt" if largest else "fcmp olt") if real else f"icmp s{'gl'[not largest]}t"
    arguments = f"{kind} %x, i64 %p, {kind} %y, i64 %q"
    lines = [f"define i1 @gradc.{search}_better.{code}({arguments}) {_ALWAYS} {{"]
    lines.append(f"  %beats = {compare} {kind} %y, %x")
    lines.append("  %earlier = icmp slt i64 %q, %p")
    if not real:
        lines.append(f"  %equal = icmp eq {kind} %x, %y")
        lines += ["  %first = and i1 %equal, %earlier", "  %r = or i1 %beats, %first"]
    else:
        lines += [
            f"  %same = fcmp oeq {kind} %x, %y",
            f"  %x_nan = fcmp uno {kind} %x, %x",
            f"  %y_nan = fcmp uno {kind} %y, %y",
            "  %both = and i1 %x_nan, %y_nan",
            "  %equal = or i1 %same, %both",
            "  %first = and i1 %equal, %earlier",
            "  %x_not = xor i1 %x_nan, true",
            "  %nan_first = and i1 %y_nan, %x_not",
            "  %wins = or i1 %beats, %first",
            "  %r = or i1 %wins, %nan_first",
        ]
    return "\n".join([*lines, "  ret i1 %r", "}"])


def _search(search: str, code: str) -> str:
    """Return the search over a group, which changes the best element and its place in memory."""
    kind = TYPES[code]
    head = f"define void @gradc.{search}.{code}(ptr %best, ptr %place) {_ALWAYS} {{"
    lines = [head, "entry:"]
    lines += [f"  %x0 = load {kind}, ptr %best", "  %p0 = load i64, ptr %place"]
    for s in range(5):
        lines += [
            f"  %y{s} = call {kind} @gradc.other.{code}({kind} %x{s}, i32 {16 >> s})",
            f"  %q{s} = call i64 @gradc.other.i64(i64 %p{s}, i32 {16 >> s})",
            f"  %b{s} = call i1 @gradc.{search}_better.{code}"
            f"({kind} %x{s}, i64 %p{s}, {kind} %y{s}, i64 %q{s})",
            f"  %x{s + 1} = select i1 %b{s}, {kind} %y{s}, {kind} %x{s}",
            f"  %p{s + 1} = select i1 %b{s}, i64 %q{s}, i64 %p{s}",
        ]
    lines += _beyond_warps(
        loads=[
            f"  %first = load {kind}, ptr addrspace(3) @gradc.parts",
            "  %first_place = load i64, ptr addrspace(3) @gradc.places",
        ],
        stores=[
            f"  store {kind} %x5, ptr addrspace(3) %own",
            "  store i64 %p5, ptr addrspace(3) %own_place",
        ],
        phis=[
            f"  %so_far = phi {kind} [ %first, %met ], [ %more, %next ]",
            "  %so_far_at = phi i64 [ %first_place, %met ], [ %more_at, %next ]",
        ],
        step=[
            f"  %their = load {kind}, ptr addrspace(3) %at",
            "  %their_at = load i64, ptr addrspace(3) %at_place",
            f"  %better = call i1 @gradc.{search}_better.{code}"
            f"({kind} %so_far, i64 %so_far_at, {kind} %their, i64 %their_at)",
            f"  %more = select i1 %better, {kind} %their, {kind} %so_far",
            "  %more_at = select i1 %better, i64 %their_at, i64 %so_far_at",
        ],
        ends=[
            f"  %r = phi {kind} [ %x5, %entry ], [ %so_far, %over ]",
            "  %r_at = phi i64 [ %p5, %entry ], [ %so_far_at, %over ]",
            f"  store {kind} %r, ptr %best",
            "  store i64 %r_at, ptr %place",
            "  ret void",
        ],
    )
    return "\n".join([*lines, "}"])
