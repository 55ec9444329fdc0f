"""Bad arguments of losses of margins, distances, distributions: the full text of each message."""

import pytest

import gradc
from gradc import nn
from gradc.errors import ArgumentError, DTypeError, ShapeError, TensorIndexError, UnsupportedError
from gradc.nn import functional as F


def X(*shape):
    return gradc.zeros(*shape)


def ints(*values):
    return gradc.tensor(values)


CASES = [
    (
        lambda: F.kl_div(X(2), X(2), reduction="average"),
        ArgumentError,
        "kl_div: expected reduction 'none', 'mean' or 'sum', got 'average'",
        "",
    ),
    (
        lambda: nn.PoissonNLLLoss(size_average=True),
        UnsupportedError,
        "PoissonNLLLoss: size_average=True is not supported",
        "reduction='mean', 'sum' or 'none'",
    ),
    (
        lambda: F.gaussian_nll_loss(X(2, 3), X(2, 3), X(3)),
        ShapeError,
        "gaussian_nll_loss: expected var [2, 3], [2] or with one axis of size 1, got [3]",
        "",
    ),
    (
        lambda: F.gaussian_nll_loss(X(2), X(2), X(2) - 1.5),
        ArgumentError,
        "gaussian_nll_loss: var must not be negative, got -1.5",
        "",
    ),
    (
        lambda: F.gaussian_nll_loss(X(2), X(2), -1.0),
        ArgumentError,
        "gaussian_nll_loss: var must not be negative, got -1.0",
        "",
    ),
    (
        lambda: F.margin_ranking_loss(X(2, 3), X(3), X(2, 3)),
        ShapeError,
        "margin_ranking_loss: all must have as many axes, got input1 [2, 3], input2 [3] and "
        "target [2, 3]",
        "",
    ),
    (
        lambda: F.multi_margin_loss(X(2, 3), ints(0, 1), p=3),
        ArgumentError,
        "multi_margin_loss: p must be 1 or 2, got 3",
        "",
    ),
    (
        lambda: nn.MultiMarginLoss(3),
        ArgumentError,
        "MultiMarginLoss: p must be 1 or 2, got 3",
        "",
    ),
    (
        lambda: F.multi_margin_loss(X(2, 3), ints(0, 1, 2)),
        ShapeError,
        "multi_margin_loss: expected input [N, C] and target [N], or [C] and a scalar, got input "
        "[2, 3] and target [3]",
        "",
    ),
    (
        lambda: F.multi_margin_loss(X(2, 3), X(2)),
        DTypeError,
        "multi_margin_loss: target must be int64 class indices, got float32",
        "target.long()",
    ),
    (
        lambda: F.multi_margin_loss(X(2, 3), ints(0, 3)),
        TensorIndexError,
        "multi_margin_loss: target 3 is out of bounds: input has 3 classes, expected indices from "
        "0 to 2",
        "",
    ),
    (
        lambda: F.multi_margin_loss(X(2, 3), ints(0, 1), weight=X(2)),
        ShapeError,
        "multi_margin_loss: weight must have one entry for each of 3 classes, got shape [2]",
        "",
    ),
    (
        lambda: F.multilabel_soft_margin_loss(X(), X()),
        ShapeError,
        "multilabel_soft_margin_loss: expected input [*, C], got a scalar",
        "",
    ),
    (
        lambda: F.cosine_embedding_loss(X(2, 3), X(2, 3), X(3)),
        ShapeError,
        "cosine_embedding_loss: expected input1 and input2 [N, D] and target [N], or [D] and a "
        "scalar, got input1 [2, 3], input2 [2, 3] and target [3]",
        "",
    ),
    (
        lambda: F.cosine_similarity(ints(1, 2), X(2), dim=0),
        DTypeError,
        "cosine_similarity: x1 must be floating, got int64",
        "x1.float()",
    ),
    (
        lambda: F.triplet_margin_loss(X(2), X(2), X(2), margin=0.0),
        ArgumentError,
        "triplet_margin_loss: margin must be positive, got 0.0",
        "",
    ),
    (
        lambda: nn.TripletMarginLoss(-1.0),
        ArgumentError,
        "TripletMarginLoss: margin must be positive, got -1.0",
        "",
    ),
    (
        lambda: F.triplet_margin_with_distance_loss(X(2), X(1, 2), X(2)),
        ShapeError,
        "triplet_margin_with_distance_loss: all must have as many axes, got anchor [2], positive "
        "[1, 2] and negative [2]",
        "",
    ),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_message(case):
    call, kind, message, hint = CASES[case]
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.message == message
    assert caught.value.hint == hint
    assert "test_loss_errors.py" in str(caught.value)
