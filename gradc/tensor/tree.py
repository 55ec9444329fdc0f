"""Nested arguments and results -> a flat list of tensors and a hashable description of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, cast

import numpy as np

from gradc.tensor.data import from_numpy_array
from gradc.tensor.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Leaf:
    """Stands for the tensor at a position of the flat list."""

    position: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A Python value that a program is specialised to; True, 1 and 1.0 are told apart.

    Attributes:
        kind: its class.
        value: itself.
        key: what it is compared by.
    """

    kind: type
    value: Any = field(compare=False)
    key: Any = field(init=False)

    def __post_init__(self) -> None:
        """Find the key."""
        object.__setattr__(self, "key", exact(self.value))


def exact(value: Any) -> Any:
    """Return what equals that of the same number only: not of -0.0 for 0.0, but of any NaN."""
    kind = value.__class__
    special = (kind is float and (value == 0.0 or value != value)) or kind is complex
    return repr(value) if special else value


@dataclass(frozen=True, slots=True)
class Branch:
    """A container: its type, its keys (for mappings), and its parts."""

    kind: Any
    keys: tuple[Any, ...]
    parts: tuple[Spec, ...]


Spec = Leaf | Constant | Branch
PLAIN = frozenset({bool, int, float, str, bytes})  # constants that are compared by value


def flatten(
    tree: Any, what: str, check: Callable[[str, Any], None] | None = None
) -> tuple[list[Tensor], Spec]:
    """Return the tensors of `tree` in order, and what is left when they are taken out.

    Args:
        tree: nested tuples, named tuples, lists and dicts of tensors and Python constants;
            NumPy arrays become tensors that share their memory.
        what: how messages call the tree, `argument x`.
        check: called with the place and the value of each constant; raises for a bad one.
    """
    leaves: list[Tensor] = []
    return leaves, _flatten(tree, leaves, what, check)


def _flatten(
    tree: Any, leaves: list[Tensor], what: str, check: Callable[[str, Any], None] | None
) -> Spec:
    if isinstance(tree, Tensor):
        leaves.append(tree)
        return Leaf(len(leaves) - 1)
    kind: Any = tree.__class__
    if isinstance(tree, np.ndarray | np.generic) and not isinstance(tree, np.str_):
        leaves.append(from_numpy_array(np.asarray(cast("Any", tree))))
        return Leaf(len(leaves) - 1)
    if isinstance(tree, tuple | list):
        items = cast("list[Any]", tree)
        parts = tuple(_flatten(p, leaves, f"{what}[{i}]", check) for i, p in enumerate(items))
        return Branch(kind, (), parts)
    if isinstance(tree, dict):
        table = cast("dict[Any, Any]", tree)
        parts = tuple(_flatten(p, leaves, f"{what}[{k!r}]", check) for k, p in table.items())
        return Branch(kind, tuple(table), parts)
    if check is not None:
        check(what, tree)
    return Constant(kind, tree)


def unflatten(spec: Spec, leaves: list[Any]) -> Any:
    """Return the tree that `flatten` took apart, with `leaves` in place of its tensors."""
    if isinstance(spec, Leaf):
        return leaves[spec.position]
    if isinstance(spec, Constant):
        return spec.value
    built = [unflatten(p, leaves) for p in spec.parts]
    kind = spec.kind
    if kind is tuple or kind is list:
        return cast("Any", kind)(built)
    if spec.keys or issubclass(kind, dict):
        return cast("Any", kind)(zip(spec.keys, built, strict=True))
    return kind(*built) if hasattr(kind, "_fields") else kind(built)


def collect(spec: Spec, tree: Any, leaves: list[Any]) -> bool:
    """Append what stands where the leaves of `spec` are; return whether the rest is the same.

    What is appended need not be tensors: that is for the caller to see.
    """
    if isinstance(spec, Leaf):
        leaves.append(tree)
        return True
    if tree.__class__ is not spec.kind:
        return False
    if isinstance(spec, Constant):
        return tree is spec.value or (spec.kind in PLAIN and exact(tree) == spec.key)
    if spec.keys:
        same = tuple(tree) == spec.keys
        return same and all(map(collect, spec.parts, tree.values(), repeat(leaves)))
    return len(tree) == len(spec.parts) and all(map(collect, spec.parts, tree, repeat(leaves)))


def places(spec: Spec, what: str) -> Iterator[tuple[str, Leaf | Constant]]:
    """Yield the leaves and constants of a tree in order, each with its place, `what[0]['w']`."""
    if not isinstance(spec, Branch):
        yield what, spec
        return
    keys = spec.keys or range(len(spec.parts))
    for key, part in zip(keys, spec.parts, strict=True):
        yield from places(part, f"{what}[{key!r}]")
