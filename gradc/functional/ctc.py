"""Connectionist temporal classification: the probability of a short text in a long sequence."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradc.errors import ArgumentError, DTypeError, ShapeError
from gradc.functional.reduction import check_floating, check_reduction, check_tensor
from gradc.functional.scan import scan
from gradc.ir.dtype import int32, int64
from gradc.tensor import Tensor, arange, cat, full_like, maximum, where
from gradc.tensor import tensor as as_tensor
from gradc.tensor.moving import check_beside
from gradc.tensor.state import active_trace

Lengths = Tensor | Sequence[int]


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Return -log p(target), p the sum over all ways to stretch the target to the input's length.

    In a way each label stands once or several times in a row; blanks may stand between labels,
    and must between equal ones.

    Args:
        log_probs: logarithms of probabilities, `[T, N, C]` or `[T, C]`, such as of `log_softmax`.
        targets: labels, int64, `[N, S]`, filled up with anything; or `[sum of lengths]`, one target
            after the other.
        input_lengths: how many of the T steps count, `[N]` or a scalar.
        target_lengths: how many labels each target has, `[N]` or a scalar.
        blank: the label of the blank.
        reduction: `mean` divides each loss by the length of its target, then by N; `sum`, `none`.
        zero_infinity: 0, without gradient, for targets that don't fit into their input.

    Returns:
        A scalar, or the losses `[N]`.

    Raises:
        ShapeError: shapes that don't fit together.
        ArgumentError: lengths that don't fit (of tensors: eager only), or no such blank.

    Source: Graves, Fernandez, Gomez, Schmidhuber, "Connectionist temporal classification:
    labelling unsegmented sequence data with recurrent neural networks", 2006.
    """
    name = "ctc_loss"
    check_reduction(name, reduction)
    check_floating(name, "log_probs", log_probs)
    check_tensor(name, "targets", targets)
    if log_probs.ndim not in (2, 3):
        raise ShapeError(
            f"{name}: expected log_probs [T, N, C] or [T, C], got {list(log_probs.shape)}"
        )
    alone = log_probs.ndim == 2
    scores = log_probs.unsqueeze(1) if alone else log_probs
    steps, samples, classes = (int(n) for n in scores.shape)
    if not 0 <= blank < classes:
        raise ArgumentError(f"{name}: blank must be from 0 to {classes - 1}, got {blank}")
    if targets.dtype not in (int32, int64):
        raise DTypeError(f"{name}: targets must be int64, got {targets.dtype}")
    long = _lengths(name, "input_lengths", input_lengths, samples, log_probs)
    short = _lengths(name, "target_lengths", target_lengths, samples, log_probs)
    check_beside(name, log_probs=log_probs, targets=targets)
    _check_values(name, long, steps, "input_lengths", "the steps of log_probs")
    padded = _padded(name, targets.to(int64), short, samples, alone)
    losses = _losses(scores, padded, long, short, blank)
    if zero_infinity:
        losses = where(losses == math.inf, 0.0, losses)
    if reduction == "none":
        return losses.squeeze(0) if alone else losses
    if reduction == "sum":
        return losses.sum()
    return (losses / short.clamp(min=1).to(losses.dtype)).mean()


