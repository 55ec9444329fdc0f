"""Losses that vanish once a score lies on the right side by a margin."""

from __future__ import annotations

from gradc.errors import ArgumentError, DTypeError, ShapeError
from gradc.functional.activation import logsigmoid
from gradc.functional.classification import check_range
from gradc.functional.reduction import check_floating, check_reduction, check_tensor
from gradc.functional.reduction import reduce as reduced
from gradc.ir.dtype import int64
from gradc.tensor import Tensor, arange, where
from gradc.tensor.moving import check_beside


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return x where t = 1, max(0, margin - x) where t = -1, reduced.

    Args:
        input: distances x, any shape, floating.
        target: t, 1 or -1, of a shape that broadcasts.
        margin: from where on a distance is large enough.
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.
    """
    name = "hinge_embedding_loss"
    check_reduction(name, reduction, size_average, reduce)
    check_floating(name, "input", input)
    check_tensor(name, "target", target)
    check_beside(name, input=input, target=target)
    apart = where(target != 1, (margin - input).clamp(min=0.0), 0.0)
    return reduced(apart + where(target != -1, input, 0.0), reduction)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return max(0, -t (x1 - x2) + margin), reduced.

    Args:
        input1: scores x1, any shape, floating.
        input2: scores x2, of as many axes.
        target: t, 1 where x1 should be larger, -1 where x2 should; of as many axes.
        margin: by how much.
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.

    Raises:
        ShapeError: tensors of different numbers of axes.
    """
    name = "margin_ranking_loss"
    check_reduction(name, reduction, size_average, reduce)
    check_floating(name, "input1", input1)
    check_floating(name, "input2", input2)
    check_tensor(name, "target", target)
    check_beside(name, input1=input1, input2=input2, target=target)
    if not input1.ndim == input2.ndim == target.ndim:
        raise ShapeError(
            f"{name}: all must have as many axes, got input1 {list(input1.shape)}, input2 "
            f"{list(input2.shape)} and target {list(target.shape)}"
        )
    return reduced((margin - target * (input1 - input2)).clamp(min=0.0), reduction)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return log(1 + e^(-t x)), reduced, without overflow.

    Args:
        input: scores x, any shape, floating.
        target: t, 1 or -1, of a shape that broadcasts.
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.
    """
    name = "soft_margin_loss"
    check_reduction(name, reduction, size_average, reduce)
    check_floating(name, "input", input)
    check_tensor(name, "target", target)
    check_beside(name, input=input, target=target)
    return reduced(-logsigmoid(input * target), reduction)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the sum over j != t of w_t max(0, margin - x_t + x_j)^p, divided by C, reduced.

    Args:
        input: scores x, `[N, C]` or `[C]`, floating.
        target: class indices t, int64, `[N]`, or a scalar.
        p: 1 or 2.
        margin: by how much the right class should lead.
        weight: of each class, `[C]`.
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`.

    Raises:
        ShapeError: shapes that don't fit together.
        DTypeError: a target that isn't int64.
        TensorIndexError: a class index outside [0, C) (eager; compiled code gives NaN).
        ArgumentError: another p.
    """
    name = "multi_margin_loss"
    check_reduction(name, reduction, size_average, reduce)
    check_floating(name, "input", input)
    check_tensor(name, "target", target)
    check_beside(name, input=input, target=target, weight=weight)
    if p not in (1, 2):
        raise ArgumentError(f"{name}: p must be 1 or 2, got {p}")
    if input.ndim not in (1, 2) or tuple(target.shape) != tuple(input.shape[:-1]):
        raise ShapeError(
            f"{name}: expected input [N, C] and target [N], or [C] and a scalar, got input "
            f"{list(input.shape)} and target {list(target.shape)}"
        )
    if target.dtype is not int64:
        raise DTypeError(
            f"{name}: target must be int64 class indices, got {target.dtype}", hint="target.long()"
        )
    classes = int(input.shape[-1])
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ShapeError(
            f"{name}: weight must have one entry for each of {classes} classes, got shape "
            f"{list(weight.shape)}"
        )
    check_range(name, target, classes)
    index = target.unsqueeze(-1)
    behind = (margin - input.gather(-1, index) + input).relu()
    if p == 2:
        behind = behind * behind
    if weight is not None:
        behind = behind * weight.index_select(0, target.reshape(-1)).reshape(index.shape)
    others = arange(classes, device=input.device) != index
    return reduced(where(others, behind, 0.0).sum(-1) / classes, reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean over classes of -w (t log s(x) + (1 - t) log s(-x)), s the sigmoid, reduced.

    Args:
        input: scores x, `[*, C]`, floating.
        target: t, 0 or 1, of the same shape.
        weight: of each class, broadcast.
        size_average: must be None.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`; `none` gives `[*]`.
    """
    name = "multilabel_soft_margin_loss"
    check_reduction(name, reduction, size_average, reduce)
    check_floating(name, "input", input)
    check_tensor(name, "target", target)
    check_beside(name, input=input, target=target, weight=weight)
    if input.ndim == 0:
        raise ShapeError(f"{name}: expected input [*, C], got a scalar")
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        losses = losses * weight
    return reduced(losses.sum(-1) / int(input.shape[-1]), reduction)
