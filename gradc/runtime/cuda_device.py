"""The small functions `gradc.*` that frames and collectives call -> LLVM text for each device.

On a GPU a group is the lanes of one row of a block (`threads` is a pair) or the whole block. The
emulated device has one lane in each group; a thread stands for all threads of its block.
"""

from __future__ import annotations

from gradc.runtime.cuda_device_folds import TYPES, emulated_folds, gpu_folds
from gradc.runtime.cuda_device_tiles import THREADS

_ALWAYS = "alwaysinline nounwind"
_REGISTERS = {
    "lane": "tid.x",
    "thread": "tid.x",
    "lanes": "ntid.x",
    "threads": "ntid.x",
    "block": "ctaid.x",
    "blocks": "nctaid.x",
    "part": "ctaid.y",
    "group_of_block": "tid.y",
    "groups_of_block": "ntid.y",
}
_GROUPS = f"""
define i32 @gradc.group() {_ALWAYS} {{
  %block = call i32 @gradc.block()
  %count = call i32 @gradc.groups_of_block()
  %own = call i32 @gradc.group_of_block()
  %before = mul nuw nsw i32 %block, %count
  %group = add nuw nsw i32 %before, %own
  ret i32 %group
}}
define i32 @gradc.groups() {_ALWAYS} {{
  %blocks = call i32 @gradc.blocks()
  %count = call i32 @gradc.groups_of_block()
  %groups = mul nuw nsw i32 %blocks, %count
  ret i32 %groups
}}
"""
_MEET = f"""
declare void @llvm.assume(i1)
declare void @llvm.nvvm.barrier.cta.sync.aligned.all(i32)
declare void @llvm.nvvm.bar.warp.sync(i32)
define void @gradc.meet() {_ALWAYS} {{
  %lanes = call i32 @gradc.lanes()
  %wide = icmp ugt i32 %lanes, 32
  br i1 %wide, label %block, label %warp
block:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  ret void
warp:
  call void @llvm.nvvm.bar.warp.sync(i32 -1)
  ret void
}}
"""

# x less the largest whole number of y's, exact: y is doubled while it fits twice, and what fits
# is taken away on the way back. LLVM's own frem for GPUs is x - y trunc(x / y), which is not.
_REMAINDER = """
declare {kind} @llvm.fabs.{code}({kind})
declare {kind} @llvm.copysign.{code}({kind}, {kind})
define {kind} @gradc.frem.{code}({kind} %x, {kind} %y) {always} {{
entry:
  %a = call {kind} @llvm.fabs.{code}({kind} %x)
  %b = call {kind} @llvm.fabs.{code}({kind} %y)
  %zero = fcmp ueq {kind} %b, 0.0
  %none = fsub {kind} %a, %a
  %lost = fcmp uno {kind} %none, %none
  %bad = or i1 %zero, %lost
  br i1 %bad, label %nan, label %up
up:
  %t = phi {kind} [ %b, %entry ], [ %twice, %more ]
  %half = fmul {kind} %a, 0.5
  %fits = fcmp ole {kind} %t, %half
  br i1 %fits, label %more, label %down
more:
  %twice = fadd {kind} %t, %t
  br label %up
down:
  %s = phi {kind} [ %t, %up ], [ %halved, %next ]
  %r = phi {kind} [ %a, %up ], [ %rest, %next ]
  %less = fsub {kind} %r, %s
  %large = fcmp oge {kind} %r, %s
  %rest = select i1 %large, {kind} %less, {kind} %r
  %over = fcmp ole {kind} %s, %b
  br i1 %over, label %done, label %next
next:
  %halved = fmul {kind} %s, 0.5
  br label %down
done:
  %signed = call {kind} @llvm.copysign.{code}({kind} %rest, {kind} %x)
  ret {kind} %signed
nan:
  ret {kind} 0x7FF8000000000000
}}
"""


def gpu_text() -> str:
    """Return the functions for a GPU."""
    texts = [_register(name, register) for name, register in _REGISTERS.items()]
    texts += [_constant(name, THREADS) for name in ("dealt", "block_lanes")]
    texts += [_constant("stands_for", 1), _GROUPS, _MEET]
    texts += [_neighbours(code, ["  %count = add {t} 0, 4"]) for code in ("i32", "i64")]
    texts += [_REMAINDER.format(code=c, kind=TYPES[c], always=_ALWAYS) for c in ("f32", "f64")]
    return "\n".join([*texts, gpu_folds()])


def emulated_text() -> str:
    """Return the functions for one lane in each group, in memory that the launch writes."""
    texts = [_GROUPS]
    texts += [_constant(name, 0) for name in ("lane", "thread")]
    texts += [_constant(name, 1) for name in ("lanes", "dealt", "block_lanes")]
    for name in ("threads", "block", "blocks", "part", "group_of_block", "groups_of_block"):
        texts.append(_variable(name))
    texts.append(_alias("stands_for", "threads"))
    texts += [_neighbours(code, [_OWN[code], *_OF_BLOCK]) for code in ("i32", "i64")]
    texts.append(f"define void @gradc.meet() {_ALWAYS} {{\n  ret void\n}}")
    return "\n".join([*texts, emulated_folds()])


_OWN = {
    "i32": "  %own = call i32 @gradc.threads()",
    "i64": "  %threads = call i32 @gradc.threads()\n  %own = zext i32 %threads to i64",
}
_OF_BLOCK = [
    "  %length = mul {t} %own, 4",
    "  %left = sub {t} %total, %first",
    "  %inside = icmp ult {t} %length, %left",
    "  %count = select i1 %inside, {t} %length, {t} %left",
]


def _neighbours(kind: str, lines: list[str]) -> str:
    """Return how many neighbours a thread has: four of them, or those of a whole block."""
    own = [line.format(t=kind) for line in lines]
    head = f"define {kind} @gradc.neighbours.{kind}({kind} %first, {kind} %total) {_ALWAYS}"
    return "\n".join([f"{head} {{", *own, f"  ret {kind} %count", "}"])


def _register(name: str, register: str) -> str:
    """Return a function that reads a special register; a launch keeps it below 2^31."""
    read = f"llvm.nvvm.read.ptx.sreg.{register}"
    lines = [f"  %x = call range(i32 0, 2147483647) i32 @{read}()", "  ret i32 %x"]
    declared = "" if name in ("thread", "threads") else f"declare i32 @{read}()\n"
    return declared + _defined(name, lines)


def _constant(name: str, value: int) -> str:
    return _defined(name, [f"  ret i32 {value}"])


def _alias(name: str, other: str) -> str:
    return _defined(name, [f"  %x = call i32 @gradc.{other}()", "  ret i32 %x"])


def _variable(name: str) -> str:
    """Return a function that reads a number which the launch of an emulated kernel sets."""
    variable = f"@gradc.at.{name} = internal global i32 0\n"
    return variable + _defined(name, [f"  %x = load i32, ptr @gradc.at.{name}", "  ret i32 %x"])


def _defined(name: str, lines: list[str]) -> str:
    body = "\n".join(lines)
    return f"define i32 @gradc.{name}() {_ALWAYS} {{\n{body}\n}}"
