"""Bad arguments of gradc.nn.functional: the full text of each message."""

import pytest

import gradc
from gradc.errors import (
    ArgumentError,
    ArgumentTypeError,
    DTypeError,
    ShapeError,
    TensorIndexError,
    UnsupportedError,
)
from gradc.nn import functional as F


def X(*shape):
    return gradc.zeros(*shape)


def ints(*values):
    return gradc.tensor(values)


CASES = [
    (
        lambda: F.cross_entropy(X(2, 3), ints(0, 3)),
        TensorIndexError,
        "cross_entropy: target 3 is out of bounds: input has 3 classes, expected indices from 0 "
        "to 2",
        "",
    ),
    (
        lambda: F.nll_loss(X(2, 3), ints(-1, 0)),
        TensorIndexError,
        "nll_loss: target -1 is out of bounds: input has 3 classes, expected indices from 0 to 2",
        "",
    ),
    (
        lambda: F.cross_entropy(X(2, 3), ints(0, 1, 2)),
        ShapeError,
        "cross_entropy: input [2, 3] needs class indices of shape [2], got target [3]",
        "",
    ),
    (
        lambda: F.cross_entropy(X(2, 3), ints(0, 1).int()),
        DTypeError,
        "cross_entropy: target must be int64 class indices or floating probabilities, got int32",
        "target.long()",
    ),
    (
        lambda: F.cross_entropy(X(2, 3), X(2)),
        ShapeError,
        "cross_entropy: floating targets are probabilities and must have the input's shape "
        "[2, 3], got target [2]",
        "target.long() for class indices",
    ),
    (
        lambda: F.cross_entropy(ints(1, 2), ints(1)),
        DTypeError,
        "cross_entropy: input must be floating, got int64",
        "input.float()",
    ),
    (
        lambda: F.cross_entropy(X(2, 3), [0, 1]),
        ArgumentTypeError,
        "cross_entropy: target must be a Tensor, got list",
        "",
    ),
    (
        lambda: F.cross_entropy(X(2, 3), ints(0, 1), weight=X(2)),
        ShapeError,
        "cross_entropy: weight must have one entry for each of 3 classes, got shape [2]",
        "",
    ),
    (
        lambda: F.cross_entropy(X(2, 3), ints(0, 1), label_smoothing=1.5),
        ArgumentError,
        "cross_entropy: label_smoothing must be from 0 to 1, got 1.5",
        "",
    ),
    (
        lambda: F.cross_entropy(X(2, 3), ints(0, 1), reduction="avg"),
        ArgumentError,
        "cross_entropy: expected reduction 'none', 'mean' or 'sum', got 'avg'",
        "",
    ),
    (
        lambda: F.mse_loss(X(2), X(2), size_average=True),
        UnsupportedError,
        "mse_loss: size_average=True is not supported",
        "reduction='mean', 'sum' or 'none'",
    ),
    (
        lambda: F.binary_cross_entropy(X(2) + 2.0, X(2)),
        ArgumentError,
        "binary_cross_entropy: input must hold probabilities from 0 to 1, got 2",
        "binary_cross_entropy_with_logits takes logits",
    ),
    (
        lambda: F.binary_cross_entropy_with_logits(X(2, 3), X(2, 1)),
        ShapeError,
        "binary_cross_entropy_with_logits: input and target must have one shape, got input "
        "[2, 3] and target [2, 1]",
        "",
    ),
    (
        lambda: F.binary_cross_entropy_with_logits(X(2), ints(0, 1)),
        DTypeError,
        "binary_cross_entropy_with_logits: target must be floating, got int64",
        "target.float()",
    ),
    (
        lambda: F.linear(X(2, 3), X(4, 2)),
        ShapeError,
        "linear: expected input [*, in] and weight [out, in], got input [2, 3] and weight [4, 2]",
        "",
    ),
    (
        lambda: F.linear(X(2, 3), X(4, 3), X(3)),
        ShapeError,
        "linear: expected bias [4] for weight [4, 3], got [3]",
        "",
    ),
    (
        lambda: F.linear(X(2, 3).double(), X(4, 3)),
        DTypeError,
        "linear: input is float64, weight is float32",
        "input.to(gradc.float32)",
    ),
    (
        lambda: F.linear([1.0], X(4, 1)),
        ArgumentTypeError,
        "linear: input must be a Tensor, got list",
        "",
    ),
    (
        lambda: F.embedding(ints(0, 5), X(5, 2)),
        TensorIndexError,
        "embedding: index 5 is out of bounds: weight has 5 rows, expected indices from 0 to 4",
        "",
    ),
    (
        lambda: F.embedding(X(2), X(5, 2)),
        DTypeError,
        "embedding: input must be int64 indices, got float32",
        "input.long()",
    ),
    (
        lambda: F.embedding(ints(0), X(5, 2), sparse=True),
        UnsupportedError,
        "embedding: sparse=True is not supported",
        "",
    ),
    (
        lambda: F.one_hot(ints(0, 3), 3),
        ArgumentError,
        "one_hot: indices must be from 0 to 2, got 0 to 3",
        "",
    ),
    (
        lambda: F.one_hot(gradc.zeros(0, dtype=gradc.int64)),
        ArgumentError,
        "one_hot: the number of classes can't be told from an empty tensor",
        "give num_classes",
    ),
    (
        lambda: F.layer_norm(X(2, 3), (4,)),
        ShapeError,
        "layer_norm: expected input [*, 4] for normalized_shape [4], got [2, 3]",
        "",
    ),
    (lambda: F.dropout(X(2), 1.2), ArgumentError, "dropout: p must be from 0 to 1, got 1.2", ""),
    (lambda: F.softmax(X(2)), ArgumentError, "softmax: dim is missing", "dim=-1 for the last axis"),
    (
        lambda: F.gelu(X(2), "erf"),
        ArgumentError,
        "gelu: expected approximate 'none' or 'tanh', got 'erf'",
        "",
    ),
    (
        lambda: F.pad(X(2), (1, 1), "mirror"),
        ArgumentError,
        "pad: mode must be one of constant, reflect, replicate, circular, got 'mirror'",
        "",
    ),
    (
        lambda: F.huber_loss(X(2), X(2), delta=0.0),
        ArgumentError,
        "huber_loss: delta must be positive, got 0.0",
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
    assert "test_functional_errors.py" in str(caught.value)


def test_broadcast_targets_are_warned_of():
    with pytest.warns(UserWarning, match="broadcast") as caught:
        assert F.mse_loss(X(2, 3), X(2, 1)).item() == 0.0
    assert str(caught[0].message) == (
        "mse_loss: input [2, 3] and target [2, 1] differ in shape; they are broadcast, which is "
        "seldom meant"
    )
    assert caught[0].filename.endswith("test_functional_errors.py")
