"""PyTorch's `torch.amp` names, as far as they have a meaning without 16-bit dtypes."""

from __future__ import annotations

from gradc.amp.autocast import autocast
from gradc.amp.grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast"]
