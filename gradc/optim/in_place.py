"""A loaded state -> the arrays of the state before, where compiled steps read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from gradc.optim.groups import Group
from gradc.tensor import Tensor, no_grad
from gradc.tensor.state import active_trace

if TYPE_CHECKING:
    from gradc.optim.optimizer import Optimizer

Entries = dict[str, Any]
# Tensors in state_dicts, which keep what they hold when the optimizer's own take over others.
_LENT: WeakKeyDictionary[Optimizer, list[ref[Tensor]]] = WeakKeyDictionary()


def lend(optimizer: Optimizer, state_dict: Mapping[str, Any]) -> None:
    """Replace the tensors of a state_dict by others that share their memory until a load."""
    lent = [kept for kept in _LENT.get(optimizer, []) if kept() is not None]
    for entries in state_dict["state"].values():
        for key, value in entries.items():
            if isinstance(value, Tensor):
                entries[key] = value.detach()
                lent.append(ref(entries[key]))
    _LENT[optimizer] = lent


def put_in_place(
    optimizer: Optimizer, groups: list[Group], state: Mapping[Tensor, Entries]
) -> bool:
    """Copy a new state into the tensors of the old one, if all are alike; return whether it did.

    Args:
        optimizer: whose state it is.
        groups: its new groups, with the parameters of the old ones.
        state: its new state, in tensors that nobody else has.
    """
    before = optimizer.state
    if active_trace() is not None or set(state) != set(before):
        return False
    if not all(_alike(before[p], entries) for p, entries in state.items()):
        return False
    for lent in _LENT.pop(optimizer, []):
        tensor = lent()
        if tensor is not None:
            tensor.data = tensor.clone()
    with no_grad():
        for p, entries in state.items():
            for key, value in entries.items():
                if isinstance(value, Tensor):
                    before[p][key].copy_(value)
                else:
                    before[p][key] = value
    for own, group in zip(optimizer.param_groups, groups, strict=True):
        own.clear()
        own.update(group)
    return True


def _alike(old: Entries, new: Entries) -> bool:
    """Return whether two states of a parameter have the same entries, of the same forms."""
    return list(old) == list(new) and all(_form(old[key]) == _form(new[key]) for key in old)


def _form(value: Any) -> Any:
    """Return what a compiled step depends on besides the numbers of an entry."""
    if isinstance(value, Tensor):
        return value.dtype, value.shape, value.device
    return type(value), value
