"""Resampling, rearrangement, bilinear products and dropout of channels against PyTorch."""

import numpy as np
import pytest

import gradc
from gradc import nn

torch = pytest.importorskip("torch")
from case_table import check, parts  # noqa: E402 # it needs torch

rng = np.random.default_rng(8)
SIGNAL = rng.standard_normal((2, 3, 7))
IMAGES = rng.standard_normal((2, 4, 6, 5))
COLUMNS = rng.standard_normal((2, 8, 12))


def F(name, *given, return_indices=False, **options):
    def case(L, x, *rest):
        function = getattr(L.nn.functional, name)
        if not return_indices:
            return function(x, *given, *rest, **options)
        y, index = function(x, *given, *rest, **options, return_indices=True)
        return y * (index + 1)

    return case


def resized(array, *given, **options):
    return (F("interpolate", *given, **options), array)


def lines(array, *given, **options):
    mode = "linear" if array.ndim == 3 else "bilinear"
    return resized(array, *given, mode=mode, **options)


CASES = {
    "nearest": resized(SIGNAL, 11),
    "nearest twice": resized(IMAGES, scale_factor=2),
    "nearest thrice and half": resized(IMAGES, scale_factor=(3, 0.5)),
    "nearest smaller": resized(IMAGES, (4, 3)),
    "nearest of a factor": resized(SIGNAL, scale_factor=1.7),
    "nearest of factors": resized(IMAGES, scale_factor=(0.6, 2.5)),
    "nearest recomputed": resized(SIGNAL, scale_factor=1.7, recompute_scale_factor=True),
    "nearest-exact": resized(SIGNAL, 11, mode="nearest-exact"),
    "nearest-exact smaller": resized(IMAGES, scale_factor=0.7, mode="nearest-exact"),
    "area": resized(IMAGES, (4, 3), mode="area"),
    "area of a factor": resized(SIGNAL, scale_factor=1.5, mode="area"),
    "linear": lines(SIGNAL, 11),
    "linear of a factor": lines(SIGNAL, scale_factor=1.7),
    "linear recomputed": lines(SIGNAL, scale_factor=1.7, recompute_scale_factor=True),
    "linear aligned": lines(SIGNAL, 11, align_corners=True),
    "linear to one": lines(SIGNAL, 1, align_corners=True),
    "linear of one": lines(SIGNAL[:, :, :1], 3),
    "linear of the same size": lines(SIGNAL, scale_factor=1.05),
    "bilinear": lines(IMAGES, scale_factor=2, align_corners=False),
    "bilinear smaller": lines(IMAGES, (3, 2)),
    "bilinear aligned": lines(IMAGES, (9, 3), align_corners=True),
    "pixel_shuffle": (F("pixel_shuffle", 2), IMAGES),
    "pixel_shuffle of one": (F("pixel_shuffle", 2), IMAGES[0]),
    "pixel_unshuffle": (F("pixel_unshuffle", 2), IMAGES[:, :, :, :4]),
    "channel_shuffle": (lambda L, x: (
        L.nn.functional.channel_shuffle(x, 2) if L is gradc else
        x.unflatten(1, (2, 2)).transpose(1, 2).flatten(1, 2)), IMAGES),
    "unfold": (F("unfold", 3), IMAGES),
    "unfold of steps": (F("unfold", (2, 3), dilation=(2, 1), padding=1, stride=(1, 2)), IMAGES),
    "unfold of one": (F("unfold", (1, 2)), IMAGES[0]),
    "fold": (F("fold", (5, 4), 2), COLUMNS),
    "fold of steps": (F("fold", (7, 6), (2, 2), stride=2, padding=(0, 1)), COLUMNS),
    "fold dilated": (F("fold", (8, 4), (2, 1), dilation=(3, 1), stride=(2, 1)), COLUMNS),
    "fold of one": (F("fold", (3, 5), (1, 2)), COLUMNS[0]),
    **{
        f"adaptive_max_pool2d {size}": (F("adaptive_max_pool2d", size), IMAGES)
        for size in (1, 2, (3, 5), (4, 3), (6, None), (7, 9))
    },
    **{f"adaptive_max_pool1d {n}": (F("adaptive_max_pool1d", n), SIGNAL) for n in (1, 3, 7, 9)},
    "adaptive_max_pool2d of ties": (F("adaptive_max_pool2d", (4, 3)), IMAGES.round() * 1.0),
    "adaptive_max_pool2d indices": (
        F("adaptive_max_pool2d", (4, 2), return_indices=True), IMAGES.round()),
    "adaptive_max_pool1d indices": (
        F("adaptive_max_pool1d", 4, return_indices=True), SIGNAL[0].round()),
    "lp_pool1d": (F("lp_pool1d", 3, 2), SIGNAL),
    "lp_pool1d of overlaps": (F("lp_pool1d", 2.5, 3, 1), np.abs(SIGNAL)),
    "lp_pool2d": (F("lp_pool2d", 2, (2, 3), stride=2), IMAGES),
    "lp_pool2d ceil": (F("lp_pool2d", 2, 4, ceil_mode=True), IMAGES),
    "lp_pool2d of the largest": (F("lp_pool2d", np.inf, 2), IMAGES),
    "lp_pool2d of the smallest": (F("lp_pool2d", -np.inf, 2), IMAGES),
    "lp_pool2d of zeros": (F("lp_pool2d", 2, 2), np.zeros((1, 1, 4, 4))),
    "bilinear product": (F("bilinear"), SIGNAL[0], SIGNAL[1], rng.standard_normal((4, 7, 7))),
    "bilinear product and bias": (
        F("bilinear"), SIGNAL, SIGNAL[:, :, :2], rng.standard_normal((4, 7, 2)), np.arange(4.0)),
    "bilinear product of vectors": (
        F("bilinear"), SIGNAL[0, 0], SIGNAL[1, 0], rng.standard_normal((1, 7, 7))),
}  # fmt: skip


