"""Bad arguments of convolutions, pooling and batch normalization: the full text of each message."""

import pytest

import gradc
from gradc import nn
from gradc.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from gradc.nn import functional as F


def X(*shape):
    return gradc.zeros(*shape)


IMAGE, WEIGHT = X(2, 4, 8, 8), X(6, 4, 3, 3)
CASES = [
    (
        lambda: F.conv2d(X(8, 8), WEIGHT),
        ShapeError,
        "conv2d: expected input [N, C, H, W] or [C, H, W], got [8, 8]",
    ),
    (
        lambda: F.conv2d(3.0, WEIGHT),
        ArgumentTypeError,
        "conv2d: input must be a Tensor, got float",
    ),
    (
        lambda: F.conv2d(IMAGE, X(6, 4, 3)),
        ShapeError,
        "conv2d: expected weight [O, C / groups, KH, KW], got input [2, 4, 8, 8] and weight "
        "[6, 4, 3]",
    ),
    (
        lambda: F.conv2d(IMAGE, WEIGHT, groups=2),
        ShapeError,
        "conv2d: with groups=2 the weight takes 8 channels, got input [2, 4, 8, 8] and weight "
        "[6, 4, 3, 3]",
    ),
    (
        lambda: F.conv2d(IMAGE, X(6, 1, 3, 3), groups=4),
        ShapeError,
        "conv2d: 6 outputs can't be cut into groups=4, input [2, 4, 8, 8] and weight [6, 1, 3, 3]",
    ),
    (
        lambda: F.conv2d(IMAGE, WEIGHT, groups=0),
        ArgumentError,
        "conv2d: groups must be at least 1, got 0",
    ),
    (
        lambda: F.conv2d(IMAGE, WEIGHT.double()),
        DTypeError,
        "conv2d: input is float32, weight is float64",
    ),
    (
        lambda: F.conv2d(IMAGE, WEIGHT, X(4)),
        ShapeError,
        "conv2d: expected bias [6], got [4]",
    ),
    (
        lambda: F.conv2d(IMAGE, WEIGHT, stride=0),
        ArgumentError,
        "conv2d: stride must be at least 1, got 0",
    ),
    (
        lambda: F.conv2d(IMAGE, WEIGHT, dilation=(1, 2, 3)),
        ArgumentError,
        "conv2d: dilation must be an int or 2 ints, got (1, 2, 3)",
    ),
    (
        lambda: F.conv2d(IMAGE, WEIGHT, padding=0.5),
        ArgumentTypeError,
        "conv2d: padding must be an int or ints, got 0.5",
    ),
    (
        lambda: F.conv2d(IMAGE, WEIGHT, padding="full"),
        ArgumentError,
        "conv2d: padding must be ints, 'same' or 'valid', got 'full'",
    ),
    (
        lambda: F.conv2d(IMAGE, WEIGHT, None, 2, "same"),
        ArgumentError,
        "conv2d: padding='same' is not supported for stride [2, 2]",
    ),
    (
        lambda: F.conv2d(IMAGE, WEIGHT, dilation=4),
        ShapeError,
        "conv2d: the window covers [9, 9] elements, more than the padded input [8, 8]",
    ),
    (
        lambda: F.conv1d(IMAGE, X(6, 4, 3)),
        ShapeError,
        "conv1d: expected input [N, C, L] or [C, L], got [2, 4, 8, 8]",
    ),
    (
        lambda: F.max_pool2d(IMAGE, 2, padding=2),
        ArgumentError,
        "max_pool2d: padding must be at most half of what a window covers, got padding [2, 2] "
        "for windows that cover [2, 2]",
    ),
    (
        lambda: F.max_pool1d(X(1, 2, 3), 5),
        ShapeError,
        "max_pool1d: windows that cover [5] don't fit into input [1, 2, 3] with padding [0]",
    ),
    (
        lambda: F.avg_pool2d(IMAGE.long(), 2),
        DTypeError,
        "avg_pool2d: input must be floating, got int64",
    ),
    (
        lambda: F.avg_pool2d(IMAGE, 2, divisor_override=0),
        ArgumentError,
        "avg_pool2d: divisor_override must not be 0",
    ),
    (
        lambda: F.adaptive_avg_pool2d(IMAGE, 0),
        ArgumentError,
        "adaptive_avg_pool2d: output_size must be 2 positive ints, got 0",
    ),
    (
        lambda: F.adaptive_avg_pool2d(X(2, 3, 0, 4), 1),
        ShapeError,
        "adaptive_avg_pool2d: input [2, 3, 0, 4] has no elements to take means of",
    ),
    (
        lambda: F.pad(X(1, 3), (3, 0), "reflect"),
        ShapeError,
        "pad: mode='reflect' can add at most 2 elements to axis 1 of input [1, 3], got (3, 0)",
    ),
    (
        lambda: F.batch_norm(X(4, 3), X(3), X(2)),
        ShapeError,
        "batch_norm: expected running_var [3] for input [4, 3], got [2]",
    ),
    (
        lambda: F.batch_norm(X(4, 3), None, None),
        ArgumentError,
        "batch_norm: without training running_mean and running_var are needed",
    ),
    (
        lambda: nn.BatchNorm1d(3)(X(1, 3)),
        ArgumentError,
        "batch_norm: expected more than 1 value per channel when training, got input [1, 3]",
    ),
    (
        lambda: nn.BatchNorm2d(3)(X(1, 3)),
        ShapeError,
        "BatchNorm2d: expected 4D input (got 2D input)",
    ),
    (
        lambda: nn.Conv2d(4, 6, 3, groups=4),
        ArgumentError,
        "Conv2d: groups must divide in_channels and out_channels, got groups=4, in_channels=4, "
        "out_channels=6",
    ),
    (
        lambda: nn.Conv2d(4, 6, 3, padding_mode="mirror"),
        ArgumentError,
        "Conv2d: padding_mode must be one of zeros, reflect, replicate, circular, got 'mirror'",
    ),
    (
        lambda: nn.Conv1d(4, 6, 3, 2, padding="same"),
        ArgumentError,
        "Conv1d: padding='same' is not supported for stride [2]",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[2][:40])
def test_message(case):
    call, error, message = case
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    assert caught.value.message == message
