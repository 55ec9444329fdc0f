"""affine_grid and grid_sample against PyTorch, gradients included."""

import itertools

import numpy as np
import pytest

import gradc
from gradc.errors import ArgumentError, ShapeError, UnsupportedError

torch = pytest.importorskip("torch")

rng = np.random.default_rng(6)
IMAGES = rng.standard_normal((2, 3, 4, 5))
THETA = rng.standard_normal((2, 2, 3))
GRID = rng.uniform(-2.6, 2.6, (2, 6, 7, 2))
GRID[0, 0, :4] = [[-1, -1], [1, 1], [0, 0], [0.2, -0.2]]


def run(lib, function, compiled, *arrays):
    def whole(*given):
        y = function(lib.nn.functional, *given)
        (y * lib.arange(y.numel(), dtype=y.dtype).cos().reshape(y.shape)).sum().backward()
        return y.detach()

    given = [lib.tensor(a, requires_grad=True) for a in arrays]
    y = (lib.compile(whole) if compiled else whole)(*given)
    return [t.numpy() for t in (y, *(t.grad for t in given))]


def compare(function, *arrays, ways=(False, True)):
    expected = run(torch, function, False, *arrays)
    for compiled in ways:
        for g, e in zip(run(gradc, function, compiled, *arrays), expected, strict=True):
            assert g.shape == e.shape
            np.testing.assert_allclose(g, e, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    "options",
    [*itertools.product(("bilinear", "nearest"), ("zeros", "border", "reflection"), (0, 1))],
    ids=str,
)
def test_reading(options):
    mode, padding, aligned = options
    compare(
        lambda f, x, g: f.grid_sample(x, g, mode, padding, bool(aligned)),
        IMAGES,
        GRID,
    )


@pytest.mark.filterwarnings("ignore:Since version 1.3.0, affine_grid")
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("size", [(2, 1, 3, 4), (2, 1, 1, 5)])
def test_maps(size, aligned):
    compare(lambda f, t: f.affine_grid(t, size, aligned), THETA)


def test_transformer():
    """A whole spatial transformer: the gradient of the map goes through the reading."""

    def whole(f, x, t):
        return f.grid_sample(x, f.affine_grid(t, (2, 3, 5, 5), False), align_corners=False)

    compare(whole, IMAGES, 0.5 * THETA)


F = gradc.nn.functional
X, G = gradc.tensor(IMAGES), gradc.tensor(GRID)
REFUSED = {
    "bicubic": (
        lambda: F.grid_sample(X, G, "bicubic"),
        UnsupportedError,
        "grid_sample: mode='bicubic' is not supported",
    ),
    "mode": (
        lambda: F.grid_sample(X, G, "linear"),
        ArgumentError,
        "grid_sample: mode must be 'bilinear' or 'nearest', got 'linear'",
    ),
    "padding": (
        lambda: F.grid_sample(X, G, padding_mode="wrap"),
        ArgumentError,
        "grid_sample: padding_mode must be 'zeros', 'border' or 'reflection', got 'wrap'",
    ),
    "shapes": (
        lambda: F.grid_sample(X, G[:1]),
        ShapeError,
        "grid_sample: expected input [N, C, H, W] and grid [N, P, Q, 2], got input [2, 3, 4, 5] "
        "and grid [1, 6, 7, 2]",
    ),
    "theta": (
        lambda: F.affine_grid(gradc.ones(2, 3), (1, 1, 2, 2)),
        ShapeError,
        "affine_grid: expected theta [N, 2, 3] and size (N, C, H, W), got theta [2, 3] and size "
        "(1, 1, 2, 2)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    action, error, message = REFUSED[name]
    with pytest.raises(error) as caught:
        action()
    assert str(caught.value).splitlines()[0] == message
