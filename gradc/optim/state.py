"""Turn an optimizer's groups and state into PyTorch's state_dict format, and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, cast

from gradc.errors import ArgumentTypeError, StateDictError
from gradc.optim.groups import Group
from gradc.tensor import Tensor

State = defaultdict[Tensor, dict[str, Any]]
# Choices of PyTorch's implementation: they stay as they are here, whatever a file says.
_IMPLEMENTATION = ("foreach", "fused", "capturable", "differentiable")

# Numbers that are counted in a dtype of their own, not in the parameter's.
_OWN_DTYPE = ("step", "mu_product", "eta", "mu")


def state_dict(groups: list[Group], state: Mapping[Tensor, dict[str, Any]]) -> dict[str, Any]:
    """Return options and state with parameters replaced by their numbers."""
    number = _numbers(groups)
    return {
        "state": {number[p]: dict(entries) for p, entries in state.items()},
        "param_groups": [
            {key: value for key, value in group.items() if key != "params"}
            | {"params": [number[p] for p in group["params"]]}
            for group in groups
        ],
    }


def load_state_dict(
    name: str, given: Mapping[str, Any], groups: list[Group]
) -> tuple[list[Group], State]:
    """Return new groups and a new state from a state_dict, after all checks.

    Args:
        name: of the optimizer, for messages.
        given: the state_dict.
        groups: the optimizer's own groups.
    """
    whole = cast("object", given)
    if not isinstance(whole, Mapping) or "state" not in given or "param_groups" not in given:
        kind = type(given).__name__
        raise ArgumentTypeError(
            f'{name}.load_state_dict: expected a dict with "state" and "param_groups", got a {kind}'
        )
    saved = cast("list[Group]", given["param_groups"])
    sizes, wanted = [len(g["params"]) for g in saved], [len(g["params"]) for g in groups]
    if sizes != wanted:
        raise StateDictError(
            f"{name}.load_state_dict: the groups don't fit: the optimizer has groups of {wanted} "
            f"parameters, the state_dict of {sizes}"
        )
    params = {
        number: p
        for old, new in zip(saved, groups, strict=True)
        for number, p in zip(old["params"], new["params"], strict=True)
    }
    state: State = defaultdict(dict)
    for number, entries in cast("dict[Any, dict[str, Any]]", given["state"]).items():
        if number not in params:
            raise StateDictError(
                f"{name}.load_state_dict: there is state for parameter {number}, which is in no "
                "group"
            )
        p = params[number]
        state[p] = {key: _fitted(name, key, value, p) for key, value in entries.items()}
    return [_merged(old, new) for old, new in zip(saved, groups, strict=True)], state


def _numbers(groups: list[Group]) -> dict[Tensor, int]:
    """Return the number of each parameter, in the order of the groups."""
    return {p: i for i, p in enumerate(p for group in groups for p in group["params"])}


def _merged(saved: Group, own: Group) -> Group:
    """Return the saved options with the optimizer's own parameters."""
    kept = {key: own[key] for key in _IMPLEMENTATION if key in own}
    names = {"param_names": own["param_names"]} if "param_names" in own else {}
    options = {key: _option(value) for key, value in saved.items() if key != "params"}
    return own | options | kept | names | {"params": own["params"]}


def _option(option: Any) -> Any:
    """Return an option, lists (as some files have them) as tuples."""
    return tuple(cast("list[Any]", option)) if isinstance(option, list) else option


def _fitted(name: str, key: str, value: Any, p: Tensor) -> Any:
    """Return a copy of one entry of the state, in the parameter's dtype and on its device."""
    if not isinstance(value, Tensor):
        return value
    if value.ndim and tuple(value.shape) != tuple(p.shape):
        raise StateDictError(
            f"{name}.load_state_dict: size mismatch: {key} is {list(value.shape)} in the "
            f"state_dict, the parameter is {list(p.shape)}"
        )
    copy = value.detach().to(p.device, copy=True)
    return copy if key in _OWN_DTYPE or not p.dtype.is_floating_point else copy.to(p.dtype)
