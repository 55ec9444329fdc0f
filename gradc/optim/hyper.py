"""Read the numbers that steer an update: Python floats, or inputs of a traced program."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any
from weakref import WeakKeyDictionary

from gradc.ir.dtype import float64
from gradc.tensor import Tensor
from gradc.tensor.state import active_trace
from gradc.tensor.trace import Trace

Group = dict[str, Any]


class Entry(MutableMapping[str, Any]):
    """One entry of a tuple in a parameter group (`betas[0]`), as a mapping with the one key.

    Args:
        group: the parameter group.
        key: of the tuple.
        index: of the entry.
        name: the entry's name.
    """

    def __init__(self, group: Group, key: str, index: int, name: str) -> None:
        self.group, self.key, self.index, self.name = group, key, index, name

    def __getitem__(self, name: str) -> Any:
        return self.group[self.key][self.index]

    def __setitem__(self, name: str, value: Any) -> None:
        entries = list(self.group[self.key])
        entries[self.index] = value
        self.group[self.key] = tuple(entries)

    def __delitem__(self, name: str) -> None:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter((self.name,))

    def __len__(self) -> int:
        return 1


_ENTRIES: WeakKeyDictionary[Trace, list[Entry]] = WeakKeyDictionary()


def hyper(group: Group, key: str, index: int | None = None, name: str = "") -> Any:
    """Return a hyper-parameter: a float, or under a trace a 0-d float64 tensor read at each call.

    Args:
        group: the parameter group.
        key: of the hyper-parameter.
        index: of an entry, where it is a tuple.
        name: of that entry.
    """
    trace = active_trace()
    if trace is None:
        return float(group[key] if index is None else group[key][index])
    if index is None:
        return trace.hyper(group, key)
    known = _ENTRIES.setdefault(trace, [])
    for entry in known:
        if entry.group is group and entry.key == key and entry.index == index:
            return trace.hyper(entry, name)
    known.append(Entry(group, key, index, name))
    return trace.hyper(known[-1], name)


def betas(group: Group) -> tuple[Any, Any]:
    """Return the two decay rates of Adam and its kin."""
    return hyper(group, "betas", 0, "beta1"), hyper(group, "betas", 1, "beta2")


def counted(step: Tensor) -> Any:
    """Add 1 to a step counter in place; return it as a float, or traced as 0-d float64."""
    step.add_(1.0)
    return step.item() if active_trace() is None else step.to(float64)


def scalar(value: Any, like: Tensor) -> Any:
    """Return a number that does not widen `like`: a float, or traced a 0-d tensor of its dtype."""
    return value.to(like.dtype) if isinstance(value, Tensor) else value