def _losses(scores: Tensor, targets: Tensor, long: Tensor, short: Tensor, blank: int) -> Tensor:
    """Return -log p for each sample: alpha[s] sums the ways to be at place s of blank-label-blank.

    Args:
        scores: `[T, N, C]`.
        targets: `[N, S]`.
        long: `[N]`, steps that count.
        short: `[N]`, labels that count.
        blank: the label of the blank.
    """
    steps, samples, _ = (int(n) for n in scores.shape)
    count = int(targets.shape[1])
    own = arange(count, device=targets.device) < short.unsqueeze(1)
    labels = where(own, targets, blank)
    # blank, label, blank, label, ..., blank
    apart = cat([full_like(labels, blank).unsqueeze(2), labels.unsqueeze(2)], 2)
    places = cat([apart.reshape(samples, 2 * count), labels.new_full((samples, 1), blank)], 1)
    width = 2 * count + 1
    index = places.unsqueeze(0).expand(steps, samples, width)
    picked = scores.gather(2, index)
    none = picked.new_full((samples, 1), -math.inf)
    start = cat([picked[0, :, :2], none.expand(samples, max(width - 2, 0))], 1)
    within = arange(width, device=places.device) < 2 * short.unsqueeze(1) + 1
    start = where(within, start, -math.inf)
    # From label to label, past the blank between, unless they are equal.
    never = places[:, :2] != places[:, :2]
    later, before = places[:, 2:], places[:, : width - 2 if width > 1 else 0]
    jumps = cat([never, (later != before) & (later != blank)], 1)
    counted = arange(1, steps, device=places.device).unsqueeze(1) < long

    def step(alpha: Tensor, now: tuple[Tensor, Tensor]) -> tuple[Tensor, None]:
        score, counts = now
        one = cat([none, alpha[:, :-1]], 1)
        two = cat([none, none, alpha[:, :-2]], 1) if width > 1 else one
        new = score + _log_sum(alpha, one, where(jumps, two, -math.inf))
        return where(counts.unsqueeze(1), new, alpha), None

    if steps > 1:
        start, _ = scan(step, start, (picked[1:], counted))
    last = (2 * short).unsqueeze(1)
    at_blank = start.gather(1, last).squeeze(1)
    at_label = start.gather(1, (last - 1).clamp(min=0)).squeeze(1)
    at_label = where(short > 0, at_label, -math.inf)
    return -_log_sum(at_blank, at_label, full_like(at_blank, -math.inf))


def _log_sum(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Return log(e^a + e^b + e^c), -inf without a gradient where all are -inf."""
    largest = maximum(maximum(a, b), c).detach()
    never = largest == -math.inf
    shift = where(never, 0.0, largest)
    total = (a - shift).exp() + (b - shift).exp() + (c - shift).exp()
    return where(never, -math.inf, shift + where(never, 1.0, total).log())


def _lengths(name: str, argument: str, given: Lengths, samples: int, like: Tensor) -> Tensor:
    """Return one length per sample as an int64 tensor."""
    lengths = given if isinstance(given, Tensor) else as_tensor(given, dtype=int64)
    if lengths.dtype not in (int32, int64):
        raise DTypeError(f"{name}: {argument} must be int64, got {lengths.dtype}")
    if tuple(lengths.shape) not in ((samples,), ()) or (lengths.ndim == 0 and samples != 1):
        raise ShapeError(f"{name}: expected {argument} [{samples}], got {list(lengths.shape)}")
    return lengths.to(int64).to(like.device).reshape(samples)


def _check_values(name: str, lengths: Tensor, most: int, argument: str, of: str) -> None:
    """Refuse lengths out of range; eager only."""
    if active_trace() is not None or lengths.numel() == 0:
        return
    values = lengths.cpu().numpy()
    if values.min() < 0 or values.max() > most:
        raise ArgumentError(
            f"{name}: {argument} must be from 0 to {most}, {of}, got {values.tolist()}"
        )


def _padded(name: str, targets: Tensor, short: Tensor, samples: int, alone: bool) -> Tensor:
    """Return the targets as `[N, S]`."""
    if targets.ndim == 2 or (alone and targets.ndim == 1):
        rows = targets.unsqueeze(0) if targets.ndim == 1 else targets
        if int(rows.shape[0]) != samples:
            raise ShapeError(f"{name}: expected targets [{samples}, S], got {list(targets.shape)}")
        _check_values(name, short, int(rows.shape[1]), "target_lengths", "the labels of targets")
        return rows
    if targets.ndim != 1:
        raise ShapeError(
            f"{name}: expected targets [N, S] or [sum of lengths], got {list(targets.shape)}"
        )
    total = int(targets.shape[0])
    width = total
    if active_trace() is None and samples:
        values = short.cpu().numpy()
        if values.sum() != total or values.min() < 0:
            raise ArgumentError(
                f"{name}: target_lengths must sum to {total}, the labels of targets, got "
                f"{values.tolist()}"
            )
        width = int(values.max())
    begins = short.cumsum(0) - short
    places = begins.unsqueeze(1) + arange(width, device=targets.device)
    if total == 0:
        return targets.new_zeros(samples, 0)
    return targets.index_select(0, places.clamp(max=total - 1).reshape(-1)).reshape(samples, width)
