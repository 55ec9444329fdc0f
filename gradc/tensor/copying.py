"""Copies of a tensor: clone keeps the tape, detach shares the memory and leaves the tape."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradc.ir.primitive import lookup
from gradc.tensor.core import brief, read, resolve, wrap_array, wrap_view
from gradc.tensor.dispatch import position
from gradc.tensor.edges import edge_of
from gradc.tensor.node import CloneBackward0
from gradc.tensor.state import STATE
from gradc.tensor.strides import is_contiguous

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def copy_without_tape(x: Tensor) -> Tensor:
    """Return a copy in memory of its own that is not on the tape."""
    of = resolve(x)
    content, place = read(of), of._storage.place
    if place is not None:
        return place.wrap(place.copy(content))
    return wrap_array(np.array(content, order="C"))


def clone(x: Tensor, *, memory_format: object = None) -> Tensor:
    """Return a copy in memory of its own; gradients flow through it.

    Args:
        x: any tensor.
        memory_format: accepted for PyTorch's sake: the copy is contiguous in any case.
    """
    of = resolve(x)
    out = copy_without_tape(of)
    if STATE.grad and (edge := edge_of(of)) is not None:
        out._node = CloneBackward0((edge,), (brief(of),), position())
        if STATE.trace is not None:
            out._node.values = (out._data,)
    return out


def detach(x: Tensor) -> Tensor:
    """Return the same memory without its history: no gradient flows through the result."""
    of = resolve(x)
    trace = STATE.trace
    if trace is None or (edge_of(of) is None and not trace.by_rules):
        return wrap_view(of, read(of), of._path)
    stop = lookup("stop_gradient")
    return wrap_view(of, trace.emit(stop, (read(of),), {}), (*of._path, (stop, {})))


def data_of(x: Tensor) -> Tensor:
    """Return `.data`: the same memory, off the tape, whose changes are not counted."""
    of = resolve(x)
    if STATE.trace is not None and STATE.trace.by_rules:
        return detach(x)
    out = wrap_view(of, read(of), of._path)
    out._untracked = True
    return out


def contiguous(x: Tensor, memory_format: object = None) -> Tensor:
    """Return `x` itself where its memory is contiguous, else a contiguous copy."""
    return x if is_contiguous(x) else clone(x)
