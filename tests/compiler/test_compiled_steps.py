"""Compiled functions and whole steps against the same code run eagerly."""

from __future__ import annotations

import numpy as np
import pytest

import gradc
from gradc import nn, optim
from gradc.errors import RecompileError, TraceError


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


def network():
    gradc.manual_seed(3)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 3))
    return model, optim.Adam(model.parameters(), lr=0.05)


def step_of(model, optimizer):
    loss_fn = nn.CrossEntropyLoss()

    def train_step(x, y):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return train_step


def batches(n):
    rng = np.random.default_rng(0)
    for _ in range(n):
        x, y = rng.standard_normal((10, 6)).astype("f"), rng.integers(0, 3, 10)
        yield gradc.tensor(x), gradc.tensor(y)


def test_ten_adam_steps_with_dropout_and_a_schedule_equal_eager():
    runs = []
    for compiled in (False, True):
        model, optimizer = network()
        step = step_of(model, optimizer)
        step = gradc.compile(step, on_recompile="error") if compiled else step
        gradc.manual_seed(7)
        losses = []
        for i, (x, y) in enumerate(batches(10)):
            optimizer.param_groups[0]["lr"] = 0.05 / (1 + i)
            losses.append(step(x, y).item())
        state = {k: v.numpy() for k, v in model.state_dict().items()}
        grads = [p.grad.numpy() for p in model.parameters()]
        runs.append((losses, state, grads))
    (eager_losses, eager, eager_grads), (losses, state, grads) = runs
    np.testing.assert_allclose(losses, eager_losses, rtol=2e-5)
    for name, value in eager.items():
        np.testing.assert_allclose(state[name], value, rtol=1e-4, atol=2e-6)
    for a, b in zip(grads, eager_grads, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-6)


def test_train_and_eval_are_two_programs():
    model, _ = network()
    predict = gradc.compile(model)
    x = gradc.ones(4, 6)
    with gradc.no_grad():
        model.eval()
        np.testing.assert_allclose(predict(x).numpy(), model(x).numpy(), rtol=1e-5)
        model.train()
        first, second = predict(x).numpy(), predict(x).numpy()
    assert not np.array_equal(first, second)
    assert sum(map(len, predict.programs.values())) == 2


def test_nested_arguments_and_results():
    @gradc.compile
    def swap(pair, scale):
        return {"sum": (pair["a"] + pair["b"]) * scale, "pair": [pair["b"], 3]}

    a, b = gradc.tensor([1.0, 2.0]), gradc.tensor([10.0, 20.0])
    result = swap({"a": a, "b": b}, 2)
    assert result["sum"].tolist() == [22.0, 44.0]
    assert result["pair"][0] is b
    assert result["pair"][1] == 3


def test_changes_in_place_reach_the_argument():
    @gradc.compile
    def bump(x):
        x[1:] += 5.0

    x = gradc.arange(4.0)
    bump(x)
    assert x.tolist() == [0.0, 6.0, 7.0, 8.0]
    column = gradc.zeros(4, 2)[:, 1]
    bump(column)
    assert column.tolist() == [0.0, 5.0, 5.0, 5.0]


def test_recompilations_are_bounded():
    double = gradc.compile(lambda x: x + x, on_recompile="error")
    double(gradc.ones(3))
    with pytest.raises(RecompileError) as error:
        double(gradc.ones(4))
    assert error.value.message == "compile: <lambda> is compiled again, for signature number 2"


def test_branching_on_a_value_leaves_everything_as_it_was():
    model, optimizer = network()

    @gradc.compile
    def step(x):
        loss = model(x).sum()
        loss.backward()
        optimizer.step()
        if loss > 0:
            return loss
        return -loss

    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(TraceError):
        step(gradc.ones(2, 6))
    assert all((model.state_dict()[k] == v).all() for k, v in before.items())
    assert all(p.grad is None for p in model.parameters())
    assert not optimizer.state


def test_tensors_from_outside_keep_their_names():
    w = gradc.tensor(2.0, requires_grad=True)

    @gradc.compile
    def loss(x):
        L = (w * x - GLOBAL) ** 2
        L.backward()
        return L

    loss(gradc.tensor(1.5))
    assert "\nreads     w float32   GLOBAL float32\n" in loss.source
    assert "w_bar" in loss.source


GLOBAL = gradc.tensor(0.5)


def test_backward_starts_with_a_gradient_from_outside():
    g = gradc.tensor([1.0, 2.0])
    w = gradc.tensor([3.0, 4.0], requires_grad=True)
    w.register_hook(lambda gradient: g)

    @gradc.compile
    def f(x):
        (x * w).backward(g)
        return w.grad

    assert f(gradc.tensor([5.0, 6.0])).tolist() == [1.0, 2.0]
    w._hooks.clear()
    w.grad = None
    assert gradc.compile(f.function)(gradc.tensor([5.0, 6.0])).tolist() == [5.0, 12.0]