@pytest.mark.parametrize("names", parts(CASES), ids=lambda names: f"{names[0]} to {names[-1]}")
def test_values_and_gradients(names):
    check(CASES, names)


def test_float32():
    names = ["nearest", "linear", "bilinear", "unfold", "fold", "bilinear product"]
    check(CASES, names, np.float32)


@pytest.mark.parametrize("factor", [1.1, 1.3, 1.9, 2.01, 2.2, 0.3, 0.7, 3.3])
def test_nearest_in_float32_takes_pytorchs_elements(factor):
    x = np.arange(50, dtype="f").reshape(1, 1, 50)
    for mode in ("nearest", "nearest-exact"):
        got = gradc.nn.functional.interpolate(gradc.tensor(x), scale_factor=factor, mode=mode)
        their = torch.from_numpy(x)
        their = torch.nn.functional.interpolate(their, scale_factor=factor, mode=mode)
        np.testing.assert_array_equal(got.numpy(), their.numpy())


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize(
    ("layer", "shape", "space"),
    [
        (nn.Dropout1d, (40, 50, 3), 1),
        (nn.Dropout1d, (900, 3), 1),
        (nn.Dropout2d, (40, 50, 2, 3), 2),
    ],
)
def test_dropout_of_channels(layer, shape, space, compiled):
    gradc.manual_seed(0)
    drop = layer(0.3)
    run = gradc.compile(drop) if compiled else drop
    x = gradc.ones(*shape, requires_grad=True)
    y = run(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())
    channels = y.detach().numpy().reshape(*shape[: len(shape) - space], -1)
    assert (channels == channels[..., :1]).all()
    kept = channels[..., 0] != 0
    assert abs(kept.mean() - 0.7) < 0.04
    np.testing.assert_allclose(channels[kept], 1 / 0.7, rtol=1e-6)
    drop.eval()
    assert run(x).sum().item() == x.numel()


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_alpha_dropout_keeps_mean_and_variance(compiled):
    gradc.manual_seed(0)
    drop = nn.AlphaDropout(0.25)
    run = gradc.compile(drop) if compiled else drop
    x = gradc.randn(40000)
    y = run(x).numpy()
    assert abs(y.mean()) < 0.03
    assert abs(y.std() - 1) < 0.03
    # One value stands for all that was dropped; the rest is a line of x.
    values, counts = np.unique(y, return_counts=True)
    assert abs(counts.max() / 40000 - 0.25) < 0.01
    scale = 1 / np.sqrt((1 + 0.25 * 1.7580993408473766**2) * 0.75)
    limit = values[counts.argmax()]
    np.testing.assert_allclose(limit, scale * 1.7580993408473766 * (0.25 - 1), rtol=1e-5)
    kept = y != limit
    shift = scale * 1.7580993408473766 * 0.25
    np.testing.assert_allclose(y[kept], x.numpy()[kept] * scale + shift, rtol=1e-4, atol=1e-5)
    drop.eval()
    assert run(x).tolist() == x.tolist()


def test_dropout_of_everything_and_in_place():
    x = gradc.ones(2, 3, 4)
    for name in ("dropout1d", "dropout2d", "alpha_dropout"):
        function = getattr(gradc.nn.functional, name)
        assert function(x, 1.0, training=True).sum().item() == 0.0
        assert function(x, 0.0, training=True) is x
        y = x.clone()
        gradc.manual_seed(1)
        assert function(y, 0.5, training=True, inplace=True) is y
        gradc.manual_seed(1)
        assert y.tolist() == function(x, 0.5, training=True).tolist()
