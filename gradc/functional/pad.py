"""Extend a tensor at its borders."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.errors import ArgumentError, ShapeError
from gradc.ir.primitive import lookup
from gradc.tensor import Tensor, cat
from gradc.tensor.dispatch import apply

MODES = ("constant", "reflect", "replicate", "circular")


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Add elements before and after along the last axes; negative amounts cut off.

    Args:
        input: any shape.
        pad: `(low, high)` of the last axis, then of the one before it, and so on.
        mode: what is added: `constant`; `reflect` mirrors at the border elements, `replicate`
            repeats them, `circular` goes on at the other end.
        value: of the new elements, 0 when not given; for `constant` only.

    Raises:
        ShapeError: more pairs than axes, more cut off than there is, or more to mirror or to
            wrap around than there is.

    Example:
        >>> import gradc
        >>> pad(gradc.tensor([1, 2]), (1, 2)).tolist()
        [0, 1, 2, 0, 0]
    """
    if mode not in MODES:
        raise ArgumentError(f"pad: mode must be one of {', '.join(MODES)}, got {mode!r}")
    if mode != "constant" and value:
        raise ArgumentError(f"pad: value={value} is for mode='constant', got mode={mode!r}")
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
    if mode != "constant":
        for axis, (a, b) in enumerate(zip(low, high, strict=True)):
            if a > 0 or b > 0:
                input = _extended(input, axis, max(a, 0), max(b, 0), mode)
        return input
    return apply(
        lookup("pad"),
        input,
        low=tuple(max(a, 0) for a in low),
        high=tuple(max(b, 0) for b in high),
        interior=(0,) * input.ndim,
        value=0 if value is None else value,
    )


def _extended(input: Tensor, axis: int, low: int, high: int, mode: str) -> Tensor:
    """Return the input with elements of its own before and behind one axis."""
    size = int(input.shape[axis])
    most = {"reflect": size - 1, "circular": size, "replicate": max(low, high) if size else 0}
    if max(low, high) > most[mode]:
        raise ShapeError(
            f"pad: mode={mode!r} can add at most {most[mode]} elements to axis {axis} of input "
            f"{list(input.shape)}, got ({low}, {high})"
        )
    match mode:
        case "reflect":
            before = input.narrow(axis, 1, low).flip(axis)
            behind = input.narrow(axis, size - 1 - high, high).flip(axis)
        case "circular":
            before, behind = input.narrow(axis, size - low, low), input.narrow(axis, 0, high)
        case _:
            shape = list(input.shape)
            before = input.narrow(axis, 0, 1).expand(*shape[:axis], low, *shape[axis + 1 :])
            behind = input.narrow(axis, size - 1, 1)
            behind = behind.expand(*shape[:axis], high, *shape[axis + 1 :])
    return cat([t for t in (before, input, behind) if t.shape[axis]], axis)
