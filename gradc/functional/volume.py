"""Convolutions over volumes: slices in depth become channels of a convolution of images."""

from __future__ import annotations

from gradc.errors import ArgumentError, ShapeError
from gradc.functional.convolution import (
    Size,
    amounts,
    check_convolution,
    conv2d,
)
from gradc.functional.spatial import batched, per_axis, sizes_of
from gradc.functional.transposed_convolution import check_transposed, conv_transpose2d
from gradc.ir.primitive import lookup
from gradc.primitives.convolution import reach
from gradc.tensor import Tensor, stack
from gradc.tensor.dispatch import apply


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Return the sums of windows of a volume, weighted: `conv2d` with one more axis, the depth.

    Args:
        input: `[N, C, D, H, W]` or `[C, D, H, W]`.
        weight: `[O, C / groups, KD, KH, KW]`.
        bias: `[O]`.
        stride: distance of two windows; one number, or one per axis.
        padding: zeros added on all sides; `"valid"` for none, `"same"` for an output as large
            as the input (stride 1 only).
        dilation: distance of two elements of a window.
        groups: into how many blocks the channels are cut, each with weights of its own.

    Returns:
        `[N, O, P, Q, R]` with P = (D + 2 padding - dilation (KD - 1) - 1) // stride + 1, and so on.

    Raises:
        ShapeError: channels that don't fit, or a window larger than the padded input.
        ArgumentError: numbers out of range.

    Example:
        >>> import gradc
        >>> x, w = gradc.ones(1, 3, 8, 8, 8), gradc.ones(6, 3, 3, 3, 3)
        >>> conv3d(x, w, padding=1, stride=2).shape
        gradc.Size([1, 6, 4, 4, 4])
    """
    name = "conv3d"
    x, alone = batched(name, input, 3)
    check_convolution(name, x, weight, bias, 3, groups)
    steps = per_axis(name, "stride", stride, 3, 1)
    spread = per_axis(name, "dilation", dilation, 3, 1)
    window = sizes_of(weight, 3)
    covered = reach(window, spread)
    low, high = amounts(name, padding, covered, steps, 3)
    if any((*low, *high)):
        none = (0,) * 5
        x = apply(lookup("pad"), x, low=(0, 0, *low), high=(0, 0, *high), interior=none, value=0)
    padded = sizes_of(x, 3)
    if any(c > n for c, n in zip(covered, padded, strict=True)):
        raise ShapeError(
            f"{name}: the window covers {list(covered)} elements, more than the padded input "
            f"{list(padded)}"
        )
    places = (padded[0] - covered[0]) // steps[0] + 1
    slices = _slices(x, [k * spread[0] for k in range(window[0])], places, steps[0])
    w = weight.reshape(int(weight.shape[0]), -1, *window[1:])
    y = conv2d(slices, w, bias, steps[1:], 0, spread[1:], groups)
    return _volumes(y, int(x.shape[0]), places, alone=alone)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """Return the transpose of `conv3d` by its input, applied to the input, plus b.

    Args:
        input: `[N, C, D, H, W]` or `[C, D, H, W]`.
        weight: `[C, O / groups, KD, KH, KW]`.
        bias: `[O]`.
        stride: distance of two windows in the output; one number, or one per axis.
        padding: elements cut off on all sides of the output.
        output_padding: elements added at its ends, less than stride or dilation.
        groups: into how many blocks the channels are cut, each with weights of its own.
        dilation: distance of two elements of a window.

    Returns:
        `[N, O, P, Q, R]` with P = (D - 1) stride - 2 padding + dilation (KD - 1) +
        output_padding + 1, and so on.

    Raises:
        ShapeError: channels that don't fit, or an output without elements.
        ArgumentError: numbers out of range.

    Example:
        >>> import gradc
        >>> x, w = gradc.ones(1, 6, 4, 4, 4), gradc.ones(6, 3, 3, 3, 3)
        >>> conv_transpose3d(x, w, stride=2, padding=1, output_padding=1).shape
        gradc.Size([1, 3, 8, 8, 8])
    """
    name = "conv_transpose3d"
    x, alone = batched(name, input, 3)
    check_transposed(name, x, weight, bias, 3, groups)
    steps = per_axis(name, "stride", stride, 3, 1)
    cut = per_axis(name, "padding", padding, 3, 0)
    more = per_axis(name, "output_padding", output_padding, 3, 0)
    apart = per_axis(name, "dilation", dilation, 3, 1)
    if any(m >= max(s, d) for m, s, d in zip(more, steps, apart, strict=True)):
        raise ArgumentError(
            f"{name}: output_padding must be less than stride or dilation, got {list(more)} for "
            f"stride {list(steps)} and dilation {list(apart)}"
        )
    sizes, window = sizes_of(x, 3), sizes_of(weight, 3)
    around = tuple(c - 1 for c in reach(window, apart))
    wanted = [
        (n - 1) * s - 2 * p + a + m + 1
        for n, s, p, a, m in zip(sizes, steps, cut, around, more, strict=True)
    ]
    if min(wanted) < 1 or 0 in sizes:
        raise ShapeError(
            f"{name}: the output would be of size {wanted} for input {list(input.shape)} and "
            f"weight {list(weight.shape)}"
        )
    reached, none = around[0], (0, 0)
    x = apply(
        lookup("pad"), x, low=(0, 0, reached, *none), high=(0, 0, reached + more[0], *none),
        interior=(0, 0, steps[0] - 1, *none), value=0,
    )  # fmt: skip
    begins = [cut[0] + k * apart[0] for k in range(window[0])]
    slices = _slices(x, begins, wanted[0], 1)
    w = weight.flip(2).transpose(1, 2).reshape(-1, int(weight.shape[1]), *window[1:])
    y = conv_transpose2d(slices, w, bias, steps[1:], cut[1:], more[1:], groups, apart[1:])
    return _volumes(y, int(x.shape[0]), wanted[0], alone=alone)


def _slices(x: Tensor, begins: list[int], places: int, step: int) -> Tensor:
    """Return images `[N places, C K, H, W]`: for each place the K slices that a window sees."""
    samples, channels, _, height, width = (int(n) for n in x.shape)
    seen = [x[:, :, b : b + (places - 1) * step + 1 : step] for b in begins]
    wide = stack(seen, 2).permute(0, 3, 1, 2, 4, 5)
    return wide.reshape(samples * places, channels * len(begins), height, width)


def _volumes(y: Tensor, samples: int, places: int, *, alone: bool) -> Tensor:
    """Return `[N, O, places, P, Q]` of images `[N places, O, P, Q]`, contiguous."""
    volumes = y.reshape(samples, places, *y.shape[1:])
    out: Tensor = apply(lookup("permute"), volumes, axes=(0, 2, 1, 3, 4))
    return out.squeeze(0) if alone else out
