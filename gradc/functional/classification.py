"""Losses of class scores: cross entropy and negative log-likelihood."""

from __future__ import annotations

from gradc.errors import ArgumentError, DTypeError, ShapeError, TensorIndexError
from gradc.functional.reduction import check_floating, check_reduction, check_tensor
from gradc.ir.dtype import int64, uint8
from gradc.tensor import Tensor, where
from gradc.tensor.link import in_steps
from gradc.tensor.moving import check_beside
from gradc.tensor.state import active_trace
from gradc.tensor.statistics import log_softmax, shifted


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross entropy between softmax(input) and the target.

    l_n = -w_t log softmax(x_n)_t for a class index t;
    l_n = -sum_c w_c p_c log softmax(x_n)_c for probabilities p.
    The mean of class indices is weighted: sum_n l_n / sum_n w_(t_n).

    Args:
        input: scores `[C]`, `[N, C]` or `[N, C, ...]`, floating.
        target: class indices, int64, of the input's shape without C; or probabilities of the
            input's shape and dtype.
        weight: of each class, `[C]`.
        size_average: must be None.
        ignore_index: an index that adds nothing to loss or gradient.
        reduce: must be None.
        reduction: `mean`, `sum` or `none`. The mean of an empty batch is NaN, as in PyTorch.
        label_smoothing: share of the target that is spread evenly over the classes, 0 to 1.

    Raises:
        ShapeError: shapes that don't fit together.
        DTypeError: a target that is neither int64 nor floating.
        TensorIndexError: a class index outside [0, C) (eager; compiled code gives NaN).

    Example:
        >>> import gradc
        >>> loss = cross_entropy(gradc.zeros(2, 4), gradc.tensor([0, 3]))
        >>> round(loss.item(), 4)
        1.3863
    """
    name = "cross_entropy"
    check_reduction(name, reduction, size_average, reduce)
    check_floating(name, "input", input)
    check_tensor(name, "target", target)
    check_beside(name, input=input, target=target, weight=weight)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(f"{name}: label_smoothing must be from 0 to 1, got {label_smoothing}")
    if target.dtype.is_floating_point:
        _check_weight(name, input, weight)
        return _soft(input, target, weight, reduction, label_smoothing)
    index = _class_index(name, input, target, weight, ignore_index)
    dim = _class_axis(input)
    if label_smoothing == 0.0:
        # Only one score per sample is read, so the logarithms of the others are never made.
        scores = shifted(name, input, dim)
        normaliser = scores.exp().sum(dim).log()
        counted, safe = _counted(index, ignore_index)
        losses = normaliser - _pick(scores, safe, dim)
        return _weighted(losses, counted, safe, weight, reduction)
    logs = log_softmax(input, dim)
    return _smoothed(logs, index, weight, ignore_index, reduction, label_smoothing)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return -w_t x_t, the loss of log-probabilities x and class indices t.

    Args: as for `cross_entropy`, but the input holds log-probabilities (log_softmax) already.

    Raises: as for `cross_entropy`.
    """
    name = "nll_loss"
    check_reduction(name, reduction, size_average, reduce)
    check_floating(name, "input", input)
    check_tensor(name, "target", target)
    check_beside(name, input=input, target=target, weight=weight)
    index = _class_index(name, input, target, weight, ignore_index)
    counted, safe = _counted(index, ignore_index)
    picked = _pick(in_steps(input), safe, _class_axis(input))
    return _weighted(-picked, counted, safe, weight, reduction)


def _class_axis(input: Tensor) -> int:
    """Return the axis of the classes."""
    return 0 if input.ndim == 1 else 1


def _class_index(
    name: str, input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int
) -> Tensor:
    """Return the target as int64, after all checks."""
    if input.ndim == 0:
        raise ShapeError(f"{name}: expected input [C] or [N, C, ...], got a scalar")
    shape = list(input.shape)
    expected = shape[:0] + shape[1:] if input.ndim == 1 else [shape[0], *shape[2:]]
    if list(target.shape) != expected:
        raise ShapeError(
            f"{name}: input {shape} needs class indices of shape {expected}, got target "
            f"{list(target.shape)}"
        )
    if target.dtype is uint8:
        target = target.to(int64)
    if target.dtype is not int64:
        raise DTypeError(
            f"{name}: target must be int64 class indices"
            + (" or floating probabilities" if name == "cross_entropy" else "")
            + f", got {target.dtype}",
            hint="target.long()",
        )
    _check_weight(name, input, weight)
    check_range(name, target, int(shape[_class_axis(input)]), ignore_index)
    return target


