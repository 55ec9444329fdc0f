"""Images read at given places: grids of coordinates, and the elements between pixels."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from gradc.functional.reduction import check_floating
from gradc.ir.dtype import int64
from gradc.ir.primitive import lookup
from gradc.tensor import Tensor, arange, stack, where
from gradc.tensor.core import resolve
from gradc.tensor.dispatch import apply
from gradc.tensor.edges import edge_of
from gradc.tensor.link import linked
from gradc.tensor.moving import check_beside

MODES, PADDINGS = ("bilinear", "nearest"), ("zeros", "border", "reflection")


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Return where an affine map takes the pixels of an image: theta (x, y, 1) for each.

    Args:
        theta: `[N, 2, 3]`, floating.
        size: (N, C, H, W) of the image that is wanted.
        align_corners: whether -1 and 1 are the middles of the outermost pixels, or their outer
            edges (the default).

    Returns:
        `[N, H, W, 2]`, each (x, y), for `grid_sample`.

    Raises:
        ShapeError: a theta that doesn't fit the size.
        UnsupportedError: the size of a volume.

    Example:
        >>> import gradc
        >>> same = gradc.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
        >>> affine_grid(same, (1, 1, 1, 2)).tolist()
        [[[[-0.5, 0.0], [0.5, 0.0]]]]
    """
    check_floating("affine_grid", "theta", theta)
    sizes = [int(n) for n in size]
    if len(sizes) == 5:
        raise UnsupportedError(
            "affine_grid: sizes of volumes are not supported", hint="(N, C, H, W)"
        )
    if len(sizes) != 4 or tuple(theta.shape) != (sizes[0], 2, 3):
        raise ShapeError(
            f"affine_grid: expected theta [N, 2, 3] and size (N, C, H, W), got theta "
            f"{list(theta.shape)} and size {tuple(sizes)}"
        )
    if min(sizes) < 1:
        raise ArgumentError(f"affine_grid: size must be positive, got {tuple(sizes)}")
    samples, _, height, width = sizes
    x, y = (_line(n, theta, bool(align_corners)) for n in (width, height))
    across = x.reshape(1, width).expand(height, width)
    down = y.reshape(height, 1).expand(height, width)
    places = stack([across, down, x.new_ones(height, width)], 2).reshape(1, height * width, 3)
    moved = places.expand(samples, height * width, 3) @ theta.transpose(1, 2)
    return moved.reshape(samples, height, width, 2)


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Return images read at given places.

    Args:
        input: `[N, C, H, W]`, floating.
        grid: `[N, P, Q, 2]`, each (x, y); (-1, -1) is the upper left corner, (1, 1) the lower
            right one.
        mode: `bilinear`, the mean of four pixels by their distances; `nearest`.
        padding_mode: what is read outside: `zeros`, the nearest pixel of the `border`, or the
            `reflection` at it.
        align_corners: whether -1 and 1 are the middles of the outermost pixels, or their outer
            edges (the default).

    Returns:
        `[N, C, P, Q]`.

    Raises:
        ShapeError: shapes that don't fit together.
        UnsupportedError: volumes, or mode `bicubic`.
        ArgumentError: another mode.

    Source: Jaderberg, Simonyan, Zisserman, Kavukcuoglu, "Spatial transformer networks", 2015,
    arXiv:1506.02025.
    """
    _check(input, grid, mode, padding_mode)
    samples, channels, height, width = (int(n) for n in input.shape)
    rows, columns = int(grid.shape[1]), int(grid.shape[2])
    aligned = bool(align_corners)
    x = _pixel(grid[..., 0], width, padding_mode, aligned).reshape(-1)
    y = _pixel(grid[..., 1], height, padding_mode, aligned).reshape(-1)
    # Each pixel's channels as one row: what is read lies together.
    pixels = input.permute(0, 2, 3, 1).reshape(samples * height * width, channels)
    first = arange(samples, device=input.device) * (height * width)
    image = first.unsqueeze(1).expand(samples, rows * columns).reshape(-1)

    def read(across: Tensor, down: Tensor) -> Tensor:
        """Return the pixels at whole coordinates, zeros outside."""
        inside = (across >= 0) & (across <= width - 1) & (down >= 0) & (down <= height - 1)
        column = where(inside, across, 0.0).to(int64)
        row = where(inside, down, 0.0).to(int64)
        found: Tensor = apply(lookup("index_select"), pixels, image + row * width + column, axis=0)
        return where(inside.unsqueeze(1), found, 0.0)

    if mode == "nearest":
        out = read(x.detach().round(), y.detach().round())
        out = linked(out, [edge_of(resolve(grid))])  # a gradient of zeros, as PyTorch's
    else:
        left, top = x.detach().floor(), y.detach().floor()
        right, low = (x - left).unsqueeze(1), (y - top).unsqueeze(1)
        upper = read(left, top) * (1.0 - right) + read(left + 1.0, top) * right
        lower = read(left, top + 1.0) * (1.0 - right) + read(left + 1.0, top + 1.0) * right
        out = upper * (1.0 - low) + lower * low
    images = out.reshape(samples, rows, columns, channels)
    return apply(lookup("permute"), images, axes=(0, 3, 1, 2))


def _check(input: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    name = "grid_sample"
    check_floating(name, "input", input)
    check_floating(name, "grid", grid)
    check_beside(name, input=input, grid=grid)
    if mode == "bicubic" or input.ndim == 5:
        given = "mode='bicubic'" if mode == "bicubic" else f"a volume {list(input.shape)}"
        raise UnsupportedError(
            f"{name}: {given} is not supported", hint="mode='bilinear' of images"
        )
    if mode not in MODES:
        raise ArgumentError(f"{name}: mode must be 'bilinear' or 'nearest', got {mode!r}")
    if padding_mode not in PADDINGS:
        raise ArgumentError(
            f"{name}: padding_mode must be 'zeros', 'border' or 'reflection', got {padding_mode!r}"
        )
    fits = input.ndim == grid.ndim == 4 and grid.shape[3] == 2 and grid.shape[0] == input.shape[0]
    if not fits or 0 in input.shape[2:]:
        raise ShapeError(
            f"{name}: expected input [N, C, H, W] and grid [N, P, Q, 2], got input "
            f"{list(input.shape)} and grid {list(grid.shape)}"
        )
    if input.dtype is not grid.dtype:
        raise DTypeError(f"{name}: input is {input.dtype}, grid is {grid.dtype}")


def _line(n: int, like: Tensor, aligned: bool) -> Tensor:
    """Return the coordinates of n pixels between -1 and 1."""
    if n == 1:
        return like.new_zeros(1)
    line = arange(n, dtype=like.dtype, device=like.device) * (2.0 / (n - 1)) - 1.0
    return line if aligned else line * ((n - 1) / n)


def _pixel(x: Tensor, n: int, padding_mode: str, aligned: bool) -> Tensor:
    """Return coordinates between -1 and 1 as those of n pixels, brought inside where wanted."""
    x = (x + 1.0) / 2.0 * (n - 1) if aligned else ((x + 1.0) * n - 1.0) / 2.0
    if padding_mode == "zeros":
        return x
    if padding_mode == "reflection":
        x = _reflected(x, 0.0 if aligned else -0.5, n - 1 if aligned else n)
    # At the border itself the derivative is 0, as in PyTorch.
    return where(x <= 0.0, 0.0, where(x >= n - 1, n - 1.0, x))


def _reflected(x: Tensor, low: float, span: float) -> Tensor:
    """Return coordinates mirrored at low and low + span until they lie between."""
    if span == 0:
        return x * 0.0
    away = (x - low).abs()
    times = (away / span).detach().floor()
    rest = away - times * span
    return where(times - 2.0 * (times / 2.0).floor() == 0.0, rest + low, span - rest + low)
