"""Whole training steps through the CUDA driver, their kernels as a GPU would run them.

Driver calls, captured graphs, memory pools and products are those of a real device; the driver is
the fake one, and its GPU the PTX machine, which checks every access.
"""

import copy
from itertools import pairwise

import numpy as np
import pytest
from devices_on_ptx import ptx_devices
from ptx.schedule import ORDERS, Order

import gradc
from gradc import nn

pytestmark = pytest.mark.cuda_compile


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(5, 6, batch_first=True)
        self.out = nn.Linear(6, 3)

    def forward(self, x):
        return self.out(self.gru(x)[0][:, -1])


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        x = self.norm(x + self.attention(x, x, x, need_weights=False)[0])
        return self.out(x.mean(1))


def mlp():
    return nn.Sequential(nn.Linear(7, 16), nn.ReLU(), nn.Linear(16, 3))


def cnn():
    layers = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(72, 3))


WORKLOADS = {
    "mlp": (mlp, (12, 7), gradc.optim.Adam, {"lr": 0.01}),
    "cnn": (cnn, (6, 1, 8, 8), gradc.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    "gru": (Recurrent, (5, 4, 5), gradc.optim.AdamW, {"lr": 0.01}),
    "attention": (Attending, (3, 9, 8), gradc.optim.SGD, {"lr": 0.1}),
}


def trained(model, shape, optimizer, how, device):
    """Return losses, parameters and buffers after some compiled steps."""
    rng = np.random.default_rng(0)
    model = model.to(device)
    opt = optimizer(model.parameters(), **how)

    @gradc.compile
    def step(x, y):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    losses = []
    for _ in range(5):
        x = rng.standard_normal(shape).astype("f")
        y = rng.integers(0, 3, shape[0])
        losses.append(step(gradc.tensor(x, device=device), gradc.tensor(y, device=device)).item())
    state = {k: v.detach().cpu().numpy() for k, v in model.state_dict().items()}
    return losses, state


@pytest.fixture
def gpu(monkeypatch, tmp_path_factory):
    with ptx_devices(monkeypatch, tmp_path_factory) as made:
        yield made


ALWAYS = [("mlp", "shuffled"), ("cnn", "backwards"), ("gru", "shuffled"), ("attention", "together")]
OTHERS = [(n, o) for n in WORKLOADS for o in ORDERS if (n, o) not in ALWAYS]


@pytest.mark.parametrize(
    ("name", "order"), [*ALWAYS, *(pytest.param(*c, marks=pytest.mark.slow) for c in OTHERS)]
)
def test_a_training_step(gpu, name, order):
    make, shape, optimizer, how = WORKLOADS[name]
    gradc.manual_seed(0)
    model = make()
    gpu.order = Order(order)
    losses, state = trained(copy.deepcopy(model), shape, optimizer, how, "cuda")
    expected, parameters = trained(model, shape, optimizer, how, "cpu")
    np.testing.assert_allclose(losses, expected, rtol=2e-5, atol=1e-6)
    for key, value in parameters.items():
        np.testing.assert_allclose(state[key], value, rtol=2e-4, atol=2e-5, err_msg=key)
    names = gpu.names()
    assert names.count("cuGraphLaunch") >= 3
    assert gpu.launches > names.count("cuLaunchKernel")  # what was captured ran again and again


def test_the_same_bits_in_every_order(gpu):
    make, shape, optimizer, how = WORKLOADS["mlp"]
    gradc.manual_seed(0)
    model, found = make(), []
    for order in ("together", "forwards", "backwards"):
        gpu.order = Order(order)
        found.append(trained(copy.deepcopy(model), shape, optimizer, how, "cuda"))
    for (losses, state), (others, other) in pairwise(found):
        assert losses == others
        assert all((state[k] == other[k]).all() for k in state)
