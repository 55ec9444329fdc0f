"""PyTorch's name for the rooms of `gradc.utils.data` and `gradc.utils.dlpack`."""

from __future__ import annotations

import importlib
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    """Import a room when it is first asked for: `gradc.utils.data.DataLoader`."""
    if name in ("data", "dlpack"):
        return importlib.import_module(f"gradc.utils.{name}")
    raise AttributeError(f"module 'gradc.utils' has no attribute {name!r}")
