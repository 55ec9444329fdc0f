"""A module and tensors in place of its own -> what the module returns with them."""

# Modules' tables are read and swapped here.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from gradc.errors import ArgumentError, ArgumentTypeError, StateDictError
from gradc.nn.call import touch
from gradc.nn.module import Module
from gradc.tensor import stack
from gradc.tensor.kinds import is_sequence, is_tuple
from gradc.tensor.tensor import Tensor


class Slot(NamedTuple):
    """Where a module keeps a tensor."""

    table: dict[str, Any]
    name: str

    def get(self) -> Any:
        """Return what is there."""
        return self.table[self.name]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other tensors in place of its parameters and buffers.

    Args:
        module: the module; it is afterwards as it was.
        parameter_and_buffer_dicts: tensors by dotted name, or several such dicts; names that are
            left out keep the module's own tensors. A buffer that the module replaces while it
            runs is replaced in the dict.
        args: one argument, or a tuple of them.
        kwargs: arguments by keyword.
        tie_weights: whether a tensor given for one name of a shared parameter is used for all.
        strict: whether every name of the module must be given.

    Returns:
        What the module returns.

    Raises:
        ArgumentTypeError: no module, or something else than tensors by name.
        ArgumentError: a name given twice, or different tensors for shared names.
        StateDictError: a name that the module has not; with strict, one that is not given.

    Example:
        >>> import gradc
        >>> layer = gradc.nn.Linear(2, 1)
        >>> state = {"weight": gradc.ones(1, 2), "bias": gradc.zeros(1)}
        >>> gradc.func.functional_call(layer, state, gradc.tensor([[1.0, 2.0]]))
        tensor([[3.]])
    """
    if not isinstance(cast("object", module), Module):
        raise ArgumentTypeError(
            f"functional_call: expected a Module, got {type(module).__name__}",
            hint="functional_call(module, state, args)",
        )
    tables = _dicts(parameter_and_buffer_dicts)
    given = _merged(tables)
    slots = _slots(module)
    _check_names(module, given, slots, tie_weights, strict)
    placed = {name: slots[name] for name in given}
    values = dict(given)
    if tie_weights:
        for other, name in _tied(given, slots).items():
            placed[other], values[other] = slots[other], given[name]
    positional = () if args is None else args if is_tuple(args) else (args,)
    touch(module)
    with _swapped(placed, values):
        result = module(*positional, **(kwargs or {}))
        changed = {name: slot.get() for name, slot in placed.items()}
    for table in tables:
        for name in table:
            if changed[name] is not table[name]:
                cast("dict[str, Any]", table)[name] = changed[name]
    return result


def _dicts(given: object) -> list[Mapping[str, Tensor]]:
    """Return the dicts of tensors, checked."""
    whole = cast("Any", given)
    tables: Any = [whole] if isinstance(given, Mapping) else whole
    if not is_sequence(tables) or not all(isinstance(t, Mapping) for t in tables):
        raise ArgumentTypeError(
            "functional_call: parameter_and_buffer_dicts must be a dict of tensors or a sequence "
            f"of them, got {type(whole).__name__}",
            hint="dict(module.named_parameters())",
        )
    for table in tables:
        for name, value in table.items():
            if not isinstance(value, Tensor):
                raise ArgumentTypeError(
                    f"functional_call: {name!r} must be a tensor, got {type(value).__name__}"
                )
    return list(tables)


def _merged(tables: list[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return all dicts as one."""
    merged: dict[str, Tensor] = {}
    for table in tables:
        twice = [name for name in table if name in merged]
        if twice:
            raise ArgumentError(
                f"functional_call: {twice} appeared in multiple dictionaries",
                hint="give each name once",
            )
        merged.update(table)
    return merged


