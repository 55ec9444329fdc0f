"""Move elements between channels and space: shuffles of pixels and channels, windows as columns."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradc.errors import ArgumentError, ShapeError
from gradc.functional.reduction import check_tensor
from gradc.functional.spatial import Ints, per_axis, sizes_of
from gradc.ir.primitive import lookup
from gradc.primitives.convolution import reach
from gradc.tensor import Tensor, stack
from gradc.tensor.dispatch import apply

Size = int | Sequence[int]


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Return `[*, C, H r, W r]` of `[*, C r^2, H, W]`: channels become blocks of r x r pixels.

    Args:
        input: `[*, C r^2, H, W]`.
        upscale_factor: r.

    Raises:
        ShapeError: channels that r^2 doesn't divide.
        ArgumentError: r < 1.

    Example:
        >>> import gradc
        >>> pixel_shuffle(gradc.arange(4).reshape(4, 1, 1), 2).tolist()
        [[[0, 1], [2, 3]]]

    Source: Shi, Caballero, Huszar, et al., "Real-time single image and video super-resolution
    using an efficient sub-pixel convolutional neural network", 2016, arXiv:1609.05158.
    """
    r = upscale_factor
    _check_image("pixel_shuffle", input, "upscale_factor", r)
    *rest, channels, height, width = (int(n) for n in input.shape)
    if channels % (r * r):
        raise ShapeError(
            f"pixel_shuffle: upscale_factor^2 = {r * r} must divide the channels of input "
            f"{list(input.shape)}"
        )
    n = len(rest)
    x = input.reshape(*rest, channels // (r * r), r, r, height, width)
    x = x.permute(*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return x.reshape(*rest, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Return `[*, C r^2, H, W]` of `[*, C, H r, W r]`, the inverse of `pixel_shuffle`.

    Args:
        input: `[*, C, H r, W r]`.
        downscale_factor: r.

    Raises:
        ShapeError: sizes that r doesn't divide.
        ArgumentError: r < 1.
    """
    r = downscale_factor
    _check_image("pixel_unshuffle", input, "downscale_factor", r)
    *rest, channels, height, width = (int(n) for n in input.shape)
    if height % r or width % r:
        raise ShapeError(
            f"pixel_unshuffle: downscale_factor={r} must divide height and width of input "
            f"{list(input.shape)}"
        )
    n = len(rest)
    x = input.reshape(*rest, channels, height // r, r, width // r, r)
    x = x.permute(*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return x.reshape(*rest, channels * r * r, height // r, width // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Return the channels dealt out in turn: one of each group, then the next of each.

    Args:
        input: `[N, C, *]` of three axes or more.
        groups: into how many groups of neighbours the channels are cut; it divides C.

    Raises:
        ShapeError: fewer axes, or channels that groups doesn't divide.

    Source: Zhang, Zhou, Lin, Sun, "ShuffleNet", 2017, arXiv:1707.01083.
    """
    check_tensor("channel_shuffle", "input", input)
    if input.ndim < 3 or groups < 1 or input.shape[1] % groups:
        raise ShapeError(
            f"channel_shuffle: expected input [N, C, *] with C divided by groups={groups}, got "
            f"{list(input.shape)}"
        )
    return input.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


def unfold(
    input: Tensor,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Size = 0,
    stride: Size = 1,
) -> Tensor:
    """Return the windows of an image as columns.

    Args:
        input: `[N, C, H, W]` or `[C, H, W]`.
        kernel_size: (KH, KW), or one number for both, as for all others.
        dilation: distance of two elements of a window.
        padding: zeros added on all sides.
        stride: distance of two windows.

    Returns:
        `[N, C KH KW, P]`, P the number of windows, rows first.

    Raises:
        ShapeError: windows that don't fit.
        ArgumentError: numbers out of range.
    """
    name = "unfold"
    _check_rank(name, input, (3, 4), "[N, C, H, W] or [C, H, W]")
    x = input if input.ndim == 4 else input.unsqueeze(0)
    window, spread, around, steps = _arguments(name, kernel_size, dilation, padding, stride)
    sizes = tuple(n + 2 * p for n, p in zip(sizes_of(x, 2), around, strict=True))
    places = _places(name, sizes, window, spread, steps)
    if any(around):
        x = _padded(x, around, around, (0, 0))
    columns: list[Tensor] = []
    for i in range(window[0]):
        for j in range(window[1]):
            rows, cols = (
                slice(k * d, k * d + (p - 1) * s + 1, s)
                for k, d, p, s in zip((i, j), spread, places, steps, strict=True)
            )
            columns.append(x[:, :, rows, cols])
    y = stack(columns, 2).reshape(x.shape[0], x.shape[1] * len(columns), math.prod(places))
    return y if input.ndim == 4 else y.squeeze(0)


def fold(
    input: Tensor,
    output_size: Size,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Size = 0,
    stride: Size = 1,
) -> Tensor:
    """Return the image whose elements are the sums of all columns' entries that lie on them.

    Args:
        input: `[N, C KH KW, P]` or `[C KH KW, P]`, as `unfold` gives it.
        output_size: (H, W), or one number for both, as for all others.
        kernel_size: (KH, KW).
        dilation: distance of two elements of a window.
        padding: rows and columns cut off on all sides.
        stride: distance of two windows.

    Returns:
        `[N, C, H, W]` or `[C, H, W]`.

    Raises:
        ShapeError: columns that don't fit the image.
        ArgumentError: numbers out of range.
    """
    name = "fold"
    _check_rank(name, input, (2, 3), "[N, C KH KW, P] or [C KH KW, P]")
    x = input if input.ndim == 3 else input.unsqueeze(0)
    window, spread, around, steps = _arguments(name, kernel_size, dilation, padding, stride)
    image = per_axis(name, "output_size", output_size, 2, 1)
    sizes = tuple(n + 2 * p for n, p in zip(image, around, strict=True))
    places = _places(name, sizes, window, spread, steps)
    taps = math.prod(window)
    if x.shape[1] % taps or x.shape[2] != math.prod(places):
        raise ShapeError(
            f"{name}: expected input [N, C * {taps}, {math.prod(places)}] for output_size "
            f"{list(image)} and kernel_size {list(window)}, got {list(input.shape)}"
        )
    x = x.reshape(x.shape[0], x.shape[1] // taps, *window, *places)
    total: Tensor | None = None
    for i in range(window[0]):
        for j in range(window[1]):
            low = tuple(k * d for k, d in zip((i, j), spread, strict=True))
            ends = ((p - 1) * s + 1 + a for p, s, a in zip(places, steps, low, strict=True))
            high = tuple(n - end for n, end in zip(sizes, ends, strict=True))
            placed = _padded(x[:, :, i, j], low, high, tuple(s - 1 for s in steps))
            total = placed if total is None else total + placed
    assert total is not None
    rows, cols = (slice(p, p + n) for p, n in zip(around, image, strict=True))
    y = total[:, :, rows, cols] if any(around) else total
    return y if input.ndim == 3 else y.squeeze(0)


def _padded(x: Tensor, low: Ints, high: Ints, interior: Ints) -> Tensor:
    """Return images with zeros around and between their pixels."""
    return apply(
        lookup("pad"), x, low=(0, 0, *low), high=(0, 0, *high), interior=(0, 0, *interior), value=0
    )


def _arguments(
    name: str, kernel_size: Size, dilation: Size, padding: Size, stride: Size
) -> tuple[Ints, Ints, Ints, Ints]:
    """Return one number per axis of each argument."""
    return (
        per_axis(name, "kernel_size", kernel_size, 2, 1),
        per_axis(name, "dilation", dilation, 2, 1),
        per_axis(name, "padding", padding, 2, 0),
        per_axis(name, "stride", stride, 2, 1),
    )


def _places(name: str, sizes: Ints, window: Ints, spread: Ints, steps: Ints) -> Ints:
    """Return how many windows there are along each axis."""
    covered = reach(window, spread)
    if any(c > n for c, n in zip(covered, sizes, strict=True)):
        raise ShapeError(
            f"{name}: the window covers {list(covered)} elements, more than the padded image "
            f"{list(sizes)}"
        )
    return tuple((n - c) // s + 1 for n, c, s in zip(sizes, covered, steps, strict=True))


def _check_rank(name: str, input: Tensor, ranks: tuple[int, ...], shapes: str) -> None:
    """Refuse inputs of another rank."""
    check_tensor(name, "input", input)
    if input.ndim not in ranks:
        raise ShapeError(f"{name}: expected input {shapes}, got {list(input.shape)}")


def _check_image(name: str, input: Tensor, argument: str, factor: int) -> None:
    """Refuse tensors that aren't images, and factors below 1."""
    check_tensor(name, "input", input)
    if input.ndim < 3:
        raise ShapeError(f"{name}: expected input [*, C, H, W], got {list(input.shape)}")
    if factor < 1:
        raise ArgumentError(f"{name}: {argument} must be at least 1, got {factor}")
