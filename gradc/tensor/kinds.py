"""Tell kinds of arguments apart, in words that the type checker understands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from typing_extensions import TypeIs


def is_array(obj: object) -> TypeIs[np.ndarray[Any, Any]]:
    """Return whether an object is a NumPy array."""
    return isinstance(obj, np.ndarray)


def is_sequence(obj: object) -> TypeIs[Sequence[Any]]:
    """Return whether an object is a list, a tuple or the like."""
    return isinstance(obj, Sequence)


def is_tuple(obj: object) -> TypeIs[tuple[Any, ...]]:
    """Return whether an object is a tuple."""
    return isinstance(obj, tuple)


def several(obj: Any) -> tuple[Any, ...]:
    """Return a tuple as it is, anything else as a tuple of one: the outputs of a primitive."""
    return obj if is_tuple(obj) else (obj,)


def is_numpy_number(obj: object) -> TypeIs[np.generic[Any]]:
    """Return whether an object is a NumPy scalar."""
    return isinstance(obj, np.generic)


def is_slice(obj: object) -> TypeIs[slice[Any, Any, Any]]:
    """Return whether an object is a slice."""
    return isinstance(obj, slice)