def _check_weight(name: str, input: Tensor, weight: Tensor | None) -> None:
    """Refuse class weights of another length."""
    classes = int(input.shape[_class_axis(input)]) if input.ndim else 0
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ShapeError(
            f"{name}: weight must have one entry for each of {classes} classes, got shape "
            f"{list(weight.shape)}"
        )


def check_range(name: str, target: Tensor, classes: int, ignore_index: int | None = None) -> None:
    """Refuse class indices outside [0, classes), other than ignore_index; eager only."""
    if active_trace() is not None:
        return
    labels = target.cpu().numpy()
    wrong = labels[((labels < 0) | (labels >= classes)) & (labels != ignore_index)]
    if wrong.size:
        raise TensorIndexError(
            f"{name}: target {int(wrong.flat[0])} is out of bounds: input has {classes} classes, "
            f"expected indices from 0 to {classes - 1}"
        )


def _counted(index: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    """Return where the samples count, and indices that can be read with everywhere."""
    counted = index != ignore_index
    label = where(counted, index, 0)
    return counted, label


def _pick(scores: Tensor, index: Tensor, dim: int) -> Tensor:
    """Return the score of each sample's class."""
    picked = scores.gather(dim, index.unsqueeze(dim)).squeeze(dim)
    return picked


def _weighted(
    losses: Tensor, counted: Tensor, index: Tensor, weight: Tensor | None, reduction: str
) -> Tensor:
    """Weight the losses of the samples that count, and reduce them."""
    share = _share(losses, counted, index, weight)
    # NOTE: where, not a product: an ignored sample's loss may be infinite, and 0 * inf is NaN.
    losses = where(counted, losses if weight is None else losses * share, 0.0)
    if reduction == "none":
        return losses
    loss_sum = losses.sum()
    if reduction == "sum":
        return loss_sum
    share_sum = share.sum()
    return loss_sum / share_sum


def _share(losses: Tensor, counted: Tensor, index: Tensor, weight: Tensor | None) -> Tensor:
    """Return the weight of each sample, 0 where it is ignored."""
    if weight is None:
        share = counted.to(losses.dtype)
        return share
    share = weight.index_select(0, index.reshape(-1)).reshape(index.shape)
    return where(counted, share, 0.0)


def _smoothed(
    logs: Tensor,
    index: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    smoothing: float,
) -> Tensor:
    """Return (1 - s) times the loss of the classes plus s / C times the loss of all classes."""
    dim = _class_axis(logs)
    counted, safe = _counted(index, ignore_index)
    share = _share(logs, counted, safe, weight)
    picked = -_pick(logs, safe, dim)
    if weight is not None:
        picked = picked * share
        logs = logs * _along(weight, logs, dim)
    even = where(counted, -logs.sum(dim), 0.0)
    picked = where(counted, picked, 0.0)
    losses = (1.0 - smoothing) * picked + (smoothing / logs.shape[dim]) * even
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / share.sum()


def _soft(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float
) -> Tensor:
    """Return the cross entropy with target probabilities."""
    if tuple(target.shape) != tuple(input.shape):
        raise ShapeError(
            f"cross_entropy: floating targets are probabilities and must have the input's shape "
            f"{list(input.shape)}, got target {list(target.shape)}",
            hint="target.long() for class indices",
        )
    if input.ndim == 0:
        raise ShapeError("cross_entropy: expected input [C] or [N, C, ...], got a scalar")
    dim = _class_axis(input)
    classes = int(input.shape[dim])
    if smoothing > 0.0:
        target = target * (1.0 - smoothing) + smoothing / classes
    products = log_softmax(input, dim) * target
    if weight is not None:
        products = products * _along(weight, input, dim)
    losses = -products.sum(dim)
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.mean()


def _along(weight: Tensor, like: Tensor, dim: int) -> Tensor:
    """Return class weights in a shape that broadcasts along the axis of the classes."""
    return weight.reshape([-1 if i == dim else 1 for i in range(like.ndim)])
