"""PyTorch's name for the room of `gradc.utils.data`; holds nothing else."""

from __future__ import annotations

import importlib
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    """Import the room when it is first asked for: `gradc.utils.data.DataLoader`."""
    if name == "data":
        return importlib.import_module("gradc.utils.data")
    raise AttributeError(f"module 'gradc.utils' has no attribute {name!r}")
