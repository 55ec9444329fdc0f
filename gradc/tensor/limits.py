"""A dtype -> the numbers that it can hold: finfo and iinfo."""

from __future__ import annotations

import math

import numpy as np

from gradc.errors import DTypeError
from gradc.ir.dtype import DType, Format
from gradc.tensor.state import STATE


class finfo:
    """Limits of a floating dtype.

    Args:
        type: the dtype; None: the default one.

    Attributes:
        bits: size of a number.
        eps: distance of 1 to the next number.
        max: largest number.
        min: smallest number, -max.
        tiny: smallest positive number of full precision; also smallest_normal.
        resolution: 10^-n, n the decimal digits that all numbers keep.
        dtype: the dtype's name.

    Example:
        >>> import gradc
        >>> gradc.finfo(gradc.float32).max
        3.4028234663852886e+38
    """

    def __init__(self, type: DType | None = None) -> None:
        given = STATE.default_dtype if type is None else type
        if not isinstance(given, DType) or not given.is_floating_point:  # pyright: ignore[reportUnnecessaryIsInstance] # users pass anything
            raise DTypeError(f"finfo: takes a floating dtype, got {given}", hint="gradc.iinfo")
        self.bits = 8 * given.itemsize
        self.dtype = given.name
        if isinstance(given, Format):
            self.eps, self.max, self.tiny = 2.0**-given.digits, given.largest, given.smallest
        else:
            limits = np.finfo(given.numpy)
            self.eps, self.max, self.tiny = map(float, (limits.eps, limits.max, limits.tiny))
        self.min = -self.max
        self.smallest_normal = self.tiny
        self.resolution = 10.0 ** -math.floor(-math.log10(self.eps))

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


class iinfo:
    """Limits of an integer dtype.

    Args:
        type: the dtype.

    Attributes:
        bits: size of a number.
        max: largest number.
        min: smallest number.
        dtype: the dtype's name.

    Example:
        >>> import gradc
        >>> gradc.iinfo(gradc.uint8).max
        255
    """

    def __init__(self, type: DType) -> None:
        if not isinstance(type, DType) or type.is_floating_point or type.is_bool:  # pyright: ignore[reportUnnecessaryIsInstance] # users pass anything
            raise DTypeError(f"iinfo: takes an integer dtype, got {type}", hint="gradc.finfo")
        limits = np.iinfo(type.numpy)
        self.bits, self.max, self.min = limits.bits, int(limits.max), int(limits.min)
        self.dtype = type.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
