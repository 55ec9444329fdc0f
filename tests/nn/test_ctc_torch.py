"""CTC loss against PyTorch, and its gradient against differences."""

import itertools

import numpy as np
import pytest

import gradc
from gradc.errors import ArgumentError, DTypeError, ShapeError

torch = pytest.importorskip("torch")

STEPS, SAMPLES, CLASSES = 9, 4, 5
LOGITS = np.random.default_rng(2).standard_normal((STEPS, SAMPLES, CLASSES))
TARGETS = np.array([[1, 2, 2, 3], [4, 1, 0, 0], [3, 0, 0, 0], [0, 0, 0, 0]])
LONG, SHORT = np.array([9, 7, 2, 5]), np.array([4, 2, 1, 0])
JOINED = np.array([1, 2, 2, 3, 4, 1, 3])


def run(lib, function, compiled, *arrays):
    def whole(logits, *others):
        losses = function(lib.nn.functional, logits.log_softmax(-1), *others)
        weights = lib.arange(losses.numel(), dtype=losses.dtype).cos().reshape(losses.shape)
        (losses * weights).sum().backward()
        return losses.detach()

    logits = lib.tensor(arrays[0], requires_grad=True)
    others = [lib.tensor(a) for a in arrays[1:]]
    losses = (lib.compile(whole) if compiled else whole)(logits, *others)
    return losses.numpy(), logits.grad.numpy()


def compare(function, *arrays):
    expected = run(torch, function, False, *arrays)
    for compiled in (False, True):
        for g, e in zip(run(gradc, function, compiled, *arrays), expected, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("targets", [TARGETS, JOINED], ids=["padded", "joined"])
def test_losses(targets, reduction):
    compare(
        lambda f, x, t, long, short: f.ctc_loss(x, t, long, short, reduction=reduction),
        LOGITS,
        targets,
        LONG,
        SHORT,
    )


def test_another_blank():
    targets = np.where(TARGETS == 0, 1, TARGETS - 1)
    compare(lambda f, x, t, *n: f.ctc_loss(x, t, *n, blank=4), LOGITS, targets, LONG, SHORT)


def test_one_sample():
    compare(
        lambda f, x, t: f.ctc_loss(x, t, (8,), (3,), reduction="sum"), LOGITS[:, 0], TARGETS[0, :3]
    )


def test_targets_that_do_not_fit():
    long = np.array([3, 7, 2, 5])  # 1 2 2 3 needs five steps

    def losses(f, x, t, *n):
        return f.ctc_loss(x, t, *n, reduction="none", zero_infinity=True)

    compare(losses, LOGITS, TARGETS, long, SHORT)
    given = [gradc.tensor(a) for a in (LOGITS, TARGETS, long, SHORT)]
    found = gradc.nn.functional.ctc_loss(given[0].log_softmax(-1), *given[1:], reduction="none")
    assert found.isinf().tolist() == [True, False, False, False]


def test_gradient_by_differences_and_by_all_ways():
    """PyTorch's gradient is meant for log_softmax; this is the derivative by log_probs itself."""
    x = gradc.tensor(LOGITS[:4, :1, :3], requires_grad=True)
    loss = gradc.nn.CTCLoss(reduction="sum")

    def value(x):
        return loss(x, gradc.tensor([[1, 2]]), (4,), (2,))

    assert gradc.autograd.gradcheck(value, (x,))
    total = 0.0
    for way in itertools.product(range(3), repeat=4):
        merged = [k for k, _ in itertools.groupby(way)]
        if [k for k in merged if k != 0] == [1, 2]:
            total += np.exp(sum(LOGITS[t, 0, k] for t, k in enumerate(way)))
    np.testing.assert_allclose(value(x).item(), -np.log(total), rtol=1e-12)


F = gradc.nn.functional
GIVEN = [gradc.tensor(a) for a in (LOGITS, TARGETS, LONG, SHORT)]
REFUSED = {
    "rank": (
        lambda: F.ctc_loss(GIVEN[0][0, 0], *GIVEN[1:]),
        ShapeError,
        "ctc_loss: expected log_probs [T, N, C] or [T, C], got [5]",
    ),
    "blank": (
        lambda: F.ctc_loss(*GIVEN, blank=5),
        ArgumentError,
        "ctc_loss: blank must be from 0 to 4, got 5",
    ),
    "targets": (
        lambda: F.ctc_loss(GIVEN[0], GIVEN[1].float(), *GIVEN[2:]),
        DTypeError,
        "ctc_loss: targets must be int64, got float32",
    ),
    "long inputs": (
        lambda: F.ctc_loss(*GIVEN[:2], [10, 1, 1, 1], GIVEN[3]),
        ArgumentError,
        "ctc_loss: input_lengths must be from 0 to 9, the steps of log_probs, got [10, 1, 1, 1]",
    ),
    "long targets": (
        lambda: F.ctc_loss(*GIVEN[:3], [5, 1, 1, 1]),
        ArgumentError,
        "ctc_loss: target_lengths must be from 0 to 4, the labels of targets, got [5, 1, 1, 1]",
    ),
    "joined targets": (
        lambda: F.ctc_loss(GIVEN[0], gradc.tensor(JOINED), GIVEN[2], [4, 1, 1, 0]),
        ArgumentError,
        "ctc_loss: target_lengths must sum to 7, the labels of targets, got [4, 1, 1, 0]",
    ),
    "lengths": (
        lambda: F.ctc_loss(*GIVEN[:2], [9, 9], GIVEN[3]),
        ShapeError,
        "ctc_loss: expected input_lengths [4], got [2]",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    action, error, message = REFUSED[name]
    with pytest.raises(error) as caught:
        action()
    assert str(caught.value).splitlines()[0] == message