def _slots(module: Module) -> dict[str, Slot]:
    """Return where the parameters and buffers of all modules are, shared ones by each name."""
    slots: dict[str, Slot] = {}
    for path, below in module.named_modules(remove_duplicate=False):
        for table in (below._parameters, below._buffers):
            for name in table:
                slots[f"{path}.{name}" if path else name] = Slot(
                    cast("dict[str, Any]", table), name
                )
    return slots


def _check_names(
    module: Module,
    given: dict[str, Tensor],
    slots: dict[str, Slot],
    tie_weights: bool,
    strict: bool,
) -> None:
    """Raise for names that the module has not, or that strict asks for."""
    known = set(given)
    if tie_weights:
        known |= set(_tied(given, slots))
    unexpected = [name for name in given if name not in slots]
    missing = [n for n, s in slots.items() if s.get() is not None and n not in known]
    if not unexpected and not (strict and missing):
        return
    texts = [f"unexpected names: {unexpected}"] if unexpected else []
    texts += [f"missing names: {missing}"] if strict and missing else []
    raise StateDictError(
        f"functional_call: {type(module).__name__}: {', '.join(texts)}",
        hint="dict(module.named_parameters()) and dict(module.named_buffers()) have the names",
    )


def _tied(given: dict[str, Tensor], slots: dict[str, Slot]) -> dict[str, str]:
    """Return, for names that are not given, the given name of the same tensor."""
    groups: dict[int, list[str]] = {}
    for name, slot in slots.items():
        if slot.get() is not None:
            groups.setdefault(id(slot.get()), []).append(name)
    tied: dict[str, str] = {}
    for names in groups.values():
        mine = [name for name in names if name in given]
        if len({id(given[name]) for name in mine}) > 1:
            raise ArgumentError(
                f"functional_call: got multiple values for {mine}, which are tied",
                hint="tie_weights=False",
            )
        if mine:
            tied |= {name: mine[0] for name in names if name not in given}
    return tied


@contextmanager
def _swapped(placed: dict[str, Slot], values: dict[str, Tensor]) -> Generator[None]:
    """Put tensors into a module's tables for a while."""
    before = {name: slot.get() for name, slot in placed.items()}
    try:
        for name, slot in placed.items():
            slot.table[slot.name] = values[name]
        yield
    finally:
        for name, slot in placed.items():
            slot.table[slot.name] = before[name]


def stack_module_state(
    models: Sequence[Module],
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the parameters and the buffers of several models, stacked along a new first axis.

    Args:
        models: modules of one class, with the same shapes.

    Returns:
        (parameters, buffers) by dotted name, `[len(models), *shape]`; leaves that require grad
        where the models' parameters do.

    Raises:
        ArgumentError: no models, or models of different classes or modes.

    Example:
        >>> import gradc
        >>> models = [gradc.nn.Linear(2, 1) for _ in range(3)]
        >>> parameters, buffers = gradc.func.stack_module_state(models)
        >>> parameters["weight"].shape
        gradc.Size([3, 1, 2])
    """
    if not models:
        raise ArgumentError("stack_module_state: expected at least one model, got 0")
    if len({type(m) for m in models}) > 1:
        raise ArgumentError("stack_module_state: expected all models to be of the same class")
    if len({m.training for m in models}) > 1:
        raise ArgumentError(
            "stack_module_state: expected all models to have the same training/eval mode",
            hint="model.eval() for each of them",
        )
    parameters = _stacked([dict(m.named_parameters()) for m in models])
    return parameters, _stacked([dict(m.named_buffers()) for m in models])


def _stacked(tables: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return tensors of the same name stacked, as leaves."""
    stacked: dict[str, Tensor] = {}
    for name in tables[0]:
        members = [table[name] for table in tables]
        wants = {t.requires_grad for t in members}
        if len(wants) > 1:
            raise ArgumentError(
                f"stack_module_state: expected {name!r} of all models to have the same "
                "requires_grad"
            )
        stacked[name] = stack([t.detach() for t in members]).requires_grad_(wants.pop())
    return stacked
