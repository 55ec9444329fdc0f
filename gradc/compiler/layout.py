"""The classes of tensors -> where native code that makes them finds their fields."""

from __future__ import annotations

from functools import cache

from gradc.runtime.direct import available, offset_of
from gradc.runtime.direct_facts import Layout
from gradc.tensor.storage import Storage, numbers
from gradc.tensor.tensor import Tensor

_new = object.__new__


@cache
def layout() -> Layout | None:
    """Return the layout; None where objects aren't as native code expects them to be."""
    if not available():
        return None
    fields = {
        Tensor: ("_storage", "_data", "_dtype"),
        Storage: ("content", "place", "version", "changed", "number"),
    }
    found: dict[str, int] = {}
    for kind, names in fields.items():
        sample = _new(kind)
        for name in names:
            at = offset_of(sample, name)
            if at is None:
                return None
            found[f"{kind.__name__.lower()}_{name.removeprefix('_')}"] = at
    return Layout(tensor=id(Tensor), storage=id(Storage), numbers=id(numbers()), **found)
