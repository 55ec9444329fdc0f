"""A trace -> the names that its function, modules and optimizers have for tensors around it."""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gradc.ir.graph import Role
from gradc.nn.call import touched_modules
from gradc.optim.tracing import touched_optimizers
from gradc.tensor.storage import Storage
from gradc.tensor.tensor import Tensor
from gradc.tensor.trace import Trace


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


def name_inputs(trace: Trace, function: Callable[..., Any]) -> None:
    """Give captured state the names that modules, optimizers and the function have for it."""
    names = outside_names(trace, function)
    for optimizer in touched_optimizers(trace):
        for p, state in optimizer.state.items():
            for key, value in state.items():
                if isinstance(value, Tensor):
                    of = names.get(id(p._storage), "p")
                    names.setdefault(id(value._storage), f"{key}_{of}")
    for owner in trace.grad_reads:
        if owner._grad is not None:
            of = names.get(id(owner._storage), "p")
            names.setdefault(id(owner._grad._storage), f"{of}_grad")
    for cell in trace.cells.values():
        if cell.role is Role.RANDOM:
            cell.input.name = "offset" if cell.changed else "seed"
        elif not cell.input.name:
            cell.input.name = names.get(id(cell.storage), "")


def outside_names(trace: Trace, function: Callable[..., Any]) -> dict[int, str]:
    """Return what modules and the function call the storages around the program, by id."""
    names: dict[int, str] = {}
    for module, prefix in touched_modules(trace).items():
        own: Iterable[tuple[str, Tensor]] = [
            *module.named_parameters(recurse=False),
            *module.named_buffers(recurse=False),
        ]
        for key, tensor in own:
            dotted = f"{prefix}.{key}" if prefix else key
            dotted = f"layer{dotted}" if dotted[0].isdigit() else dotted
            names.setdefault(id(tensor._storage), dotted.replace(".", "_"))
    for storage, name in outer_names(function).items():
        names.setdefault(id(storage), name)
    return names
