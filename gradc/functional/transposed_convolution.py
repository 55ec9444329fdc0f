"""Spread a signal or an image through a window of weights: the transpose of a convolution."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.errors import ArgumentError, ShapeError
from gradc.functional.convolution import channels_second, check_beside_input, check_weight
from gradc.functional.spatial import batched, per_axis, sizes_of
from gradc.ir.primitive import lookup
from gradc.primitives.convolution import reach
from gradc.tensor import Tensor
from gradc.tensor.dispatch import apply
from gradc.tensor.lowered import product

Size = int | Sequence[int]


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """Return y[n, o, s p + d k - padding] = b[o] + the sum over c, p, k of x[n, c, p] w[c, o, k].

    Args:
        input: `[N, C, L]` or `[C, L]`.
        weight: `[C, O / groups, K]`.
        bias: `[O]`.
        stride: s, distance of two windows in the output.
        padding: elements cut off at both ends of the output.
        output_padding: elements added at its end, less than stride or dilation.
        groups: into how many blocks the channels are cut, each with weights of its own.
        dilation: d, distance of two elements of a window.

    Returns:
        `[N, O, P]` with P = (L - 1) s - 2 padding + d (K - 1) + output_padding + 1.

    Raises:
        ShapeError: channels that don't fit, or an output without elements.
        ArgumentError: numbers out of range.

    Example:
        >>> import gradc
        >>> x, w = gradc.tensor([[[1.0, 2.0]]]), gradc.tensor([[[1.0, 10.0]]])
        >>> conv_transpose1d(x, w).tolist()
        [[[1.0, 12.0, 20.0]]]
    """
    return _spread(
        "conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups,
        dilation,
    )  # fmt: skip


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """Return the transpose of `conv2d` by its input, applied to the input, plus b.

    y[n, o, s p + d i - padding, s q + d j - padding] = b[o] + the sum over c, p, q, i, j of
    x[n, c, p, q] w[c, o, i, j]

    Args:
        input: `[N, C, H, W]` or `[C, H, W]`.
        weight: `[C, O / groups, KH, KW]`.
        bias: `[O]`.
        stride: s, distance of two windows in the output; one number, or one per axis.
        padding: elements cut off on all sides of the output.
        output_padding: rows and columns added at its ends, less than stride or dilation.
        groups: into how many blocks the channels are cut, each with weights of its own.
        dilation: d, distance of two elements of a window.

    Returns:
        `[N, O, P, Q]` with P = (H - 1) s - 2 padding + d (KH - 1) + output_padding + 1.

    Raises:
        ShapeError: channels that don't fit, or an output without elements.
        ArgumentError: numbers out of range.

    Example:
        >>> import gradc
        >>> x, w = gradc.ones(1, 6, 4, 4), gradc.ones(6, 3, 3, 3)
        >>> conv_transpose2d(x, w, stride=2, padding=1, output_padding=1).shape
        gradc.Size([1, 3, 8, 8])
    """
    return _spread(
        "conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups,
        dilation,
    )  # fmt: skip


def _spread(
    name: str,
    count: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Size,
    padding: Size,
    output_padding: Size,
    groups: int,
    dilation: Size,
) -> Tensor:
    """Move the channels last, put zeros around and between, convolve with the turned window."""
    x, alone = batched(name, input, count)
    check_transposed(name, x, weight, bias, count, groups)
    steps = per_axis(name, "stride", stride, count, 1)
    cut = per_axis(name, "padding", padding, count, 0)
    more = per_axis(name, "output_padding", output_padding, count, 0)
    apart = per_axis(name, "dilation", dilation, count, 1)
    if any(m >= max(s, d) for m, s, d in zip(more, steps, apart, strict=True)):
        raise ArgumentError(
            f"{name}: output_padding must be less than stride or dilation, got {list(more)} for "
            f"stride {list(steps)} and dilation {list(apart)}"
        )
    window, sizes = sizes_of(weight, count), sizes_of(x, count)
    around = tuple(c - 1 for c in reach(window, apart))
    wanted = tuple(
        (n - 1) * s - 2 * p + a + m + 1
        for n, s, p, a, m in zip(sizes, steps, cut, around, more, strict=True)
    )
    if min(wanted) < 1 or 0 in sizes:
        raise ShapeError(
            f"{name}: the output would be of size {list(wanted)} for input {list(input.shape)} and "
            f"weight {list(weight.shape)}"
        )
    samples, inner = int(x.shape[0]), int(weight.shape[0]) // groups
    space = tuple(range(2, count + 2))
    x = x.permute(0, *space, 1).reshape(samples, *sizes, groups, inner)
    # Where more is cut off than a window reaches, the rest is cut off the output.
    low = tuple(max(a - p, 0) for a, p in zip(around, cut, strict=True))
    high = tuple(max(a - p + m, 0) for a, p, m in zip(around, cut, more, strict=True))
    between = tuple(s - 1 for s in steps)
    if any((*low, *high, *between)):
        x = apply(
            lookup("pad"), x, low=(0, *low, 0, 0), high=(0, *high, 0, 0),
            interior=(0, *between, 0, 0), value=0,
        )  # fmt: skip
    w = weight.permute(*space, 0, 1)
    w = w.reshape(*window, groups, inner, int(weight.shape[1])).flip(*range(count))
    y = product(lookup("conv"), x, w, stride=(1,) * count, dilation=apart)
    outputs = groups * int(weight.shape[1])
    y = y.reshape(*y.shape[: count + 1], outputs)
    for axis, (a, p, n) in enumerate(zip(around, cut, wanted, strict=True)):
        if y.shape[axis + 1] != n:
            y = y.narrow(axis + 1, max(p - a, 0), n)
    return channels_second(y, bias, count, alone=alone)


def check_transposed(
    name: str, x: Tensor, weight: Tensor, bias: Tensor | None, count: int, groups: int
) -> None:
    """Refuse weights and biases that don't fit the input."""
    given = check_weight(name, x, weight, bias, count, groups, "C, O / groups")
    if x.shape[1] != weight.shape[0] or int(weight.shape[0]) % groups:
        raise ShapeError(
            f"{name}: input and weight must have as many channels, which groups={groups} divides, "
            f"got {given}"
        )
    check_beside_input(name, x, weight, bias, int(weight.shape[1]) * groups)
