"""Compiled functions update memory in place: what else holds that memory, and what sees it."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import gradc
from gradc.compiler import cuda_eager
from gradc.devices.eager import set_eager
from gradc.tensor import exchange

ON_REAL_DEVICES = True


@pytest.fixture(autouse=True)
def kernels(emulated, where):
    if where == "emulated":
        set_eager(cuda_eager.run)


def adding(w):
    """Return a compiled function that adds to a tensor."""

    @gradc.compile
    def add(x):
        w.add_(x)
        return w.sum()

    return add


ONE = [1.0, 1.0, 1.0, 1.0]


def test_copies_stay_and_views_follow():
    w = gradc.zeros(2, 2, device="cuda")
    x = gradc.ones(2, 2, device="cuda")
    add = adding(w)
    before = [w.clone(), copy.deepcopy(w), w + 0, w.cpu(), gradc.tensor(w)]
    row, turned, same = w[0], w.t(), w.detach()
    add(x)
    after = [w.clone(), w.reshape(4).clone(), w.to("cuda", copy=True)]
    add(x)
    add(x)
    assert all(t.tolist() == [[0.0, 0.0], [0.0, 0.0]] for t in before)
    assert [t.flatten().tolist() for t in after] == [ONE] * 3
    assert row.tolist() == [3.0, 3.0]
    assert turned.tolist() == same.tolist() == w.tolist() == [[3.0, 3.0], [3.0, 3.0]]
    row.mul_(10)  # a write through a view, and the program goes on from there
    add(x)
    assert w.tolist() == [[31.0, 31.0], [4.0, 4.0]]
    other = gradc.zeros(2, 2, device="cuda")
    other.copy_(w)
    add(x)
    assert other.tolist() == [[31.0, 31.0], [4.0, 4.0]]


def test_gradients_keep_their_own_memory():
    w = gradc.ones(3, device="cuda", requires_grad=True)
    seed = gradc.ones(3, device="cuda")
    grow = adding(seed)
    kept = []
    w.register_hook(kept.append)
    (w * 1.0).backward(seed)
    (grad,) = gradc.autograd.grad(w + 0, w, seed)
    grow(gradc.ones(3, device="cuda"))
    grow(gradc.ones(3, device="cuda"))
    assert w.grad.tolist() == grad.tolist() == kept[0].tolist() == [1.0] * 3
    assert seed.tolist() == [3.0] * 3


def test_values_saved_for_backward_are_guarded():
    w = gradc.ones(3, device="cuda")
    add = adding(w)
    add(w.clone())
    x = gradc.ones(3, device="cuda", requires_grad=True)
    y = (x * w).sum()
    add(w.clone())
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_training_steps_and_a_moving_average():
    gradc.manual_seed(0)
    model = gradc.nn.Linear(3, 1).to("cuda")
    average = copy.deepcopy(model)
    optimizer = gradc.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x, y = gradc.ones(4, 3, device="cuda"), gradc.zeros(4, 1, device="cuda")

    @gradc.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    start = model.weight.tolist()
    states = []
    for _ in range(3):
        step(x, y)
        states.append({k: v.clone() for k, v in model.state_dict().items()})
        with gradc.no_grad():
            for a, p in zip(average.parameters(), model.parameters(), strict=True):
                a.lerp_(p, 0.5)
    weights = np.array([s["weight"].tolist() for s in states])
    assert len(np.unique(weights.round(6), axis=0)) == 3
    expected = np.array(start)
    for w in weights:
        expected = (expected + w) / 2
    np.testing.assert_allclose(average.weight.detach().cpu().numpy(), expected, rtol=1e-5)
    model.load_state_dict(states[0])
    step(x, y)
    assert states[0]["weight"].tolist() == weights[0].tolist()


def test_memory_lent_to_another_library_sees_eager_changes():
    x = gradc.zeros(4, device="cuda")
    taken = exchange.from_dlpack(Lent(x))
    x.add_(1)
    x[0] = 5
    assert taken.tolist() == [5.0, 1.0, 1.0, 1.0]
    taken.mul_(2)
    assert x.tolist() == [10.0, 2.0, 2.0, 2.0]
    add = adding(x)
    for _ in range(2):
        add(gradc.ones(4, device="cuda"))
    x.sub_(1)
    add(gradc.ones(4, device="cuda"))
    assert taken.tolist() == x.tolist() == [12.0, 4.0, 4.0, 4.0]
    taken.zero_()
    assert add(gradc.ones(4, device="cuda")).item() == 4.0


def test_state_of_a_program_lent_to_another_library():
    x = gradc.zeros(4, device="cuda")
    add = adding(x)
    add(gradc.ones(4, device="cuda"))
    taken = exchange.from_dlpack(Lent(x))
    add(gradc.ones(4, device="cuda"))
    x.mul_(2)
    add(gradc.ones(4, device="cuda"))
    assert taken.tolist() == x.tolist() == [5.0] * 4


class Lent:
    """Another library's name for a tensor's memory."""

    def __init__(self, x):
        self.x = x

    def __dlpack_device__(self):
        return exchange.CUDA_KIND, self.x.get_device()

    def __dlpack__(self, stream=None):
        return self.x.__dlpack__(stream=stream)
