"""A Python value -> what equals a later snapshot of it while it holds the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence, Set
from typing import Any, cast

import numpy as np

from gradc.tensor.tree import exact

PLAIN = (bool, int, float, complex, str, bytes, type(None))
CONTAINERS = (list, tuple, dict, set, frozenset, deque, Mapping)
MOST = 1000  # entries that are compared; of longer containers and arrays, the shape


def changes(value: object) -> bool:
    """Return whether it is a container whose entries can become others."""
    return isinstance(value, CONTAINERS) and not isinstance(value, tuple | frozenset)


def loose(value: object) -> bool:
    """Return whether it is such a container, or a tuple that has one inside."""
    if isinstance(value, tuple):
        return any(map(loose, cast("tuple[object, ...]", value)))
    return changes(value)


class Same:
    """Equal where it holds the same object, which it keeps alive."""

    __slots__ = ("held",)

    def __init__(self, held: object) -> None:
        self.held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.held is self.held

    def __hash__(self) -> int:
        return id(self.held)


def snapshot(value: Any, room: int = MOST) -> object:
    """Return plain data by value and type, containers by their entries, others by identity.

    Args:
        value: any object.
        room: entries of a container or an array that are looked at.
    """
    if isinstance(value, PLAIN):
        return type(value), exact(value)  # the type goes along because 1 == 1.0 == True
    if isinstance(value, np.generic):  # NumPy's numbers
        number = cast("np.generic[Any]", value)
        return number.dtype, number.tobytes()
    if not isinstance(value, CONTAINERS):
        return Same(value)
    held = cast("Sequence[Any]", value)
    if len(held) > room:
        return Same(held), len(held)
    if isinstance(value, Mapping):
        table = cast("Mapping[Any, Any]", value)
        pairs = ((snapshot(k), snapshot(v, room // 8)) for k, v in table.items())
        return type(table), tuple(pairs)
    kind: type = type(held)
    if isinstance(value, Set):
        return kind, frozenset(map(snapshot, held))
    return kind, tuple(snapshot(v, room // 8) for v in held)


def array_snapshot(array: np.ndarray[Any, Any]) -> object:
    """Return an array's type, shape and, where it has few numbers, their bits."""
    content = array.tobytes() if array.size <= MOST and not array.dtype.hasobject else b""
    return array.dtype, array.shape, content
