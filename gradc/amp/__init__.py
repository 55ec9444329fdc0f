"""PyTorch's `torch.amp`: products of 16-bit operands, and losses scaled for their gradients."""

from __future__ import annotations

from gradc.amp.autocast import autocast
from gradc.amp.grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast"]
