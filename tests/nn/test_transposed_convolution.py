"""Transposed convolutions against PyTorch: functions, layers, initial values, bad arguments."""

import numpy as np
import pytest

import gradc
from gradc import nn
from gradc.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from gradc.nn import functional as F

torch = pytest.importorskip("torch")

OPTIONS = {
    "plain": {},
    "stride": {"stride": 2},
    "padding": {"padding": 1},
    "stride and padding": {"stride": 2, "padding": 1},
    "output_padding": {"stride": 3, "padding": 1, "output_padding": 2},
    "dilation": {"dilation": 2, "stride": 2, "output_padding": 1},
    "dilated output_padding": {"dilation": 3, "output_padding": 2},
    "groups": {"groups": 2, "stride": 2},
    "more cut off than the window reaches": {"padding": 3, "stride": 3},
}


def tensors(lib, count, groups, window, batch=(2,)):
    """Return input, weight and bias; without a bias for even counts of groups."""
    rng = np.random.default_rng(3)
    shapes = [(*batch, 4, *(5, 6)[:count]), (4, 6 // groups, *window), (6,)]
    made = [lib.from_numpy(rng.standard_normal(s)).requires_grad_() for s in shapes]
    return made[:2] if groups == 2 else made


def results(lib, cases, count, *, compiled=False):
    """Return each case's value and gradients, all from one program."""
    name = f"conv_transpose{count}d"
    window = (3, 2)[:count]
    inputs = {c: tensors(lib, count, o.get("groups", 1), window) for c, o in cases.items()}

    def whole(inputs):
        values = {}
        total = 0.0
        for case, xs in inputs.items():
            y = getattr(lib.nn.functional, name)(*xs, **cases[case])
            weight = lib.arange(y.numel(), dtype=lib.float64).cos().reshape(y.shape)
            total = total + (y * weight).sum()
            values[case] = y.detach()
        total.backward()
        return values

    values = (gradc.compile(whole) if compiled else whole)(inputs)
    return {c: [values[c], *(x.grad for x in inputs[c])] for c in cases}


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("count", [1, 2])
def test_values_and_gradients(count, compiled):
    expected = results(torch, OPTIONS, count)
    got = results(gradc, OPTIONS, count, compiled=compiled)
    for case in OPTIONS:
        for g, e in zip(got[case], expected[case], strict=True):
            assert tuple(g.shape) == tuple(e.shape), case
            np.testing.assert_allclose(g.numpy(), e.numpy(), 1e-11, 1e-11, err_msg=case)


def test_one_number_per_axis_without_a_batch_in_float32():
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(s).astype("f") for s in ((4, 5, 3), (4, 2, 1, 4), (2,))]
    options = {"stride": (1, 3), "padding": (0, 2), "output_padding": (0, 1), "dilation": (2, 1)}
    expected = torch.nn.functional.conv_transpose2d(*map(torch.from_numpy, arrays), **options)
    got = F.conv_transpose2d(*map(gradc.from_numpy, arrays), **options)
    assert got.dtype is gradc.float32
    assert got.is_contiguous()
    np.testing.assert_allclose(got.numpy(), expected.numpy(), 1e-5, 1e-5)


def test_it_is_the_transpose_of_conv():
    x, y = gradc.randn(1, 3, 9, dtype=gradc.float64), gradc.randn(1, 4, 4, dtype=gradc.float64)
    w = gradc.randn(4, 3, 3, dtype=gradc.float64)
    there = (F.conv1d(x, w, stride=2) * y).sum()
    back = (x * F.conv_transpose1d(y, w, stride=2)).sum()
    assert there.item() == pytest.approx(back.item())


LAYERS = {
    "1d": lambda nn: nn.ConvTranspose1d(4, 6, 3),
    "1d all": lambda nn: nn.ConvTranspose1d(4, 6, 3, 2, 1, 1, 2, False, 2),
    "2d": lambda nn: nn.ConvTranspose2d(4, 6, (3, 2), stride=2),
    "2d all": lambda nn: nn.ConvTranspose2d(4, 6, 3, 2, (1, 0), 1, 2, True, (1, 2)),
}


@pytest.mark.parametrize("case", LAYERS)
def test_layer(case):
    theirs, mine = LAYERS[case](torch.nn), LAYERS[case](nn)
    assert repr(mine) == repr(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    state = {k: gradc.from_numpy(v.numpy().copy()) for k, v in theirs.state_dict().items()}
    mine.load_state_dict(state)
    x = np.linspace(-1, 1, 2 * 4 * 5 * 6).astype("f").reshape(2, 4, 5, 6)
    x = np.sin(x * 9) if case.startswith("2d") else np.sin(x * 9)[..., 0]
    expected, got = theirs(torch.from_numpy(x)), mine(gradc.from_numpy(x.copy()))
    np.testing.assert_allclose(got.detach().numpy(), expected.detach().numpy(), 1e-4, 1e-5)
    bounds = [float(abs(p.detach().numpy()).max()) for p in LAYERS[case](nn).parameters()]
    limit = 1 / np.sqrt(np.prod(mine.weight.shape[1:]))
    assert max(bounds) <= limit


def test_output_size():
    theirs = torch.nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1)
    mine = nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1)
    for size in ((9, 12), (10, 11), (1, 2, 10, 12)):
        expected = theirs(torch.zeros(1, 3, 5, 6), output_size=size).shape
        assert tuple(mine(gradc.zeros(1, 3, 5, 6), output_size=size).shape) == tuple(expected)


