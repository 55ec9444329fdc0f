"""The tensors of a call -> stand-ins to trace a program on, and a key for what they are."""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gradc.compiler.guards import hooks_of
from gradc.tensor.core import home, read, wrap
from gradc.tensor.edges import edge_of
from gradc.tensor.tensor import Tensor
from gradc.tensor.tree import Branch, Constant, Leaf, Spec

Key = tuple[Any, ...]
State = tuple[str, bool, bool, tuple[tuple[int, ...], tuple[int, ...]]]


def key_of(leaves: Sequence[Tensor]) -> Key:
    """Return what a program depends on besides the elements of its arguments."""
    first: dict[int, int] = {}
    return tuple(
        (t._data.shape, t._dtype, *state_of(t), first.setdefault(id(t), i))
        for i, t in enumerate(leaves)
    )


def state_of(t: Tensor) -> State:
    """Return what a program depends on besides the type of an argument.

    Its device, whether it is a leaf that requires grad and whether gradients flow to it, its hooks.
    """
    leaf = t._node is None and t._base is None and t._leaf
    return home(t), leaf, edge_of(t) is not None, hooks_of(t)


def stand_ins(leaves: Sequence[Tensor]) -> list[Tensor]:
    """Return base tensors on the same memory: no program captures an argument by accident.

    One tensor given twice gets one stand-in. Leaves that require grad stay leaves; tensors
    computed with gradients become leaves too, which a backward pass inside must not reach.
    """
    made: dict[int, Tensor] = {}
    for t in leaves:
        if id(t) not in made:
            made[id(t)] = _stand_in(t)
    return [made[id(t)] for t in leaves]


def _stand_in(t: Tensor) -> Tensor:
    own = wrap(read(t), t._storage.place)
    edge = edge_of(t)
    own._leaf = edge is not None
    own._foreign = edge is not None and edge[0] is not t
    own._role, own._grad = t._role, t._grad
    if own._leaf and not own._foreign:
        own._hooks, own._after = t._hooks, t._after
    return own


def names_of(function: Callable[..., Any], call: Spec, count: int) -> list[str]:
    """Return what the user calls each tensor of a call: `x`, `batch_image`, `pair_0`."""
    names = [""] * count
    assert isinstance(call, Branch)
    args, kwargs = call.parts
    assert isinstance(args, Branch)
    assert isinstance(kwargs, Branch)
    parameters = _parameters(function)
    for i, part in enumerate(args.parts):
        _name(part, parameters(i), names)
    for key, part in zip(kwargs.keys, kwargs.parts, strict=True):
        _name(part, str(key), names)
    return names


def _parameters(function: Callable[..., Any]) -> Callable[[int], str]:
    """Return a function from the position of an argument to the user's name for it."""
    target = getattr(function, "forward", function)
    try:
        given = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        given = []
    positional = [p.name for p in given if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in given if p.kind is p.VAR_POSITIONAL), "x")

    def name(i: int) -> str:
        return positional[i] if i < len(positional) else f"{rest}_{i - len(positional)}"

    return name


def _name(spec: Spec, name: str, names: list[str]) -> None:
    """Name the tensors inside one argument after the way to them."""
    for position, path in _leaves(spec, name):
        names[position] = path


def _leaves(spec: Spec, path: str) -> Iterator[tuple[int, str]]:
    match spec:
        case Leaf(position):
            yield position, path
        case Constant():
            return
        case Branch(kind, keys, parts):
            fields: tuple[Any, ...] = (
                keys or getattr(kind, "_fields", ()) or tuple(range(len(parts)))
            )
            for field, part in zip(fields, parts, strict=True):
                yield from _leaves(part, f"{path}_{field}")
