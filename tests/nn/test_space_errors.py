"""Bad arguments of borders, resampling, rearrangement, dropout, holders: the full messages."""

import pytest

import gradc
from gradc import nn
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


CASES = [
    (
        lambda: F.interpolate(X(1, 1, 2, 2), 4, mode="bicubic"),
        UnsupportedError,
        "interpolate: mode='bicubic' is not supported",
        "",
    ),
    (
        lambda: F.interpolate(X(1, 1, 2, 2), 4, mode="bilinear", antialias=True),
        UnsupportedError,
        "interpolate: antialias=True is not supported",
        "",
    ),
    (
        lambda: F.interpolate(X(1, 1, 2, 2), 4, mode="cubic"),
        ArgumentError,
        "interpolate: mode must be one of nearest, nearest-exact, linear, bilinear, area, got "
        "'cubic'",
        "",
    ),
    (
        lambda: F.interpolate(X(1, 1, 2, 2), 4, mode="linear"),
        ShapeError,
        "interpolate: mode='linear' doesn't fit input [1, 1, 2, 2]",
        "mode='bilinear'",
    ),
    (
        lambda: F.interpolate(X(1, 1, 2, 2), 4, align_corners=True),
        ArgumentError,
        "interpolate: align_corners is for linear and bilinear, got mode='nearest'",
        "",
    ),
    (
        lambda: F.interpolate(X(2, 2), 4),
        ShapeError,
        "interpolate: expected input [N, C, L] or [N, C, H, W], got [2, 2]",
        "",
    ),
    (
        lambda: F.interpolate(X(1, 1, 2), 4, 2.0),
        ArgumentError,
        "interpolate: expected size or scale_factor, got size=4 and scale_factor=2.0",
        "",
    ),
    (
        lambda: F.interpolate(X(1, 1, 2), 4, recompute_scale_factor=True),
        ArgumentError,
        "interpolate: recompute_scale_factor is for scale_factor, got size=4",
        "",
    ),
    (
        lambda: F.interpolate(X(1, 1, 2), scale_factor=(1.0, 2.0)),
        ArgumentError,
        "interpolate: scale_factor must be a positive number or 1 of them, got (1.0, 2.0)",
        "",
    ),
    (
        lambda: F.interpolate(X(1, 1, 2), scale_factor=0.3),
        ShapeError,
        "interpolate: sizes must be positive, got input [1, 1, 2] and output sizes [0]",
        "",
    ),
    (
        lambda: F.pixel_shuffle(X(1, 3, 2, 2), 2),
        ShapeError,
        "pixel_shuffle: upscale_factor^2 = 4 must divide the channels of input [1, 3, 2, 2]",
        "",
    ),
    (
        lambda: F.pixel_unshuffle(X(3, 3, 2), 2),
        ShapeError,
        "pixel_unshuffle: downscale_factor=2 must divide height and width of input [3, 3, 2]",
        "",
    ),
    (
        lambda: F.pixel_shuffle(X(4, 2), 2),
        ShapeError,
        "pixel_shuffle: expected input [*, C, H, W], got [4, 2]",
        "",
    ),
    (
        lambda: F.pixel_shuffle(X(4, 2, 2), 0),
        ArgumentError,
        "pixel_shuffle: upscale_factor must be at least 1, got 0",
        "",
    ),
    (
        lambda: F.channel_shuffle(X(1, 3, 2), 2),
        ShapeError,
        "channel_shuffle: expected input [N, C, *] with C divided by groups=2, got [1, 3, 2]",
        "",
    ),
    (
        lambda: F.unfold(X(1, 2, 3), (4, 2)),
        ShapeError,
        "unfold: the window covers [4, 2] elements, more than the padded image [2, 3]",
        "",
    ),
    (
        lambda: F.unfold(X(2, 3), 1),
        ShapeError,
        "unfold: expected input [N, C, H, W] or [C, H, W], got [2, 3]",
        "",
    ),
    (
        lambda: F.fold(X(1, 4, 5), 3, 2),
        ShapeError,
        "fold: expected input [N, C * 4, 4] for output_size [3, 3] and kernel_size [2, 2], got "
        "[1, 4, 5]",
        "",
    ),
    (
        lambda: F.adaptive_max_pool1d(X(2, 0), 1),
        ShapeError,
        "adaptive_max_pool1d: input [2, 0] has no largest elements",
        "",
    ),
    (
        lambda: F.adaptive_max_pool2d(X(2, 3, 4), (1, 2, 3)),
        ArgumentError,
        "adaptive_max_pool2d: output_size must be 2 positive ints, got (1, 2, 3)",
        "",
    ),
    (
        lambda: F.lp_pool1d(gradc.tensor([[1, 2]]), 2, 2),
        DTypeError,
        "lp_pool1d: input must be floating, got int64",
        "input.float()",
    ),
    (
        lambda: nn.ZeroPad2d((1, 2)),
        ArgumentError,
        "ZeroPad2d: padding must be an int or 4 ints, got (1, 2)",
        "",
    ),
    (
        lambda: nn.ReflectionPad1d(1)(X(1, 2, 3, 4)),
        ShapeError,
        "ReflectionPad1d: expected 2D or 3D input (got 4D input)",
        "",
    ),
    (lambda: nn.Dropout2d(1.5), ArgumentError, "Dropout2d: p must be from 0 to 1, got 1.5", ""),
    (
        lambda: F.alpha_dropout(X(2), -0.5),
        ArgumentError,
        "alpha_dropout: p must be from 0 to 1, got -0.5",
        "",
    ),
    (
        lambda: F.dropout1d(X(2)),
        ShapeError,
        "dropout1d: expected input [N, C, L] or [C, L], got [2]",
        "",
    ),
    (
        lambda: F.dropout2d(X(2, 3)),
        ShapeError,
        "dropout2d: expected input [N, C, H, W], got [2, 3]",
        "",
    ),
    (
        lambda: F.bilinear(X(2, 3), X(2, 4), X(5, 4, 3)),
        ShapeError,
        "bilinear: expected input1 [*, in1], input2 [*, in2] and weight [out, in1, in2], got "
        "[2, 3], [2, 4] and [5, 4, 3]",
        "",
    ),
    (
        lambda: F.bilinear(X(2, 3), X(2, 4), X(5, 3, 4), X(4)),
        ShapeError,
        "bilinear: expected bias [5] for weight [5, 3, 4], got [4]",
        "",
    ),
    (
        lambda: F.bilinear(X(2, 3), X(2, 4).double(), X(5, 3, 4)),
        DTypeError,
        "bilinear: input1 is float32, input2 float64, weight float32",
        "",
    ),
    (
        lambda: nn.Bilinear(0, 1, 1),
        ArgumentError,
        "Bilinear: in1_features must be positive, got 0",
        "",
    ),
    (
        lambda: nn.ParameterList([X(1)])[1],
        TensorIndexError,
        "ParameterList: index 1 is outside of 1 values",
        "",
    ),
    (
        lambda: nn.ParameterList(X(1)),
        ArgumentTypeError,
        "ParameterList.extend: expected an iterable, got Tensor",
        "",
    ),
    (
        lambda: nn.ParameterList()(X(1)),
        ArgumentTypeError,
        "ParameterList: it holds parameters and can't be called",
        "",
    ),
    (
        lambda: nn.ParameterDict([(1, X(1))]),
        ArgumentTypeError,
        "ParameterDict: the name of a parameter must be a str, got int",
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
    assert "test_space_errors.py" in str(caught.value)