def X(*shape):
    return gradc.zeros(*shape)


ERRORS = [
    (
        lambda: F.conv_transpose1d(X(2, 3, 4), X(3, 2, 2), output_padding=1),
        ArgumentError,
        "conv_transpose1d: output_padding must be less than stride or dilation, got [1] for "
        "stride [1] and dilation [1]",
        "",
    ),
    (
        lambda: F.conv_transpose1d(X(2, 3, 4), X(4, 2, 2)),
        ShapeError,
        "conv_transpose1d: input and weight must have as many channels, which groups=1 divides, "
        "got input [2, 3, 4] and weight [4, 2, 2]",
        "",
    ),
    (
        lambda: F.conv_transpose2d(X(2, 3, 4, 4), X(3, 2, 2)),
        ShapeError,
        "conv_transpose2d: expected weight [C, O / groups, KH, KW], got input [2, 3, 4, 4] and "
        "weight [3, 2, 2]",
        "",
    ),
    (
        lambda: F.conv_transpose1d(X(2, 3, 4), X(3, 2, 2), X(3)),
        ShapeError,
        "conv_transpose1d: expected bias [2], got [3]",
        "",
    ),
    (
        lambda: F.conv_transpose1d(X(2, 3, 4), X(3, 2, 2).double()),
        DTypeError,
        "conv_transpose1d: input is float32, weight is float64",
        "input.to(gradc.float64)",
    ),
    (
        lambda: F.conv_transpose1d(X(2, 3, 2), X(3, 2, 2), padding=2),
        ShapeError,
        "conv_transpose1d: the output would be of size [-1] for input [2, 3, 2] and weight "
        "[3, 2, 2]",
        "",
    ),
    (
        lambda: F.conv_transpose1d(X(2, 3, 2), X(3, 2, 2), groups=0),
        ArgumentError,
        "conv_transpose1d: groups must be at least 1, got 0",
        "",
    ),
    (
        lambda: nn.ConvTranspose1d(2, 2, 1, padding_mode="circular"),
        UnsupportedError,
        "ConvTranspose1d: padding_mode must be 'zeros', got 'circular'",
        "",
    ),
    (
        lambda: nn.ConvTranspose1d(2, 2, 1, padding="same"),
        ArgumentError,
        "ConvTranspose1d: padding must be an int or ints, got 'same'",
        "",
    ),
    (
        lambda: nn.ConvTranspose1d(2, 2, 3, stride=2)(X(1, 2, 4), output_size=[12]),
        ArgumentError,
        "ConvTranspose1d: output_size must be from [9] to [10] for input [1, 2, 4], got [12]",
        "",
    ),
]


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_message(case):
    call, kind, message, hint = ERRORS[case]
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.message == message
    assert caught.value.hint == hint
    assert "test_transposed_convolution.py" in str(caught.value)
