"""Borders as modules; the maths is that of gradc.nn.functional.pad."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.errors import ArgumentError, ShapeError
from gradc.functional.pad import pad
from gradc.functional.reduction import check_tensor
from gradc.nn.module import Module
from gradc.tensor import Tensor

Amounts = int | Sequence[int]


class _Pad(Module):
    """What the layers of borders share: `axes` counts spatial axes, `mode` is pad's."""

    axes = 1
    mode = "constant"
    value: float | None = None

    def __init__(self, padding: Amounts) -> None:
        super().__init__()
        count = 2 * self.axes
        given = (padding,) * count if isinstance(padding, int) else tuple(padding)
        if len(given) != count:
            raise ArgumentError(
                f"{self._get_name()}: padding must be an int or {count} ints, got {padding!r}"
            )
        self.padding = given

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with its border."""
        name = self._get_name()
        check_tensor(name, "input", input)
        if self.mode != "constant" and input.ndim not in (self.axes + 1, self.axes + 2):
            raise ShapeError(
                f"{name}: expected {self.axes + 1}D or {self.axes + 2}D input (got {input.ndim}D "
                "input)"
            )
        return pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        """Return the amounts."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    """What the layers of borders of one value share."""

    def __init__(self, padding: Amounts, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        """Return amounts and value."""
        return f"padding={self.padding}, value={self.value}"


class ZeroPad1d(_Pad):
    """Zeros around the input.

    Args:
        padding: (left, right), or one number for both.
    """

    value = 0.0


class ZeroPad2d(_Pad):
    """Zeros around the input.

    Args:
        padding: (left, right, top, bottom), or one number for all.
    """

    axes = 2
    value = 0.0


class ConstantPad1d(_ConstantPad):
    """One value around the input.

    Args:
        padding: (left, right), or one number for both.
        value: of the new elements.
    """


class ConstantPad2d(_ConstantPad):
    """One value around the input.

    Args:
        padding: (left, right, top, bottom), or one number for all.
        value: of the new elements.
    """

    axes = 2


class ReflectionPad1d(_Pad):
    """The input, mirrored at its border elements.

    Args:
        padding: (left, right), or one number for both.
    """

    mode = "reflect"


class ReflectionPad2d(_Pad):
    """The input, mirrored at its border elements.

    Args:
        padding: (left, right, top, bottom), or one number for all.
    """

    axes = 2
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """The border elements, repeated.

    Args:
        padding: (left, right), or one number for both.
    """

    mode = "replicate"


class ReplicationPad2d(_Pad):
    """The border elements, repeated.

    Args:
        padding: (left, right, top, bottom), or one number for all.
    """

    axes = 2
    mode = "replicate"


class CircularPad1d(_Pad):
    """The other end of the input.

    Args:
        padding: (left, right), or one number for both.
    """

    mode = "circular"


class CircularPad2d(_Pad):
    """The other end of the input.

    Args:
        padding: (left, right, top, bottom), or one number for all.
    """

    axes = 2
    mode = "circular"


class ZeroPad3d(_Pad):
    """Zeros around the input.

    Args:
        padding: (left, right, top, bottom, front, back), or one number for all.
    """

    axes = 3
    value = 0.0


class ConstantPad3d(_ConstantPad):
    """One value around the input.

    Args:
        padding: (left, right, top, bottom, front, back), or one number for all.
        value: of the new elements.
    """

    axes = 3


class ReflectionPad3d(_Pad):
    """The input, mirrored at its border elements.

    Args:
        padding: (left, right, top, bottom, front, back), or one number for all.
    """

    axes = 3
    mode = "reflect"


class ReplicationPad3d(_Pad):
    """The border elements, repeated.

    Args:
        padding: (left, right, top, bottom, front, back), or one number for all.
    """

    axes = 3
    mode = "replicate"


class CircularPad3d(_Pad):
    """The other end of the input.

    Args:
        padding: (left, right, top, bottom, front, back), or one number for all.
    """

    axes = 3
    mode = "circular"
