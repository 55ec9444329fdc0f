"""Where a tensor is not zero; the number of hits is a value, so traces refuse it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.tensor.core import elements, resolve, shape_of, wrap_array
from gradc.tensor.moving import beside
from gradc.tensor.refusal import refuse_value

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

BY_WHERE = "gradc.where(mask, x, other), whose shape doesn't depend on values"


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Return the indices of elements that are not zero.

    Args:
        input: `[*]`.
        as_tuple: give one int64 index tensor per axis instead of `[n, ndim]`.
    """
    x = resolve(input)
    refuse_value(x, "nonzero", BY_WHERE)
    found = np.nonzero(np.atleast_1d(elements(x)))

    def like(array: np.ndarray[Any, Any]) -> Tensor:
        return beside(wrap_array(array), x)

    if as_tuple:
        return tuple([like(i) for i in found])
    rows = np.stack(found, axis=1)
    return like(rows if shape_of(x) else rows[:, :0])


def argwhere(input: Tensor) -> Tensor:
    """Return the indices of elements that are not zero, `[n, ndim]`."""
    return nonzero(input)
