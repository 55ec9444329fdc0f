"""The element types of tensors, under PyTorch's names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class DType:
    """An element type.

    Args:
        name: PyTorch's name, `float32`.
        numpy: the NumPy dtype with the same bits.
        rank: place in the promotion order: bool < uint8 < int32 < int64 < float32 < float64.
    """

    name: str
    numpy: np.dtype[Any]
    rank: int

    @property
    def is_floating_point(self) -> bool:
        """Whether values have fractions; only these carry gradients."""
        return self.numpy.kind == "f"

    @property
    def is_bool(self) -> bool:
        """Whether the values are True and False."""
        return self.numpy.kind == "b"

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.numpy.itemsize

    def __repr__(self) -> str:
        return f"gradc.{self.name}"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return (named, (self.name,))


bool_ = DType("bool", np.dtype(np.bool_), 0)
uint8 = DType("uint8", np.dtype(np.uint8), 1)
int32 = DType("int32", np.dtype(np.int32), 2)
int64 = DType("int64", np.dtype(np.int64), 3)
float32 = DType("float32", np.dtype(np.float32), 4)
float64 = DType("float64", np.dtype(np.float64), 5)

ALL = (bool_, uint8, int32, int64, float32, float64)
_BY_NAME = {d.name: d for d in ALL}
_BY_NUMPY = {d.numpy: d for d in ALL}


def named(name: str) -> DType:
    """Return the dtype called `name`; KeyError if there is none."""
    return _BY_NAME[name]


def from_numpy(dtype: np.dtype[Any]) -> DType | None:
    """Return the dtype with the bits of `dtype`, or None where gradc has none."""
    return _BY_NUMPY.get(np.dtype(dtype))


def promote(a: DType, b: DType) -> DType:
    """Return the smallest dtype that both convert to."""
    return a if a.rank >= b.rank else b
