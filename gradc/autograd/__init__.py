"""Gradients under PyTorch's names: modes, grad and backward, anomaly detection, own functions."""

from __future__ import annotations

import importlib
from typing import Any

from gradc.autograd.anomaly_mode import anomaly_enabled as anomaly_enabled
from gradc.autograd.anomaly_mode import detect_anomaly as detect_anomaly
from gradc.autograd.anomaly_mode import set_detect_anomaly as set_detect_anomaly
from gradc.autograd.function import Function as Function
from gradc.autograd.gradcheck import gradcheck as gradcheck
from gradc.autograd.gradcheck import gradgradcheck as gradgradcheck
from gradc.tensor.gradient import backward as backward
from gradc.tensor.gradient import grad as grad
from gradc.tensor.modes import enable_grad as enable_grad
from gradc.tensor.modes import inference_mode as inference_mode
from gradc.tensor.modes import no_grad as no_grad
from gradc.tensor.modes import set_grad_enabled as set_grad_enabled


def __getattr__(name: str) -> Any:
    """Import `functional` when it is first asked for."""
    if name == "functional":
        return importlib.import_module("gradc.autograd.functional")
    raise AttributeError(f"module 'gradc.autograd' has no attribute {name!r}")
