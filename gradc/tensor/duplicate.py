"""Deep copies and pickles of tensors."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import GradientError
from gradc.ir.builder import ArrayBuilder
from gradc.tensor.core import elements, home, resolve, wrap_array
from gradc.tensor.device import check_device
from gradc.tensor.gradient import is_leaf
from gradc.tensor.moving import move
from gradc.tensor.paths import follow
from gradc.tensor.refusal import refuse_value
from gradc.tensor.storage import Storage

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

FIELDS = frozenset(
    "_storage _data _dtype _path _base _of _node _slot _seen _leaf _grad _retains _hooks _after "
    "_untracked _frozen_view _inference _foreign".split()
)


def deepcopy(x: Tensor, memo: dict[int, Any]) -> Tensor:
    """Return a copy in memory of its own; tensors that share memory still do afterwards."""
    if id(x) in memo:
        return memo[id(x)]
    of = resolve(x)
    refuse_value(of, "copy.deepcopy()", "x.clone()")
    if not is_leaf(of):
        raise GradientError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment.",
            hint="x.detach().clone()",
        )
    known: Storage | None = memo.get(id(of._storage))
    if known is None:
        known = memo[id(of._storage)] = Storage(of._storage.content.copy(), of._storage.place)
    out = object.__new__(type(x))
    memo[id(x)] = out
    out._storage, out._dtype, out._path, out._leaf = known, of._dtype, of._path, of._leaf
    place = known.place
    if place is None:
        out._data = follow(ArrayBuilder(), of._path, known.content)
    else:
        out._data = follow(place.builder, of._path, known.content) if of._path else of._data
        out._of = known.content if of._path else None
    if of._grad is not None:
        out._grad = copy.deepcopy(of._grad, memo)
    for name, value in vars(x).items():
        if name not in FIELDS:
            setattr(out, name, copy.deepcopy(value, memo))
    return out


def reduce(x: Tensor, protocol: Any) -> tuple[Any, ...]:
    """Return what pickle keeps: the elements, whether it is a leaf that requires grad, the rest."""
    of = resolve(x)
    refuse_value(of, "pickling", "x.clone() outside of the compiled function")
    if not is_leaf(of):
        raise GradientError("a tensor that is no leaf can't be pickled", hint="x.detach()")
    rest = {name: value for name, value in vars(x).items() if name not in FIELDS}
    return rebuild, (type(x), np.array(elements(of), order="C"), of._leaf, rest, home(of))


def rebuild(
    cls: type[Any],
    array: np.ndarray[Any, Any],
    leaf: bool,
    rest: dict[str, Any],
    device: str = "cpu",
) -> Any:
    """Return an unpickled tensor, on the device that it was on."""
    of = move(wrap_array(array), check_device("pickle", device))
    out = object.__new__(cls)
    out._storage, out._data, out._dtype, out._leaf = of._storage, of._data, of._dtype, leaf
    for name, value in rest.items():
        setattr(out, name, value)
    return out
