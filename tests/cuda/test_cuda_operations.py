"""The table of tensor operations on a device against the CPU, gradients included."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from tensor_operations import CASES

import gradc
from gradc.compiler import cuda_eager
from gradc.devices.eager import set_eager

ON_REAL_DEVICES = True


class On:
    """The library with new tensors on a device."""

    def __init__(self, device):
        self.device = device

    def __getattr__(self, name):
        found = getattr(gradc, name)
        if name in ("tensor", "arange", "linspace", "logspace", "eye", "zeros", "ones", "full"):
            return functools.partial(found, device=self.device)
        return found


def run(name, device, dtype):
    function, *arrays = CASES[name]
    gradc.manual_seed(5)
    xs = [gradc.tensor(a, dtype=dtype, device=device, requires_grad=True) for a in arrays]
    y = function(On(device), *xs)
    assert y.device == xs[0].device
    if y.requires_grad:
        weights = np.cos(np.arange(float(y.numel()))).reshape(y.shape)
        (y * gradc.tensor(weights, dtype=y.dtype, device=device)).sum().backward()
    return y, [x.grad for x in xs]


def close(x, y):
    x, y = x.detach().cpu().numpy(), y.detach().numpy()
    np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_like_the_cpu(name):
    dtype = gradc.float64
    there, grads = run(name, "cuda", dtype)
    here, expected = run(name, "cpu", dtype)
    assert there.device == gradc.device("cuda:0")
    np.testing.assert_allclose(
        there.detach().cpu().numpy(), here.detach().numpy(), rtol=1e-9, atol=1e-12
    )
    for g, e in zip(grads, expected, strict=True):
        assert (g is None) == (e is None)
        if e is not None:
            assert g.device == gradc.device("cuda:0")
            close(g, e)


# Operations of every kind through generated kernels; the whole table takes minutes.
KERNELS = (
    "add sub div pow_tensor sigmoid where clamp sum_dims mean prod_dim amax max_dim cumsum softmax "
    "logsumexp matmul matmul_batch einsum_batch reshape_copy permute gather scatter index_select "
    "index_add sort topk cat flip tril set_slice masked_scatter"
).split()


@pytest.mark.parametrize("name", KERNELS)
def test_generated_kernels(name, where):
    if where == "emulated":
        set_eager(cuda_eager.run)
    test_like_the_cpu(name)
