"""Layers over volumes against PyTorch: results, gradients, state and text, eager and compiled."""

import numpy as np
import pytest

import gradc
from gradc.errors import ArgumentError, ShapeError

torch = pytest.importorskip("torch")

LAYERS = {
    "Conv3d": [
        (4, 6, 3),
        (4, 6, (2, 3, 1), (2, 1, 2), (1, 2, 0), (2, 1, 1), 2),
        (4, 4, (3, 2, 3), 1, "same", (1, 2, 1), 4, False),
        (4, 2, 2, 1, 1, 1, 1, True, "circular"),
        (4, 2, 1),
    ],
    "ConvTranspose3d": [
        (4, 6, 3),
        (4, 6, (2, 3, 1), (2, 1, 2), (1, 2, 0), (1, 0, 1), 2),
        (4, 4, (3, 2, 2), 2, (3, 0, 1), 1, 4, False, 2),
    ],
    "MaxPool3d": [(2,), ((3, 2, 2), (1, 2, 1), (1, 0, 1), (1, 2, 1)), (2, 2, 1, 1, False, True)],
    "AvgPool3d": [(2,), ((3, 2, 2), (1, 2, 1), (1, 0, 1), True, False), (2, 1, 0, False, True, 3)],
    "AdaptiveAvgPool3d": [(1,), ((2, None, 3),), (3,)],
    "AdaptiveMaxPool3d": [(1,), ((2, None, 3),), (3,)],
    "BatchNorm3d": [(4,)],
    "InstanceNorm3d": [(4, 1e-5, 0.1, True)],
    "ZeroPad3d": [((1, 0, 2, 1, 0, 3),)],
    "ConstantPad3d": [(1, 2.5)],
    "ReflectionPad3d": [(1,), ((1, 2, 0, 1, 3, 0),)],
    "ReplicationPad3d": [(2,)],
    "CircularPad3d": [(1,)],
    "Dropout3d": [(0.0,)],
}
TABLE = [(name, given) for name, many in LAYERS.items() for given in many]
X = np.random.default_rng(8).standard_normal((2, 4, 5, 6, 4))


def run(lib, layer, x, compiled=False):
    """Return the result and the gradients of input and parameters."""

    def whole(x):
        y = layer(x)
        (y * lib.arange(y.numel(), dtype=y.dtype).cos().reshape(y.shape)).sum().backward()
        return y.detach()

    x = lib.tensor(x, requires_grad=True)
    y = (lib.compile(whole) if compiled else whole)(x)
    grads = [x.grad, *(p.grad for p in layer.parameters()), *layer.buffers()]
    return [t.detach().numpy() for t in (y, *grads)]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("name", "given"), TABLE, ids=str)
def test_layers(name, given, compiled):
    theirs = getattr(torch.nn, name)(*given).double()
    mine = getattr(gradc.nn, name)(*given).double()
    state = {k: gradc.tensor(v.numpy().copy()) for k, v in theirs.state_dict().items()}
    mine.load_state_dict(state)
    assert repr(mine) == repr(theirs)
    batches = [X] if name in ("BatchNorm3d", "ZeroPad3d") else [X, X[0]]
    if compiled:
        batches = batches[:1]
    for x in batches:
        for p in (*theirs.parameters(), *mine.parameters()):
            p.grad = None
        expected, got = run(torch, theirs, x), run(gradc, mine, x, compiled)
        assert len(got) == len(expected)
        for g, e in zip(got, expected, strict=True):
            assert g.shape == e.shape
            np.testing.assert_allclose(g, e, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", ["MaxPool3d", "AdaptiveMaxPool3d"])
def test_indices(name):
    theirs = getattr(torch.nn, name)(2, return_indices=True)(torch.tensor(X))
    mine = getattr(gradc.nn, name)(2, return_indices=True)(gradc.tensor(X))
    for m, t in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(m.numpy(), t.numpy())


def test_size_of_the_output():
    up = gradc.nn.ConvTranspose3d(4, 2, 3, stride=2)
    assert up(gradc.zeros(1, 4, 2, 2, 2), output_size=(6, 5, 6)).shape == (1, 2, 6, 5, 6)


def test_dropped_channels():
    gradc.manual_seed(1)
    dropped = gradc.nn.Dropout3d(0.5)(gradc.ones(4, 8, 2, 3, 2))
    kept = dropped.flatten(2)
    assert ((kept == 0).all(-1) | (kept == 2).all(-1)).all()
    assert 0 < (kept == 0).sum() < kept.numel()


F = gradc.nn.functional
REFUSED = {
    "rank": (
        lambda: F.conv3d(gradc.ones(3, 3), gradc.ones(1, 1, 1, 1, 1)),
        ShapeError,
        "conv3d: expected input [N, C, D, H, W] or [C, D, H, W], got [3, 3]",
    ),
    "weight": (
        lambda: F.conv3d(gradc.ones(1, 3, 3, 3), gradc.ones(1, 1, 2, 2)),
        ShapeError,
        "conv3d: expected weight [O, C / groups, KD, KH, KW], got input [1, 1, 3, 3, 3] and "
        "weight [1, 1, 2, 2]",
    ),
    "window": (
        lambda: F.conv3d(gradc.ones(1, 3, 3, 3), gradc.ones(1, 1, 4, 2, 2)),
        ShapeError,
        "conv3d: the window covers [4, 2, 2] elements, more than the padded input [3, 3, 3]",
    ),
    "output": (
        lambda: F.conv_transpose3d(
            gradc.ones(1, 1, 3, 3), gradc.ones(1, 1, 1, 1, 1), padding=(1, 0, 0)
        ),
        ShapeError,
        "conv_transpose3d: the output would be of size [-1, 3, 3] for input [1, 1, 3, 3] and "
        "weight [1, 1, 1, 1, 1]",
    ),
    "output_padding": (
        lambda: F.conv_transpose3d(
            gradc.ones(1, 1, 3, 3), gradc.ones(1, 1, 1, 1, 1), output_padding=1
        ),
        ArgumentError,
        "conv_transpose3d: output_padding must be less than stride or dilation, got [1, 1, 1] for "
        "stride [1, 1, 1] and dilation [1, 1, 1]",
    ),
    "dropout": (
        lambda: F.dropout3d(gradc.ones(3, 3)),
        ShapeError,
        "dropout3d: expected input [N, C, D, H, W] or [C, D, H, W], got [3, 3]",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    action, error, message = REFUSED[name]
    with pytest.raises(error) as caught:
        action()
    assert str(caught.value).splitlines()[0] == message
