"""argwhere, and bad arguments of pairs, vectors and quantiles: the full text of each message."""

import pytest

import gradc
from gradc.errors import (
    ArgumentError,
    DTypeError,
    ShapeError,
    UnsupportedError,
)


def X(*shape):
    return gradc.zeros(*shape)


CASES = [
    (
        lambda: gradc.cross(X(2), X(2)),
        ArgumentError,
        "cross: no axis of size 3 in [2]",
        "",
    ),
    (
        lambda: gradc.cross(X(3, 2), X(3, 2), dim=1),
        ArgumentError,
        "cross: expected an axis of size 3, got dim=1 of [3, 2]",
        "",
    ),
    (
        lambda: gradc.cov(X(2, 3), fweights=X(3)),
        UnsupportedError,
        "cov: fweights is not supported",
        "",
    ),
    (
        lambda: gradc.cov(X(1, 2, 3)),
        ShapeError,
        "cov: expected input of at most two axes, got [1, 2, 3]",
        "",
    ),
    (
        lambda: gradc.diff(X()),
        ShapeError,
        "diff: expected input of at least one axis, got a scalar",
        "",
    ),
    (lambda: gradc.diff(X(2), n=-1), ArgumentError, "diff: n must not be negative, got -1", ""),
    (
        lambda: gradc.quantile(X(2), 1.5),
        ArgumentError,
        "quantile: q must be from 0 to 1, got 1.5",
        "",
    ),
    (
        lambda: gradc.quantile(X(2), gradc.tensor([0.5, -0.5])),
        ArgumentError,
        "quantile: q must be from 0 to 1, got -0.5",
        "",
    ),
    (
        lambda: gradc.quantile(X(2), X(1, 1)),
        ShapeError,
        "quantile: q must be a number or a vector, got [1, 1]",
        "",
    ),
    (
        lambda: gradc.quantile(X(2), gradc.tensor(0.5).double()),
        DTypeError,
        "quantile: q must be of the input's dtype float32, got float64",
        "",
    ),
    (
        lambda: gradc.quantile(gradc.tensor([1, 2]), 0.5),
        DTypeError,
        "quantile: input must be floating, got int64",
        "input.float()",
    ),
    (
        lambda: gradc.quantile(X(2), 0.5, interpolation="cubic"),
        ArgumentError,
        "quantile: interpolation must be one of linear, lower, higher, midpoint, nearest, got "
        "'cubic'",
        "",
    ),
    (
        lambda: gradc.quantile(X(0, 2), 0.5, dim=0),
        ShapeError,
        "quantile: the axis of input [0, 2] has no elements",
        "",
    ),
    (
        lambda: gradc.deg2rad(gradc.tensor([True])),
        DTypeError,
        "deg2rad: is not implemented for bool",
        ".to(gradc.float32)",
    ),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_message(case):
    call, kind, message, hint = CASES[case]
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.message == message
    assert caught.value.hint == hint
    assert "test_pairs_and_vectors.py" in str(caught.value)


def test_argwhere():
    x = gradc.tensor([[0.0, 2.0], [3.0, 0.0]])
    assert gradc.argwhere(x).tolist() == [[0, 1], [1, 0]]
    assert x.argwhere().dtype is gradc.int64


def test_the_sign_of_zero():
    got = gradc.copysign(gradc.tensor([0.0, 2.0]), -0.0)
    assert gradc.signbit(got).tolist() == [True, True]
    assert gradc.compile(gradc.signbit)(got).tolist() == [True, True]
