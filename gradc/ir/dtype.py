"""The element types of tensors, under PyTorch's names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.errors import UnsupportedError


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


class Format(DType):
    """A 16-bit format, that products may round their operands to; no tensor is stored in it.

    Args:
        name: PyTorch's name.
        digits: bits of the mantissa after the leading one.
        smallest: the smallest normal number.
        largest: the largest finite number.
    """

    __slots__ = ("digits", "largest", "smallest")

    digits: int
    smallest: float
    largest: float

    def __init__(self, name: str, digits: int, smallest: float, largest: float) -> None:
        given = {"name": name, "digits": digits, "smallest": smallest, "largest": largest}
        for field, value in given.items():
            object.__setattr__(self, field, value)

    @property
    def quantum(self) -> float:
        """The smallest positive number."""
        return self.smallest * 2.0**-self.digits

    @property
    def numpy(self) -> np.dtype[Any]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Raise: whoever asks for it is about to make a tensor."""
        raise self.not_stored()

    @property
    def rank(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Raise as `numpy` does: nothing is promoted to it."""
        raise self.not_stored()

    @property
    def is_floating_point(self) -> bool:
        """Whether values have fractions: yes."""
        return True

    @property
    def is_bool(self) -> bool:
        """Whether the values are True and False: no."""
        return False

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return 2

    def not_stored(self) -> UnsupportedError:
        """Return the error for tensors of this dtype, with what it is for."""
        return UnsupportedError(
            f"gradc stores no tensors of {self.name}: its floating dtypes are float32 and float64",
            hint=f'gradc.autocast("cpu", dtype=gradc.{self.name}): products round their operands',
        )


bool_ = DType("bool", np.dtype(np.bool_), 0)
uint8 = DType("uint8", np.dtype(np.uint8), 1)
int32 = DType("int32", np.dtype(np.int32), 2)
int64 = DType("int64", np.dtype(np.int64), 3)
float32 = DType("float32", np.dtype(np.float32), 4)
float64 = DType("float64", np.dtype(np.float64), 5)
# what products may round to; PyTorch's names
float16 = Format("float16", 10, 2.0**-14, 65504.0)
bfloat16 = Format("bfloat16", 7, 2.0**-126, (2 - 2.0**-7) * 2.0**127)

ALL = (bool_, uint8, int32, int64, float32, float64)
_BY_NAME = {d.name: d for d in (*ALL, float16, bfloat16)}
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
