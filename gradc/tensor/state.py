"""What the current thread is doing: whether gradients are recorded, and which trace is running."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from gradc.ir.dtype import DType, Format, float32

if TYPE_CHECKING:
    from gradc.tensor.device import Device
    from gradc.tensor.entry import Scope
    from gradc.tensor.trace import Trace


Formats = tuple[Format | None, Format | None]  # for the CPU and for CUDA


class State(threading.local):
    """Modes of one thread; each thread starts with the defaults, but default_dtype is common.

    Attributes:
        grad: whether operations are recorded for a backward pass.
        inference: whether inference_mode is on.
        anomaly: whether each result is searched for new NaN.
        autocast: what products round their operands to; None for nothing.
        trace: the trace that operations are appended to, or None in eager mode.
        scopes: the functions being transformed (gradc.func) that are running, outermost first.
        cuda_index: number of the current CUDA device.
        default_dtype: dtype of floating tensors made from Python numbers.
        default_device: where tensors are made; None for the CPU.
        outer_devices: what it was before each `with device:` that is running, outermost first.
    """

    grad: bool = True
    inference: bool = False
    anomaly: bool = False
    autocast: Formats | None = None
    trace: Trace | None = None
    scopes: tuple[Scope, ...] = ()
    default_dtype: DType = float32
    cuda_index: int = 0
    default_device: Device | None = None
    outer_devices: tuple[Device | None, ...] = ()


STATE = State()


def active_trace() -> Trace | None:
    """Return the trace running in this thread, or None."""
    return STATE.trace
