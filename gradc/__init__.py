"""gradc compiles PyTorch-style Python to readable gradient code."""

# The names below are public; this file is their only home.
# pyright: reportUnusedImport=false

from __future__ import annotations

import gc as _gc
import importlib
from typing import Any

_COLLECTS = _gc.isenabled()
_gc.disable()  # what is imported stays: searching it for garbage takes a tenth of the time
try:
    from math import e as e
    from math import inf as inf
    from math import nan as nan
    from math import pi as pi

    from gradc.devices import eager as _eager
    from gradc.ir.dtype import bfloat16 as bfloat16
    from gradc.ir.dtype import bool_ as bool
    from gradc.ir.dtype import float16 as float16
    from gradc.ir.dtype import float16 as half
    from gradc.ir.dtype import float32 as float
    from gradc.ir.dtype import float64 as double
    from gradc.ir.dtype import int32 as int
    from gradc.ir.dtype import int64 as long
    from gradc.serialization import load as load
    from gradc.serialization import save as save
    from gradc.tensor import *
    from gradc.tensor import tensor as tensor
finally:
    if _COLLECTS:
        _gc.enable()

ROOMS = (
    "accelerator",
    "amp",
    "autograd",
    "backends",
    "cuda",
    "functional",
    "func",
    "nn",
    "optim",
    "utils",
    "datasets",
    "inspect",
)
# Where names live that are imported when they are first asked for.
HOMES = {
    "OutOfMemoryError": "gradc.errors",
    "autocast": "gradc.amp.autocast",
    "compile": "gradc.compiler.function",
    "elementwise": "gradc.tensor.formula",
    "explain": "gradc.inspect.stages",
    "from_sympy": "gradc.tensor.formula",
    "get_autocast_dtype": "gradc.amp.autocast",
    "get_float32_matmul_precision": "gradc.devices.precision",
    "get_num_threads": "gradc.runtime.threads",
    "is_autocast_enabled": "gradc.amp.autocast",
    "set_float32_matmul_precision": "gradc.devices.precision",
    "set_num_threads": "gradc.runtime.threads",
    "to_sympy": "gradc.tensor.symbols",
    "vmap": "gradc.func.mapped",
}


def _first(*given: Any) -> Any:
    """Run the first operation on arrays of a device: load what runs them all."""
    importlib.import_module("gradc.compiler.cuda_eager").register()
    return _eager.EAGER.run(*given)


_eager.set_eager(_first)


def _imported(module: str) -> Any:
    """Import a module while no garbage is looked for."""
    collects = _gc.isenabled()
    _gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        if collects:
            _gc.enable()


def __getattr__(name: str) -> Any:
    """Import a room or a name when it is first asked for."""
    if name in HOMES:
        return getattr(_imported(HOMES[name]), name)
    if name == "scan":
        return _imported("gradc.functional.scan").scan
    if name in ROOMS:
        return _imported(f"gradc.{name}")
    raise AttributeError(f"module 'gradc' has no attribute {name!r}")
