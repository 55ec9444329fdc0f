"""A training step on the CUDA driver: what it calls, against the real bindings' signatures.

Memory is the host's, so copies and products are done; kernels are only recorded.
"""

from __future__ import annotations

import gc

import numpy as np
import pytest
from fake_cublaslt import FakeCublasLt
from fake_cuda import FakeCuda

import gradc
from gradc import nn
from gradc.compiler import cuda_eager, cuda_products
from gradc.devices import bindings
from gradc.devices import driver as drivers
from gradc.devices.eager import set_eager

real = pytest.importorskip("cuda.bindings.driver")
pytest.importorskip("cuda.bindings.nvjitlink")
pytestmark = pytest.mark.cuda_compile


@pytest.fixture
def fake(monkeypatch):
    made = FakeCuda(real)
    monkeypatch.delenv("GRADC_CUDA")
    monkeypatch.setattr(bindings.LIBRARY, "module", made)
    monkeypatch.setattr(drivers, "_DRIVERS", {})
    monkeypatch.setattr(cuda_products, "find_cublaslt", FakeCublasLt)
    monkeypatch.setattr(cuda_eager, "_OPERATIONS", {})
    set_eager(cuda_eager.run)
    yield made
    gc.collect()  # what is freed is this driver's


def made_step():
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    arrays = [p.detach().numpy() for p in model.parameters()]
    model.to("cuda")
    opt = gradc.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    @gradc.compile
    def step(x, y):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return step, arrays


def test_a_step_is_one_graph_launch(fake):
    step, _ = made_step()
    x = gradc.from_numpy(np.ones((4, 8), np.float32)).to("cuda")
    y = gradc.from_numpy(np.zeros(4, np.int64)).to("cuda")

    def calls():
        fake.calls.clear()
        step(x, y)
        return fake.names()

    # the first call makes the state of the optimizer and runs kernel by kernel
    first = calls()
    kernels = first.count("cuLaunchKernel")
    assert kernels > 3
    assert "cuStreamBeginCapture" not in first
    for _ in range(2):
        later = calls()
    assert later.count("cuGraphLaunch") == 1
    # the arguments are copied in, the loss is copied out into fresh memory
    assert later.count("cuMemcpyDtoDAsync") == 3
    assert set(later) == {
        "cuCtxSetCurrent",
        "cuMemcpyDtoDAsync",
        "cuGraphLaunch",
        "cuMemAllocAsync",
        "cuMemFreeAsync",
    }
    streams = {a[-1] for name, a in fake.calls if name in ("cuMemcpyDtoDAsync", "cuGraphLaunch")}
    assert streams == {0}  # the legacy default stream, PyTorch's and CuPy's too


def test_arrays_begin_where_kernels_take_them_to_begin(fake):
    step, _ = made_step()
    x = gradc.from_numpy(np.ones((4, 8), np.float32)).to("cuda")
    y = gradc.from_numpy(np.zeros(4, np.int64)).to("cuda")
    step(x, y)
    program = step.build(x, y)
    assert len(program.hypers) > 1
    assert not any(address % 16 for address in program.addresses)


def test_what_is_captured_is_what_ran(fake):
    w = gradc.from_numpy(np.eye(4, dtype=np.float32) * 2).to("cuda")
    product = gradc.compile(lambda x: gradc.exp(x @ w))
    x = gradc.from_numpy(np.arange(8, dtype=np.float32).reshape(2, 4)).to("cuda")

    def work():
        fake.calls.clear()
        fake.parameters_of_launches.clear()
        fake.expected_parameters = 1  # exp, in place
        product(x)
        streams = {a[8] for name, a in fake.calls if name == "cuLaunchKernel"}
        return streams, list(fake.parameters_of_launches)

    ran_on, ran = work()
    captured_on, captured = work()
    assert ran == captured
    assert ran_on == {0}
    begun = next(a for name, a in fake.calls if name == "cuStreamBeginCapture")
    assert captured_on == {int(begun[0])} != {0}


def test_products_go_to_cublaslt(fake):
    x, y = (np.random.default_rng(i).standard_normal((4, 4)).astype("f") for i in range(2))
    a, b = (gradc.from_numpy(z).to("cuda") for z in (x, y))
    np.testing.assert_allclose((a @ b).cpu().numpy(), x @ y, rtol=1e-5)
    workspace = [args[0] for name, args in fake.calls if name == "cuMemAllocAsync"]
    assert 32 << 20 in workspace


def test_without_cublaslt_there_is_a_kernel(fake, monkeypatch):
    monkeypatch.setattr(cuda_products, "find_cublaslt", lambda: None)
    fake.expected_parameters = 3
    a = gradc.from_numpy(np.ones((3, 4), np.float32)).to("cuda")
    b = gradc.from_numpy(np.ones((4, 5), np.float32)).to("cuda")
    a @ b
    assert len(fake.parameters_of_launches) == 1
    (name,) = (a[1] for n, a in fake.calls if n == "cuModuleGetFunction")
    assert name == b"gradc_matmul"
