"""Extend a tensor at its borders."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.errors import ArgumentError, ShapeError, UnsupportedError
from gradc.ir.primitive import lookup
from gradc.tensor import Tensor
from gradc.tensor.dispatch import apply


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Add elements before and after along the last axes; negative amounts cut off.

    Args:
        input: any shape.
        pad: `(low, high)` of the last axis, then of the one before it, and so on.
        mode: must be `constant`.
        value: of the new elements, 0 when not given.

    Raises:
        ShapeError: more pairs than axes, or more cut off than there is.

    Example:
        >>> import gradc
        >>> pad(gradc.tensor([1, 2]), (1, 2)).tolist()
        [0, 1, 2, 0, 0]
    """
    if mode != "constant":
        raise UnsupportedError(f"pad: mode={mode!r} is not supported, only 'constant'")
    amounts = [int(n) for n in pad]
    if len(amounts) % 2 or len(amounts) // 2 > input.ndim:
        raise ArgumentError(
            f"pad: expected pairs for at most {input.ndim} axes, got {amounts} for input "
            f"{list(input.shape)}"
        )
    low, high = [0] * input.ndim, [0] * input.ndim
    for i in range(len(amounts) // 2):
        low[-1 - i], high[-1 - i] = amounts[2 * i], amounts[2 * i + 1]
    sizes = [n + a + b for n, a, b in zip(input.shape, low, high, strict=True)]
    if min(sizes, default=0) < 0:
        raise ShapeError(f"pad: {amounts} cuts more off than input {list(input.shape)} has")
    for axis, (a, b) in enumerate(zip(low, high, strict=True)):
        if a < 0 or b < 0:
            size = int(input.shape[axis])
            input = input.narrow(axis, max(-a, 0), size + min(a, 0) + min(b, 0))
    return apply(
        lookup("pad"),
        input,
        low=tuple(max(a, 0) for a in low),
        high=tuple(max(b, 0) for b in high),
        interior=(0,) * input.ndim,
        value=0 if value is None else value,
    )
