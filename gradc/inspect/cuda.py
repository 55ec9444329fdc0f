"""Half a program for a GPU -> its machine code, and what to tell of it; no GPU is needed."""

from __future__ import annotations

from gradc.build.cuda import CudaNative, load_cuda
from gradc.inspect.target import Half
from gradc.schedule.describe import amount, table


def cuda_report(name: str, half: Half, arch: str) -> tuple[CudaNative, str]:
    """Compile a half; return its machine code, and what to tell of it."""
    native = load_cuda(half.emitted.source, name, arch)
    plan = half.plan
    launches = sum(not k.is_scalar for k in plan.kernels)
    made = "from the store" if native.cached else f"compiled in {native.compile_seconds:.2f} s"
    rows = [
        ("architecture", arch),
        ("kernels", f"{len(native.functions)} in the text, {launches} launches and products"),
        ("cost", f"{amount(plan.flops)}FLOP, {amount(plan.bytes_moved)}B moved"),
        ("arena", f"{amount(plan.memory.arena_bytes)}B"),
        ("cubin", f"{amount(len(native.cubin))}B, {made}"),
        ("text", str(native.path)),
    ]
    return native, "\n".join([plan.name, *(line.rstrip() for line in table(rows))])
