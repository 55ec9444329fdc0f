"""Turn what a user gives as parameters into a parameter group with all its options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from gradc.errors import ArgumentError, ArgumentTypeError, GradientError
from gradc.tensor import Tensor

Group = dict[str, Any]


def parameter_group(
    name: str, given: object, defaults: Mapping[str, Any], others: Iterable[Group]
) -> Group:
    """Return a group with "params" as a list, and with an option for each default.

    Args:
        name: of the optimizer, for messages.
        given: the user's dict.
        defaults: options that are not given.
        others: groups that are there already.
    """
    group: Group = dict(cast("Mapping[str, Any]", given)) if isinstance(given, Mapping) else {}
    if "params" not in group:
        kind = type(cast("object", given)).__name__
        raise ArgumentTypeError(
            f'{name}: a parameter group must be a dict with "params", got a {kind}'
        )
    params, names = _listed(name, group["params"])
    unknown = [key for key in group if key not in defaults and key not in _OTHER_KEYS]
    if unknown:
        raise ArgumentError(
            f"{name}: unknown option {', '.join(map(repr, unknown))} of a parameter group; there "
            f"are {', '.join(defaults)}"
        )
    _check(name, params, others)
    group["params"] = params
    if names:
        group["param_names"] = names
    return group | {key: value for key, value in defaults.items() if key not in group}


# Keys that schedulers and users put into groups beside the options.
_OTHER_KEYS = ("params", "param_names", "initial_lr", "name")


def _listed(name: str, params: object) -> tuple[list[Tensor], list[str]]:
    """Return parameters and, where pairs were given, their names."""
    if isinstance(params, Tensor):
        return [params], []
    if isinstance(params, set | frozenset):
        raise ArgumentTypeError(f"{name}: params must have an order, got a set", hint="a list")
    listed = list(cast("Iterable[Any]", params))
    if listed and all(isinstance(p, tuple) for p in listed):
        return [p for _, p in listed], [n for n, _ in listed]
    return listed, []


def _check(name: str, params: list[Tensor], others: Iterable[Group]) -> None:
    """Refuse what can't be optimized, and parameters given twice."""
    seen = {id(p) for group in others for p in group["params"]}
    for i, p in enumerate(params):
        given = cast("object", p)
        if not isinstance(given, Tensor):
            raise ArgumentTypeError(
                f"{name}: parameter {i} must be a Tensor, got {type(given).__name__}"
            )
        if not p.is_leaf:
            raise GradientError(
                f"{name}: parameter {i} is not a leaf: it was computed from other tensors",
                hint="give the tensor it was computed from, or .detach().requires_grad_()",
            )
        if id(p) in seen:
            raise ArgumentError(f"{name}: parameter {i} of shape {list(p.shape)} is given twice")
        seen.add(id(p))
