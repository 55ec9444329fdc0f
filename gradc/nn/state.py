"""Turn a module into a state_dict, and a state_dict back into the module's values."""

# The files of this room share Module's tables.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from gradc.errors import ArgumentTypeError, StateDictError
from gradc.nn.parameter import Parameter
from gradc.tensor import Tensor, epoch, no_grad

if TYPE_CHECKING:
    from gradc.nn.module import Module


class IncompatibleKeys(NamedTuple):
    """What load_state_dict could not use.

    Args:
        missing_keys: names of the module that the state_dict lacks.
        unexpected_keys: names of the state_dict that the module lacks.
    """

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"IncompatibleKeys(missing_keys={self.missing_keys}, "
            f"unexpected_keys={self.unexpected_keys})"
        )


class _Place(NamedTuple):
    """Where a tensor of the state lives."""

    table: dict[str, Any]
    name: str
    tensor: Tensor


def state_dict(module: Module, prefix: str, keep_vars: bool) -> dict[str, Tensor]:
    """Return parameters and persistent buffers by dotted name."""
    return {
        prefix + name: place.tensor if keep_vars else place.tensor.detach()
        for name, place in _places(module).items()
    }


def load_state_dict(
    module: Module, given: Mapping[str, Any], strict: bool, assign: bool
) -> IncompatibleKeys:
    """Copy or assign the tensors of a state_dict; check everything first, then change."""
    name = type(module).__name__
    whole = cast("object", given)
    if not isinstance(whole, Mapping):
        raise ArgumentTypeError(
            f"load_state_dict: expected a dict of tensors, got {type(whole).__name__}"
        )
    places = _places(module)
    missing = [key for key in places if key not in given]
    unexpected = [key for key in given if key not in places]
    found = [(key, place, given[key]) for key, place in places.items() if key in given]
    wrong = [line for entry in found if (line := _misfit(*entry))]
    lines = wrong
    if strict:
        lines = [
            *([f"missing keys: {', '.join(missing)}"] if missing else []),
            *([f"unexpected keys: {', '.join(map(str, unexpected))}"] if unexpected else []),
            *wrong,
        ]
    if lines:
        raise StateDictError(
            f"load_state_dict: the state_dict does not fit {name}, nothing was loaded\n"
            + "\n".join(f"  {line}" for line in lines),
            hint="" if wrong else "strict=False loads what fits",
        )
    with no_grad():
        for _, place, tensor in found:
            _put(place, tensor, assign)
    if assign:
        epoch.bump()
    return IncompatibleKeys(missing, unexpected)


def _places(module: Module) -> dict[str, _Place]:
    """Return the module's persistent state by dotted name, shared tensors under each name."""
    places: dict[str, _Place] = {}
    for path, part in module.named_modules(remove_duplicate=False):
        dotted = f"{path}." if path else ""
        transient = part._non_persistent_buffers_set
        for name, parameter in part._parameters.items():
            if parameter is not None:
                places[dotted + name] = _Place(
                    cast("dict[str, Any]", part._parameters), name, parameter
                )
        for name, buffer in part._buffers.items():
            if buffer is not None and name not in transient:
                places[dotted + name] = _Place(cast("dict[str, Any]", part._buffers), name, buffer)
    return places


def _misfit(key: str, place: _Place, given: object) -> str:
    """Return why `given` can't go to its place, or ""."""
    if not isinstance(given, Tensor):
        return f"not a tensor: {key} is a {type(given).__name__} in the state_dict"
    have, want = list(given.shape), list(place.tensor.shape)
    if have != want:
        return f"size mismatch: {key} is {want} in the module, {have} in the state_dict"
    if given.dtype.is_floating_point and not place.tensor.dtype.is_floating_point:
        return (
            f"dtype mismatch: {key} is {place.tensor.dtype} in the module, {given.dtype} in the "
            "state_dict"
        )
    return ""


def _put(place: _Place, given: Tensor, assign: bool) -> None:
    """Give the place its new value."""
    if not assign:
        place.tensor.copy_(given)
    elif not isinstance(place.tensor, Parameter):
        place.table[place.name] = given
    elif isinstance(given, Parameter):
        place.table[place.name] = given
    else:
        place.table[place.name] = Parameter(given, place.tensor.requires_grad)
