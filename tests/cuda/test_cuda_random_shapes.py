"""Kernels in tiles, rows and sorts at random sizes: values and gradients are the CPU's."""

from __future__ import annotations

import numpy as np
import pytest

import gradc
from gradc.nn import functional as F

ON_REAL_DEVICES = True
PRECISIONS = {"highest": 3e-4, "high": 1e-2, "medium": 6e-2}  # and what they may be off by


def check(f, *arrays, tol=1e-3):
    """Compare a compiled function on a device, and its gradients, with the CPU's eager ones."""
    found = {}
    for device in ("cpu", "cuda"):
        given = [gradc.tensor(a, device=device, requires_grad=True) for a in arrays]
        results = (gradc.compile(f) if device == "cuda" else f)(*given)
        total = gradc.zeros((), device=device, dtype=given[0].dtype)
        for y in results:
            seed = np.cos(np.arange(y.numel())).reshape(tuple(y.shape)).astype(arrays[0].dtype)
            total = total + (y * gradc.tensor(seed, device=device)).sum()
        total.backward()
        tensors = [*(y.detach() for y in results), *(x.grad for x in given)]
        found[device] = [t.cpu().numpy() for t in tensors]
    for expected, actual in zip(found["cpu"], found["cuda"], strict=True):
        scale = max(np.abs(expected).max(initial=0), 1.0)
        np.testing.assert_allclose(actual, expected, rtol=tol, atol=tol * scale)


def convolution(rng, normal, tol):
    """Compare a convolution, or a transposed one."""
    groups, window = int(rng.integers(1, 3)), int(rng.integers(1, 5))
    inner, outer = groups * int(rng.integers(1, 20)), groups * int(rng.integers(1, 40))
    stride, dilation, edge = (int(n) for n in rng.integers((1, 1, 0), (3, 3, 3)))
    least = (window - 1) * dilation + 1
    x = normal(*rng.integers((1, least, least), (5, 20, 20)).tolist())[:, None].repeat(inner, 1)
    x = x + normal(*x.shape)
    facts = {"stride": stride, "dilation": dilation, "groups": groups}
    if rng.random() < 0.7:
        w, b = normal(outer, inner // groups, window, window), normal(outer)
        check(lambda x, w, b: (F.conv2d(x, w, b, padding=edge, **facts),), x, w, b, tol=tol)
    else:
        w, b = normal(inner, outer // groups, window, window), normal(outer)
        check(lambda x, w, b: (F.conv_transpose2d(x, w, b, **facts),), x, w, b, tol=tol)


def attention(rng, normal, tol):
    """Compare an attention with heads up to 520 wide."""
    widths = [int(n) for n in rng.integers((1, 33, 140), (40, 140, 520))]
    wide, out = rng.choice(widths), rng.choice(widths)
    queries, keys = (int(n) for n in rng.integers(1, 90, 2))
    causal = bool(rng.random() < 0.5)
    given = normal(1, 2, queries, wide), normal(1, 2, keys, wide), normal(1, 2, keys, out)
    check(
        lambda q, k, v: (F.scaled_dot_product_attention(q, k, v, is_causal=causal),),
        *given,
        tol=tol,
    )


def rows(rng, normal, tol):
    """Compare folds, running sums and sorts of rows."""
    n, m = int(rng.integers(1, 40)), int(rng.integers(2, 3000))
    check(lambda x, w, b: (F.layer_norm(x, (m,), w, b),), normal(n, m), normal(m), normal(m))
    check(lambda x: (x.cumsum(1), x.sort(1).values, x.logsumexp(0), F.softmax(x, 1)), normal(n, m))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("compare", [convolution, attention, rows])
def test_random_sizes(compare, seed):
    rng = np.random.default_rng(seed)
    dtype = "f8" if rng.random() < 0.2 else "f4"
    precision = str(rng.choice(list(PRECISIONS))) if dtype == "f4" else "highest"

    def normal(*shape):
        return rng.standard_normal(shape).astype(dtype)

    before = gradc.get_float32_matmul_precision()
    gradc.set_float32_matmul_precision(precision)
    try:
        compare(rng, normal, PRECISIONS[precision])
    finally:
        gradc.set_float32_matmul_precision(before)
