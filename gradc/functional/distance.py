"""Distances and angles of vectors, and losses that are made of them."""

from __future__ import annotations

from collections.abc import Callable

from gradc.errors import ArgumentError, ShapeError
from gradc.functional.reduction import check_floating, check_reduction, check_tensor
from gradc.functional.reduction import reduce as reduced
from gradc.tensor import Tensor, minimum, norm, where
from gradc.tensor.moving import check_beside

_SMALL = 1e-12


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along an axis.

    Args:
        x1: any shape, floating.
        x2: of a shape that broadcasts with x1's.
        dim: the axis of the vectors' entries, after broadcasting.
        eps: least length.

    Example:
        >>> import gradc
        >>> a, b = gradc.tensor([3.0, 4.0]), gradc.tensor([4.0, 3.0])
        >>> round(cosine_similarity(a, b, dim=0).item(), 4)
        0.96
    """
    check_floating("cosine_similarity", "x1", x1)
    check_floating("cosine_similarity", "x2", x2)
    check_beside("cosine_similarity", x1=x1, x2=x2)
    axes = max(x1.ndim, x2.ndim)
    a = x1.reshape(*(1,) * (axes - x1.ndim), *x1.shape)
    b = x2.reshape(*(1,) * (axes - x2.ndim), *x2.shape)
    if a.shape[dim] != b.shape[dim]:
        a, b = _together(a, b, dim)
    a = a / norm(a, 2.0, dim, keepdim=True).clamp(min=eps)
    b = b / norm(b, 2.0, dim, keepdim=True).clamp(min=eps)
    return (a * b).sum(dim)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """Return |x1 - x2 + eps|_p along the last axis.

    Args:
        x1: `[*, D]`, floating.
        x2: of a shape that broadcasts with x1's.
        p: order of the norm.
        eps: added to each difference, so that the norm has a derivative.
        keepdim: keep the last axis, with size 1.

    Example:
        >>> import gradc
        >>> a, b = gradc.tensor([0.0, 3.0]), gradc.tensor([4.0, 0.0])
        >>> round(pairwise_distance(a, b).item(), 4)
        5.0
    """
    check_floating("pairwise_distance", "x1", x1)
    check_floating("pairwise_distance", "x2", x2)
    check_beside("pairwise_distance", x1=x1, x2=x2)
    return norm(x1 - x2 + eps, p, -1, keepdim=keepdim)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return 1 - cos(x1, x2) where t = 1, max(0, cos(x1, x2) - margin) where t = -1, reduced.

    Args:
        input1: x1, `[N, D]` or `[D]`, floating.
        input2: x2, of the same shape.
        target: t, 1 or -1, `[N]` or a scalar.
        margin: the cosine from where on two vectors are too much alike.
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.

    Raises:
        ShapeError: shapes that don't fit together.
    """
    name = "cosine_embedding_loss"
    check_reduction(name, reduction, size_average, reduce)
    check_floating(name, "input1", input1)
    check_floating(name, "input2", input2)
    check_tensor(name, "target", target)
    check_beside(name, input1=input1, input2=input2, target=target)
    shape = tuple(input1.shape)
    fits = tuple(input2.shape) == shape and tuple(target.shape) == shape[:-1]
    if len(shape) not in (1, 2) or not fits:
        raise ShapeError(
            f"{name}: expected input1 and input2 [N, D] and target [N], or [D] and a scalar, got "
            f"input1 {list(shape)}, input2 {list(input2.shape)} and target {list(target.shape)}"
        )
    squares = ((input1 * input1).sum(-1) + _SMALL) * ((input2 * input2).sum(-1) + _SMALL)
    cosine = (input1 * input2).sum(-1) / squares.sqrt()
    alike = where(target == 1, 1.0 - cosine, 0.0)
    return reduced(alike + where(target == -1, (cosine - margin).clamp(min=0.0), 0.0), reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return max(0, d(a, p) - d(a, n) + margin), d the pairwise distance, reduced.

    Args:
        anchor: a, `[N, D]` or `[D]`, floating.
        positive: p, of as many axes.
        negative: n, of as many axes.
        margin: by how much the negative should be farther, > 0.
        p: order of the norm.
        eps: as for `pairwise_distance`.
        swap: take d(p, n) instead of d(a, n) where it is less.
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.

    Raises:
        ArgumentError: a margin that isn't positive.
        ShapeError: tensors of different numbers of axes.

    Source: Balntas, Riba, Ponsa, Mikolajczyk, "Learning local feature descriptors with triplets
    and shallow convolutional neural networks", 2016.
    """
    name = "triplet_margin_loss"
    check_reduction(name, reduction, size_average, reduce)

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return pairwise_distance(x, y, p, eps)

    return _triplet(name, anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Return max(0, d(a, p) - d(a, n) + margin), d given, reduced.

    Args:
        anchor: a, any shape, floating.
        positive: p, of as many axes.
        negative: n, of as many axes.
        distance_function: d; `pairwise_distance` when not given.
        margin: by how much the negative should be farther, > 0.
        swap: take d(p, n) instead of d(a, n) where it is less.
        reduction: `mean`, `sum` or `none`.

    Raises:
        ArgumentError: a margin that isn't positive.
        ShapeError: tensors of different numbers of axes.
    """
    name = "triplet_margin_with_distance_loss"
    check_reduction(name, reduction)
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet(name, anchor, positive, negative, distance, margin, swap, reduction)


def _triplet(
    name: str,
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    """Return the loss of triplets for a distance, after all checks."""
    check_floating(name, "anchor", anchor)
    check_floating(name, "positive", positive)
    check_floating(name, "negative", negative)
    check_beside(name, anchor=anchor, positive=positive, negative=negative)
    if not margin > 0:
        raise ArgumentError(f"{name}: margin must be positive, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            f"{name}: all must have as many axes, got anchor {list(anchor.shape)}, positive "
            f"{list(positive.shape)} and negative {list(negative.shape)}"
        )
    far = distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced((distance(anchor, positive) - far + margin).clamp(min=0.0), reduction)


def _together(a: Tensor, b: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Return both with one size along an axis; the one of size 1 is repeated."""
    size = max(int(a.shape[dim]), int(b.shape[dim]))

    def grown(x: Tensor) -> Tensor:
        shape = list(x.shape)
        shape[dim] = size
        return x.expand(*shape) if x.shape[dim] == 1 else x

    return grown(a), grown(b)
