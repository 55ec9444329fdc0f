"""The device of tensors that name none: `set_default_device`, `with gradc.device(...)`."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import gradc
from gradc import nn
from gradc.errors import DeviceError
from gradc.utils.data import DataLoader, TensorDataset, random_split

FIRST, SECOND, CPU = gradc.device("cuda:0"), gradc.device("cuda:1"), gradc.device("cpu")


@pytest.fixture(autouse=True)
def put_back(emulated):
    yield
    gradc.set_default_device(None)
    gradc.cuda.set_device(0)


def made():
    """Return one tensor from each function that makes tensors."""
    return [
        gradc.zeros(2), gradc.ones(2), gradc.empty(2), gradc.full((2,), 1.0), gradc.arange(3),
        gradc.linspace(0, 1, 3), gradc.logspace(0, 1, 3), gradc.eye(2), gradc.tensor([1, 2]),
        gradc.as_tensor([1.0]), gradc.as_tensor(np.ones(2)), gradc.scalar_tensor(1), gradc.rand(2),
        gradc.randn(2), gradc.randint(3, (2,)), gradc.randperm(3), gradc.normal(0.0, 1.0, (2,)),
        nn.Linear(2, 2).weight, nn.LSTM(2, 2).bias_hh_l0, nn.BatchNorm1d(2).running_mean,
    ]  # fmt: skip


def test_everything_that_makes_a_tensor_follows():
    assert {t.device for t in made()} == {CPU}
    gradc.set_default_device("cuda:1")
    assert gradc.get_default_device() == SECOND
    assert {t.device for t in made()} == {SECOND}
    gradc.set_default_device(None)
    assert gradc.get_default_device() == CPU
    assert {t.device for t in made()} == {CPU}


def test_what_names_a_device_or_has_one_does_not():
    there = gradc.ones(2, device="cuda:0")
    with gradc.device("cuda:1"):
        assert gradc.ones(2, device="cpu").device == CPU
        assert gradc.zeros_like(there).device == FIRST
        assert gradc.as_tensor(there).device == gradc.tensor(there).device == FIRST
        assert there.new_zeros(2).device == FIRST
        assert gradc.from_numpy(np.ones(2)).device == CPU
        assert gradc.Generator().device == CPU


def test_blocks_nest_and_end_after_errors():
    with gradc.device("cuda:1") as entered:
        assert entered == SECOND
        with entered, gradc.device("cpu"):
            assert gradc.ones(1).device == CPU
        with pytest.raises(DeviceError, match="there is no device cuda:7"), gradc.device("cuda:7"):
            pass
        assert gradc.ones(1).device == SECOND
    assert gradc.ones(1).device == CPU


def test_a_device_without_a_number_is_the_current_one():
    gradc.set_default_device("cuda")
    gradc.cuda.set_device(1)
    assert gradc.ones(1).device == gradc.get_default_device() == SECOND
    gradc.set_default_device(0)
    assert gradc.ones(1).device == FIRST


def test_each_thread_has_its_own():
    gradc.set_default_device("cuda")
    found = []
    thread = threading.Thread(target=lambda: found.append(gradc.ones(1).device))
    thread.start()
    thread.join()
    assert found == [CPU]


def test_compiled_functions_are_made_anew_for_another_default():
    f = gradc.compile(lambda: gradc.ones(3) * 2)
    g = gradc.compile(lambda x: x + gradc.ones(2))
    for device in ("cpu", "cuda:1", "cpu", "cuda:0"):
        with gradc.device(device):
            assert str(f().device) == device
    with gradc.device("cuda:1"):  # a function with tensors is where they are
        assert g(gradc.ones(2, device="cpu")).device == CPU
        assert gradc.vmap(lambda r: r * gradc.ones(3))(gradc.ones(2, 3)).device == SECOND


def test_a_training_loop_names_no_device():
    with gradc.device("cuda"):
        gradc.manual_seed(0)
        model = nn.Linear(3, 1)
        nn.init.orthogonal_(model.weight)
        optimizer = gradc.optim.Adam(model.parameters(), lr=0.1)
        data = TensorDataset(gradc.randn(8, 3), gradc.ones(8, 1))
        train, test = random_split(data, [6, 2])
        assert len(test) == 2
        before = model.weight.clone()
        for _ in range(2):
            for x, y in DataLoader(train, batch_size=3, shuffle=True):
                optimizer.zero_grad()
                loss = nn.functional.mse_loss(model(x), y)
                loss.backward()
                optimizer.step()
    assert loss.device == model.weight.grad.device == FIRST
    assert not gradc.equal(model.weight, before)


@pytest.mark.parametrize(
    ("call", "message", "hint"),
    [
        (
            lambda: gradc.set_default_device("mps"),
            "set_default_device: device 'mps' is not available: tensors live on the CPU or on "
            "CUDA devices",
            'device="cpu"',
        ),
        (
            lambda: gradc.device("cuda:1", 2),
            "device: 'cuda:1' has a number already, index=2 is one too many",
            'device("cuda", 2)',
        ),
        (
            lambda: gradc.device("cuda", -1),
            "device: index must not be negative, got -1",
            "index=0",
        ),
    ],
)
def test_messages(call, message, hint):
    with pytest.raises(DeviceError) as caught:
        call()
    lines = str(caught.value).split("\n")
    assert lines[0] == message
    assert lines[-1] == f"  try: {hint}"
