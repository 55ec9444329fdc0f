"""Fold an image into a given number of windows, whatever its size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradc.errors import ArgumentError, ArgumentTypeError, ShapeError
from gradc.functional.reduction import check_floating
from gradc.functional.spatial import Ints, batched, listed, sizes_of
from gradc.tensor import Tensor, cat

Size = int | None | Sequence[int | None]


def adaptive_avg_pool1d(input: Tensor, output_size: Size) -> Tensor:
    """Return means of windows that part the input evenly.

    Window i covers the elements from floor(i L / P) to before ceil((i + 1) L / P).

    Args:
        input: `[N, C, L]` or `[C, L]`, floating.
        output_size: P.

    Returns:
        `[N, C, P]`.
    """
    return means_of_parts("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Size) -> Tensor:
    """Return means of windows that part the input evenly.

    Window i of P covers the rows from floor(i H / P) to before ceil((i + 1) H / P); columns
    likewise.

    Args:
        input: `[N, C, H, W]` or `[C, H, W]`, floating.
        output_size: P, or (P, Q); None keeps the input's size.

    Returns:
        `[N, C, P, Q]`.

    Raises:
        ShapeError: an input of another rank, or without elements.
        ArgumentError: sizes below 1.

    Example:
        >>> import gradc
        >>> adaptive_avg_pool2d(gradc.tensor([[[1.0, 5.0], [3.0, 3.0]]]), 1).tolist()
        [[[3.0]]]
    """
    return means_of_parts("adaptive_avg_pool2d", 2, input, output_size)


def means_of_parts(name: str, count: int, input: Tensor, output_size: Size) -> Tensor:
    """Return means of windows that part the input evenly along `count` axes."""
    x, alone = batched(name, input, count)
    check_floating(name, "input", x)
    sizes = sizes_of(x, count)
    if 0 in sizes:
        raise ShapeError(f"{name}: input {list(input.shape)} has no elements to take means of")
    wanted = wanted_sizes(name, output_size, sizes)
    for a in reversed(range(count)):
        x = _means(x, a + 2, sizes[a], wanted[a])
    return x.squeeze(0) if alone else x


def wanted_sizes(name: str, output_size: Any, sizes: Ints) -> Ints:
    """Return the number of windows along each axis."""
    given = listed(output_size)
    given = given if isinstance(output_size, Sequence) else given * len(sizes)
    if any(isinstance(n, bool) or not (n is None or isinstance(n, int)) for n in given):
        raise ArgumentTypeError(f"{name}: output_size must be an int or ints, got {output_size!r}")
    if len(given) != len(sizes) or any(n is not None and n < 1 for n in given):
        raise ArgumentError(
            f"{name}: output_size must be {len(sizes)} positive ints, got {output_size!r}"
        )
    return tuple(n if m is None else m for n, m in zip(sizes, given, strict=True))


def _means(x: Tensor, axis: int, size: int, wanted: int) -> Tensor:
    """Return the means of windows along one axis."""
    if size == wanted:
        return x
    if wanted == 1:
        return x.mean(axis, keepdim=True)
    if size % wanted == 0:
        return x.unflatten(axis, (wanted, size // wanted)).mean(axis + 1)
    parts: list[Tensor] = []
    for i in range(wanted):
        begin, end = i * size // wanted, -(-(i + 1) * size // wanted)
        parts.append(x.narrow(axis, begin, end - begin).mean(axis, keepdim=True))
    return cat(parts, axis)
