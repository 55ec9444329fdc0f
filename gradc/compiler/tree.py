"""Nested arguments and results -> a flat list of tensors and a hashable description of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from gradc.errors import ArgumentTypeError
from gradc.tensor.data import from_numpy_array
from gradc.tensor.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Leaf:
    """Stands for the tensor at a position of the flat list."""

    position: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A Python value that a program is specialised to; True, 1 and 1.0 are told apart."""

    kind: type
    value: Any


@dataclass(frozen=True, slots=True)
class Branch:
    """A container: its type, its keys (for mappings), and its parts."""

    kind: Any
    keys: tuple[Any, ...]
    parts: tuple[Spec, ...]


Spec = Leaf | Constant | Branch


def flatten(tree: Any, what: str) -> tuple[list[Tensor], Spec]:
    """Return the tensors of `tree` in order, and what is left when they are taken out.

    Args:
        tree: nested tuples, named tuples, lists and dicts of tensors and Python constants;
            NumPy arrays become tensors that share their memory.
        what: how messages call the tree, `argument x`.

    Raises:
        ArgumentTypeError: for a part that is neither and can't be compared (no hash).
    """
    leaves: list[Tensor] = []
    return leaves, _flatten(tree, leaves, what)


def _flatten(tree: Any, leaves: list[Tensor], what: str) -> Spec:
    if isinstance(tree, Tensor):
        leaves.append(tree)
        return Leaf(len(leaves) - 1)
    kind: Any = tree.__class__
    if isinstance(tree, np.ndarray | np.generic) and not isinstance(tree, np.str_):
        leaves.append(from_numpy_array(np.asarray(cast("Any", tree))))
        return Leaf(len(leaves) - 1)
    if isinstance(tree, tuple | list):
        items = cast("list[Any]", tree)
        parts = tuple(_flatten(p, leaves, f"{what}[{i}]") for i, p in enumerate(items))
        return Branch(kind, (), parts)
    if isinstance(tree, dict):
        table = cast("dict[Any, Any]", tree)
        parts = tuple(_flatten(p, leaves, f"{what}[{k!r}]") for k, p in table.items())
        return Branch(kind, tuple(table), parts)
    try:
        hash(tree)
    except TypeError:
        raise ArgumentTypeError(
            f"{what}: a compiled function takes tensors, hashable Python values, and tuples, "
            f"lists and dicts of them; got {kind.__name__}",
            hint="pass the tensors it holds, or read it from a variable around the function",
        ) from None
    return Constant(kind, tree)


def unflatten(spec: Spec, leaves: list[Any]) -> Any:
    """Return the tree that `flatten` took apart, with `leaves` in place of its tensors."""
    match spec:
        case Leaf(position):
            return leaves[position]
        case Constant(_, value):
            return value
        case Branch(kind, keys, parts):
            built = [unflatten(p, leaves) for p in parts]
            if keys or issubclass(kind, dict):
                return cast("Any", kind)(zip(keys, built, strict=True))
            return kind(*built) if hasattr(kind, "_fields") else kind(built)
