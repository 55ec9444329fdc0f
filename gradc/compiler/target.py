"""A captured graph -> a program for the processor, or for the device of its tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradc.compiler import bind
from gradc.compiler.capture import Captured
from gradc.compiler.program import Program
from gradc.tensor.device import CPU

if TYPE_CHECKING:
    from gradc.compiler.cuda_program import CudaProgram

    AnyProgram = Program | CudaProgram


def build(captured: Captured) -> AnyProgram:
    """Optimise, plan, write out, compile and bind a captured graph."""
    if captured.device == CPU:
        return bind.build(captured)
    # imported here so that programs for the processor do without
    from gradc.compiler.cuda_bind import build_cuda

    return build_cuda(captured, captured.device.index or 0)
