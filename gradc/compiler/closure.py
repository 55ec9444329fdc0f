"""A function -> the names that it has for tensors defined outside of it."""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import Any

from gradc.tensor.storage import Storage
from gradc.tensor.tensor import Tensor


def outer_names(function: Any) -> dict[Storage, str]:
    """Return the names of the tensors that a function reads from globals and enclosing scopes."""
    code, outside = getattr(function, "__code__", None), getattr(function, "__globals__", {})
    if code is None:
        return {}
    found: dict[str, Any] = {n: outside[n] for n in code.co_names if n in outside}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue  # a variable that has no value yet
    return {v._storage: name for name, v in found.items() if isinstance(v, Tensor)}
