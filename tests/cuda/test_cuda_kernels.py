"""Kernels with shared memory, collectives and passes, at sizes that need them, against the CPU."""

from __future__ import annotations

import numpy as np
import pytest

import gradc
from gradc.compiler.cuda_fallback import Fallback
from gradc.compiler.cuda_products import products_of
from gradc.devices.array import upload
from gradc.devices.driver import driver
from gradc.nn import functional as F
from gradc.runtime.cuda_launch import View

ON_REAL_DEVICES = True
rng = np.random.default_rng(7)

# shapes of x and w, and the arguments of conv2d
CONVOLUTIONS = {
    "tiles": ((2, 16, 12, 11), (24, 16, 3, 3), {"padding": 1}),
    "strides": ((3, 8, 17, 15), (20, 8, 5, 3), {"stride": (2, 3), "padding": (2, 0)}),
    "dilation": ((2, 8, 14, 14), (16, 8, 3, 3), {"dilation": 2}),
    "groups": ((2, 32, 9, 9), (32, 16, 3, 3), {"groups": 2}),
    "depthwise": ((2, 24, 9, 9), (24, 1, 3, 3), {"groups": 24, "padding": 1}),
    "long sums": ((1, 160, 6, 6), (16, 160, 3, 3), {"padding": 1}),
    "many tiles": ((8, 16, 40, 40), (64, 16, 3, 3), {}),
}


def gradients(function, *arrays):
    """Return a result and gradients on both devices, as arrays."""
    found = {}
    for device in ("cpu", "cuda"):
        xs = [gradc.tensor(a, device=device, requires_grad=True) for a in arrays]
        y = gradc.compile(function)(*xs)
        weights = np.cos(np.arange(float(y.numel()))).reshape(y.shape).astype(arrays[0].dtype)
        (y * gradc.tensor(weights, device=device)).sum().backward()
        found[device] = [t.detach().cpu().numpy() for t in (y, *(x.grad for x in xs))]
    return found["cuda"], found["cpu"]


ALWAYS = [("tiles", np.float32), ("groups", np.float64), ("long sums", np.float32)]
OTHERS = [(n, t) for n in CONVOLUTIONS for t in (np.float32, np.float64) if (n, t) not in ALWAYS]


@pytest.mark.parametrize(
    ("name", "dtype"), [*ALWAYS, *(pytest.param(*c, marks=pytest.mark.slow) for c in OTHERS)]
)
def test_convolutions(name, dtype):
    x_shape, w_shape, how = CONVOLUTIONS[name]
    x, w = (rng.standard_normal(shape).astype(dtype) for shape in (x_shape, w_shape))
    there, here = gradients(lambda x, w: F.conv2d(x, w, **how), x, w)
    for found, expected in zip(there, here, strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(
            found, expected, atol=scale * (1e-5 if dtype is np.float32 else 1e-12)
        )


def test_a_convolution_gives_the_same_bits_every_time():
    x, w = gradc.randn(4, 32, 14, 14, device="cuda"), gradc.randn(32, 32, 3, 3, device="cuda")
    w.requires_grad_()
    bits = set()
    for _ in range(3):
        w.grad = None
        F.conv2d(x, w).square().sum().backward()
        bits.add(w.grad.cpu().numpy().tobytes())
    assert len(bits) == 1


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("shape", [(3, 20), (4, 300), (2, 2048), (2, 9000)])
def test_sorts(shape, descending):
    x = np.round(rng.standard_normal(shape), 1).astype("f")
    x[0, ::9] = np.nan
    found = gradc.tensor(x, device="cuda").sort(descending=descending, stable=True)
    expected = gradc.tensor(x).sort(descending=descending, stable=True)
    np.testing.assert_array_equal(found.values.cpu().numpy(), expected.values.numpy())
    np.testing.assert_array_equal(found.indices.cpu().numpy(), expected.indices.numpy())


@pytest.mark.parametrize(
    ("shape", "axis"), [((5, 700), 1), ((3, 5000), 1), ((60, 40), 0), ((100_000,), 0)]
)
def test_running_sums(shape, axis):
    x = rng.standard_normal(shape)
    there, here = gradients(lambda x: x.cumsum(axis), x)
    for found, expected in zip(there, here, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_a_product_with_a_bias():
    x, w, b = (rng.standard_normal(shape).astype("f") for shape in ((33, 20), (17, 20), (17,)))
    there, here = gradients(F.linear, x, w, b)
    for found, expected in zip(there, here, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("code", ["f32", "f64", "i32", "i64", "u8"])
@pytest.mark.parametrize("bias", [False, True])
def test_products_without_a_library(code, bias):
    dtype = {"f32": "f4", "f64": "f8", "i32": "i4", "i64": "i8", "u8": "u1"}[code]
    a, b, c = (rng.integers(0, 5, n).astype(dtype) for n in ((70, 50), (40, 50), (40,)))
    arrays = [upload(z) for z in (a, b, np.zeros((70, 40), dtype), c)]
    views = [View(z.address, code, z.shape) for z in arrays]
    fallback = Fallback(driver())
    fallback.run("matmul_t", *views[:3], views[3] if bias else None)
    expected = np.matmul(a, b.T, dtype=dtype) + (c if bias else 0)
    np.testing.assert_array_equal(arrays[2].numpy(), expected.astype(dtype))


def test_who_computes_products(where):
    expected = {"emulated": {"NumPy, for the emulated device"}}
    expected["real"] = {"cuBLASLt", "generated kernels"}
    expected["ptx"] = {"cuBLASLt"}
    assert products_of(driver()).library in expected[where]


# shape of q, shape of v, causal
ATTENTIONS = {
    "causal": ((2, 3, 70, 24), (2, 3, 70, 24), True),
    "keys": ((1, 2, 40, 33), (1, 2, 130, 8), False),
    "remainders": ((1, 2, 65, 64), (1, 2, 65, 64), False),
    "many blocks": ((16, 8, 80, 16), (16, 8, 80, 16), True),
    "wide heads": ((2, 2, 100, 128), (2, 2, 100, 128), True),
    "widest heads": ((1, 2, 70, 256), (1, 2, 70, 256), False),
    "no room": ((1, 2, 30, 300), (1, 2, 30, 300), True),
}


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("causal", np.float32),
        *(
            pytest.param(n, t, marks=pytest.mark.slow)
            for n in ATTENTIONS
            for t in (np.float32, np.float64)
            if (n, t) != ("causal", np.float32)
        ),
    ],
)
def test_attention(name, dtype):
    q_shape, v_shape, causal = ATTENTIONS[name]
    shapes = q_shape, (*v_shape[:3], q_shape[3]), v_shape
    q, k, v = (rng.standard_normal(shape).astype(dtype) for shape in shapes)

    def attend(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)

    there, here = gradients(attend, q, k, v)
    for found, expected in zip(there, here, strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(
            found, expected, atol=scale * (2e-5 if dtype is np.float32 else 1e-11)
        )


def test_attention_gives_the_same_bits_every_time():
    q, k, v = (gradc.randn(2, 2, 80, 16, device="cuda", requires_grad=True) for _ in range(3))
    bits = set()
    for _ in range(3):
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        found = gradc.autograd.grad(out.square().sum(), (q, k, v))
        bits.add(b"".join(x.cpu().numpy().tobytes() for x in found))
    assert len(bits) == 1
