"""While tracing a step: guards on what it branches on, and state made outside of the trace."""

# The fields of a tensor are shared with the rooms that know where its memory is.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from gradc.optim.structure import structure
from gradc.tensor import Tensor
from gradc.tensor.state import active_trace
from gradc.tensor.trace import Trace

if TYPE_CHECKING:
    from gradc.optim.optimizer import Optimizer

_TOUCHED: WeakKeyDictionary[Trace, list[Optimizer]] = WeakKeyDictionary()


def touched_optimizers(trace: Trace) -> list[Optimizer]:
    """Return the optimizers that stepped during a trace, in order."""
    return _TOUCHED.setdefault(trace, [])


def register(optimizer: Optimizer, trace: Trace) -> None:
    """Guard what the optimizer branches on, once per trace."""
    touched = touched_optimizers(trace)
    if any(known is optimizer for known in touched):
        return
    touched.append(optimizer)
    trace.guards.append(structure(optimizer))


def add_state(optimizer: Optimizer, p: Tensor, make: Callable[[], dict[str, Any]]) -> None:
    """Add entries to a parameter's state, in real arrays also while tracing.

    Where the trace fails the entries are taken away again.

    Args:
        optimizer: whose state it is.
        p: the parameter.
        make: returns the entries.
    """
    trace = active_trace()
    if trace is None:
        made = make()
    else:
        with trace.paused():
            made = make()
        trace.on_failure.append(lambda: _drop(optimizer, p, made))
    if made:
        optimizer.state[p].update(made)


def follow(optimizer: Optimizer, p: Tensor, state: dict[str, Any]) -> None:
    """Bring a parameter's state to the device that the parameter has been moved to."""
    place = p._storage.place
    apart = {
        key: value
        for key, value in state.items()
        if isinstance(value, Tensor) and value._storage.place is not place
    }
    if not apart:
        return
    trace = active_trace()
    with nullcontext() if trace is None else trace.paused():
        state.update({key: value.detach().to(p.device) for key, value in apart.items()})
    if trace is not None:
        trace.on_failure.append(lambda: state.update(apart))
    optimizer.changed()


def _drop(optimizer: Optimizer, p: Tensor, made: dict[str, Any]) -> None:
    """Forget entries of a parameter's state."""
    state = optimizer.state[p]
    for key in made:
        state.pop(key, None)
    if not state:
        del optimizer.state[p]
