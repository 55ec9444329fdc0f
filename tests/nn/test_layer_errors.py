"""Bad arguments of layers and their functions: the full text of each message."""

import pytest

import gradc
from gradc import nn
from gradc.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from gradc.nn import functional as F


def X(*shape):
    return gradc.zeros(*shape)


ACTIVATIONS = [
    (
        lambda: F.hardtanh(X(2), 1.0, -1.0),
        ArgumentError,
        "hardtanh: min_val must not be above max_val, got 1.0 and -1.0",
        "",
    ),
    (
        lambda: nn.Hardtanh(1.0, 1.0),
        ArgumentError,
        "Hardtanh: max_val must be above min_val, got 1.0 and 1.0",
        "",
    ),
    (
        lambda: nn.Hardtanh(min_value=-2.0),
        UnsupportedError,
        "Hardtanh: min_value=-2.0 is not supported",
        "min_val",
    ),
    (
        lambda: F.softshrink(X(2), -1.0),
        ArgumentError,
        "softshrink: lambd must not be negative, got -1.0",
        "",
    ),
    (lambda: F.celu(X(2), 0.0), ArgumentError, "celu: alpha must not be 0", ""),
    (
        lambda: F.rrelu(X(2), 0.5, 0.1),
        ArgumentError,
        "rrelu: lower must not be above upper, got 0.5 and 0.1",
        "",
    ),
    (
        lambda: F.prelu(X(2, 3), X(2)),
        ShapeError,
        "prelu: expected weight [1] or [3] for input [2, 3], got [2]",
        "",
    ),
    (
        lambda: F.prelu(X(2, 3).double(), X(1)),
        DTypeError,
        "prelu: input is float64, weight is float32",
        "",
    ),
    (
        lambda: F.glu(X(2, 3)),
        ShapeError,
        "glu: the axis to halve must be of even size, got dim=-1 of input [2, 3]",
        "",
    ),
    (
        lambda: F.mish(gradc.tensor([1])),
        DTypeError,
        "mish: input must be floating, got int64",
        "input.float()",
    ),
    (
        lambda: F.gumbel_softmax(X(2), tau=0),
        ArgumentError,
        "gumbel_softmax: tau must be positive, got 0",
        "",
    ),
    (
        lambda: F.gumbel_softmax(X(2), eps=1e-8),
        UnsupportedError,
        "gumbel_softmax: eps=1e-08 is not supported, it has no effect",
        "",
    ),
    (
        lambda: F.softmin(X(2)),
        ArgumentError,
        "softmin: dim is missing",
        "dim=-1 for the last axis",
    ),
    (
        lambda: nn.Softmax2d()(X(2, 3)),
        ShapeError,
        "Softmax2d: expected input [N, C, H, W] or [C, H, W], got [2, 3]",
        "",
    ),
]
NORMS = [
    (
        lambda: F.rms_norm(X(2, 3), (4,)),
        ShapeError,
        "rms_norm: expected input [*, 4] for normalized_shape [4], got [2, 3]",
        "",
    ),
    (
        lambda: F.rms_norm(X(2, 3), (3,), X(2)),
        ShapeError,
        "rms_norm: expected weight [3], got [2]",
        "",
    ),
    (
        lambda: F.group_norm(X(2, 5), 2),
        ArgumentError,
        "group_norm: num_groups must divide the 5 channels of input [2, 5], got 2",
        "",
    ),
    (
        lambda: F.group_norm(X(1, 2), 2),
        ArgumentError,
        "group_norm: expected more than 1 value per group, got input [1, 2] for num_groups=2",
        "",
    ),
    (
        lambda: F.group_norm(X(2, 4), 2, X(3)),
        ShapeError,
        "group_norm: expected weight [4] for input [2, 4], got [3]",
        "",
    ),
    (
        lambda: nn.GroupNorm(2, 5),
        ArgumentError,
        "GroupNorm: num_groups must divide num_channels, got 2 and 5",
        "",
    ),
    (
        lambda: F.instance_norm(X(3)),
        ShapeError,
        "instance_norm: expected input [N, C, *], got [3]",
        "",
    ),
    (
        lambda: F.instance_norm(X(2, 3, 1)),
        ArgumentError,
        "instance_norm: expected more than 1 value per channel of a sample, got input [2, 3, 1]",
        "",
    ),
    (
        lambda: F.instance_norm(X(2, 3, 4), use_input_stats=False),
        ArgumentError,
        "instance_norm: without use_input_stats running_mean and running_var are needed",
        "",
    ),
    (
        lambda: nn.InstanceNorm1d(3, affine=True)(X(2, 4, 5)),
        ShapeError,
        "InstanceNorm1d: expected 3 channels, got input [2, 4, 5]",
        "",
    ),
    (
        lambda: nn.InstanceNorm2d(3)(X(2, 3)),
        ShapeError,
        "InstanceNorm2d: expected 3D or 4D input (got 2D input)",
        "",
    ),
    (
        lambda: F.local_response_norm(X(2, 3), 2),
        ShapeError,
        "local_response_norm: expected input of 3 axes or more, got [2, 3]",
        "",
    ),
    (
        lambda: F.local_response_norm(X(2, 3, 4), 0),
        ArgumentError,
        "local_response_norm: size must be at least 1, got 0",
        "",
    ),
]
START = [
    (
        lambda: nn.init.trunc_normal_(X(2), std=0.0),
        ArgumentError,
        "trunc_normal_: expected std > 0 and a <= b, got std=0.0, a=-2.0, b=2.0",
        "",
    ),
    (lambda: nn.init.eye_(X(2)), ShapeError, "eye_: expected a matrix, got shape [2]", ""),
    (
        lambda: nn.init.orthogonal_(X(2)),
        ShapeError,
        "orthogonal_: expected a tensor of at least two axes, got shape [2]",
        "",
    ),
]
CASES = [*ACTIVATIONS, *NORMS, *START]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_message(case):
    call, kind, message, hint = CASES[case]
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.message == message
    assert caught.value.hint == hint
    assert "test_layer_errors.py" in str(caught.value)


def test_channels_that_have_no_effect_are_warned_of():
    with pytest.warns(UserWarning, match="no effect") as caught:
        nn.InstanceNorm1d(3)(X(2, 4, 5))
    assert str(caught[0].message) == (
        "InstanceNorm1d: expected 3 channels, got input [2, 4, 5]; num_features has no effect "
        "without affine"
    )
    assert caught[0].filename.endswith("test_layer_errors.py")
